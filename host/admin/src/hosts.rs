//! The hosts that the operators' port answers for.
//!
//! A page in an operator's browser can have a name of its own resolve to this port (DNS rebinding):
//! the browser then takes the port for the page's own server. Such a request names the page's host.

use std::net::{IpAddr, SocketAddr};

use tollgate_chain::Authority;

/// The names and addresses of the operators' port. A port number does not matter: it may be
/// forwarded.
#[derive(Debug, Clone)]
pub struct AdminHosts {
    address: IpAddr,
    names: Box<[String]>,
}

impl AdminHosts {
    /// The hosts of a port that listens on this address and has these names beside loopback ones.
    #[must_use]
    pub fn new(address: SocketAddr, names: &[String]) -> Self {
        Self { address: address.ip(), names: names.into() }
    }

    /// Returns true if the authority is of this port: a loopback name or address, the address that
    /// it listens on (any where that is unspecified, since an address cannot be rebound), or one of
    /// its names.
    pub(crate) fn include(&self, authority: &Authority) -> bool {
        let host = authority.host();
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(address) => {
                let address = address.to_canonical();
                address.is_loopback() || self.address.is_unspecified() || address == self.address
            }
            Err(_) => {
                let is_loopback = host == "localhost" || host.ends_with(".localhost");
                is_loopback || self.names.iter().any(|name| name == host)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_others_are_not_the_ports_own() {
        let own = |address: &str, host: &str| {
            let hosts = AdminHosts::new(address.parse().unwrap(), &["gate.internal".to_owned()]);
            hosts.include(&Authority::from_canonical(host))
        };
        let (one, any) = ("10.0.0.7:8081", "[::]:8081");
        for host in
            ["localhost", "localhost:9", "a.localhost", "127.0.0.1:8081", "[::1]", "gate.internal"]
        {
            assert!(own(one, host) && own(any, host), "{host}");
        }
        for host in [
            "evil.example",
            "localhost.evil.example",
            "evil-gate.internal",
            "127.0.0.1.evil.example",
        ] {
            assert!(!own(one, host) && !own(any, host), "{host}");
        }
        assert!(own(one, "10.0.0.7") && !own(one, "10.0.0.8") && own(any, "10.0.0.8:8081"));
    }
}
