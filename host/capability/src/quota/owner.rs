//! The owner of a bucket. Sandbox and live never share one.

use std::net::{IpAddr, Ipv6Addr};

use tollgate_chain::{Environment, Partition, Principal};

/// The owner of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owner<'a> {
    /// A tenant in one environment, all of its keys together.
    Tenant(&'a str, Environment),
    /// A key, which belongs to one environment.
    Key(&'a str, Environment),
    /// A caller's address, see [`Owner::address`].
    Address(IpAddr),
}

impl<'a> Owner<'a> {
    /// Returns the owner that an address belongs to: an IPv4 address, or the whole /64 that an IPv6
    /// customer is given, so that nobody has 2^64 buckets.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => {
                let network = address.to_bits() & !u128::from(u64::MAX);
                IpAddr::V6(Ipv6Addr::from_bits(network))
            }
            v4 @ IpAddr::V4(_) => v4,
        })
    }

    /// Returns the owner that a partition means in an exchange. Before there is a principal, tenant
    /// and key mean the caller's address: a stranger is never charged to a tenant.
    pub(crate) fn of(
        partition: Partition,
        principal: Option<&'a Principal>,
        client: IpAddr,
    ) -> Self {
        match (partition, principal) {
            (Partition::Tenant, Some(principal)) => {
                Self::Tenant(&principal.tenant, principal.environment)
            }
            (Partition::Key, Some(principal)) => {
                Self::Key(&principal.key_id, principal.environment)
            }
            (Partition::Address, _) | (_, None) => Self::address(client),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ipv6_callers_share_a_bucket_by_64_bits_and_mapped_ipv4_is_ipv4() {
        let at = |text: &str| Owner::address(text.parse().expect("an address"));
        assert_eq!(at("2001:db8:0:1::1"), at("2001:db8:0:1:ffff::2"));
        assert_ne!(at("2001:db8:0:1::1"), at("2001:db8:0:2::1"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }

    #[test]
    fn without_a_principal_every_partition_means_the_address() {
        let client = "192.0.2.1".parse().expect("an address");
        for partition in [Partition::Tenant, Partition::Key, Partition::Address] {
            assert_eq!(Owner::of(partition, None, client), Owner::Address(client));
        }
    }
}
