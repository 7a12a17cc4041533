//! File descriptors: the soft limit is raised to the hard one, and what is left beside upstreams,
//! files and the admin port is what listeners may have.

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tollgate_config::Config;

/// Most connections of the admin port.
pub const ADMIN_CONNECTIONS_MAX: usize = 32;
/// Descriptors that no caller may take: those of the admin port, and of files, databases, event
/// queues and listening sockets.
const RESERVED: usize = ADMIN_CONNECTIONS_MAX + 48;

/// The descriptors that the process may have.
#[derive(Debug, Clone, Copy)]
pub struct DescriptorLimit(usize);

impl DescriptorLimit {
    /// Raises the soft limit to the hard one. Where that fails the soft limit stays as it is.
    ///
    /// # Errors
    /// The system does not tell the limit.
    pub fn raise() -> io::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let limit = match setrlimit(Resource::RLIMIT_NOFILE, hard, hard) {
            Ok(()) => hard,
            Err(error) => {
                tracing::warn!(%error, soft, hard, "the limit of file descriptors stays");
                soft
            }
        };
        Ok(Self(usize::try_from(limit).unwrap_or(usize::MAX)))
    }

    /// Returns how many connections each listener may have, in the order of the configuration: as
    /// many as it declares, or its part of what the limit leaves.
    #[must_use]
    pub fn connections(self, config: &Config) -> Vec<usize> {
        let declared: Vec<usize> =
            config.listeners().iter().map(|listener| listener.connections_max).collect();
        let upstream = config
            .upstreams()
            .iter()
            .map(|upstream| upstream.connections_max.saturating_mul(upstream.endpoints.len()))
            .fold(0, usize::saturating_add);
        let shares = shares(self.0, &declared, upstream);

        let (limit, reserved) = (self.0, RESERVED);
        tracing::info!(limit, reserved, upstream, "file descriptors");
        for ((listener, declared), share) in config.listeners().iter().zip(declared).zip(&shares) {
            if *share < declared {
                let (listener, connections_max) = (&listener.name, share);
                tracing::warn!(
                    listener,
                    declared,
                    connections_max,
                    "too few file descriptors for the declared connections"
                );
            }
        }
        shares
    }
}

/// Divides what is left of the limit in proportion to what is declared. Upstreams get what they
/// may need, but never more than half. Each listener gets at least one connection.
fn shares(limit: usize, declared: &[usize], upstream: usize) -> Vec<usize> {
    let left = limit.saturating_sub(RESERVED);
    let left = left - upstream.min(left / 2);
    let all = declared.iter().copied().fold(0, usize::saturating_add);
    if all <= left {
        return declared.to_vec();
    }

    let part = |declared: &usize| declared.saturating_mul(left) / all;
    declared.iter().map(|declared| part(declared).max(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_get_what_they_declare_where_the_limit_allows_it() {
        assert_eq!(shares(1_000_000, &[10_000, 500], 256), [10_000, 500]);
        assert_eq!(shares(RESERVED + 300, &[200], 100), [200]);
    }

    #[test]
    fn a_low_limit_is_divided_and_half_of_it_stays_for_upstreams() {
        assert_eq!(shares(RESERVED + 120, &[10_000], 256), [60]);
        assert_eq!(shares(RESERVED + 120, &[9_000, 1_000], 20), [90, 10]);
    }

    #[test]
    fn a_listener_always_gets_one_connection() {
        assert_eq!(shares(20, &[10_000, 1], 256), [1, 1]);
    }
}
