//! Turns an endpoint's name into addresses, anew for every connection, and at intervals while there
//! are connections: those that lead elsewhere by then are not used for new requests.
//!
//! When the name server fails, the last good answer is used for a minute, so that a short outage
//! of names is not an outage of services.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::error::ConnectionError;

/// The age at which the last good answer may no longer stand in for one that failed.
const LAST_GOOD: Duration = Duration::from_secs(60);
/// Addresses tried for one connection; more would only divide its time further.
const ADDRESSES_MAX: usize = 8;

pub(crate) struct NameResolver {
    host: Arc<str>,
    port: u16,
    literal: Option<SocketAddr>,
    /// Turns the list, so that connections spread over all addresses of a name.
    turn: AtomicUsize,
    last_good: Mutex<Option<(Instant, Vec<SocketAddr>)>>,
    /// The last two answers to [`NameResolver::follow`], the newest first.
    followed: Mutex<[Vec<SocketAddr>; 2]>,
    changes: AtomicUsize,
    #[cfg(test)]
    pub(crate) scripted: Mutex<Option<Vec<SocketAddr>>>,
}

impl NameResolver {
    pub(super) fn new(host: Arc<str>, port: u16) -> Self {
        let literal = host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port));
        Self {
            host,
            port,
            literal,
            turn: AtomicUsize::new(0),
            last_good: Mutex::new(None),
            followed: Mutex::default(),
            changes: AtomicUsize::new(0),
            #[cfg(test)]
            scripted: Mutex::default(),
        }
    }

    /// Tells whether the endpoint is a name, which may come to mean other addresses.
    pub(crate) fn is_name(&self) -> bool {
        self.literal.is_none()
    }

    /// Resolves the name once more for the connections that there are. A failure changes nothing:
    /// they go on.
    pub(crate) async fn follow(&self) {
        let Ok(mut addresses) = self.look_up().await else { return };
        if addresses.is_empty() {
            return;
        }
        // Name servers turn their lists.
        addresses.sort_unstable();

        let mut followed = self.followed.lock();
        let [newest, older] = &mut *followed;
        if *newest != addresses || *older != addresses {
            *older = std::mem::replace(newest, addresses);
            self.changes.fetch_add(1, Ordering::Release);
        }
    }

    /// Counts the changes of what [`NameResolver::has_moved`] says.
    pub(crate) fn changes(&self) -> usize {
        self.changes.load(Ordering::Acquire)
    }

    /// Tells whether an address was in neither of the last two answers. One answer alone may be a
    /// part of many addresses.
    pub(crate) fn has_moved(&self, address: SocketAddr) -> bool {
        let followed = self.followed.lock();
        followed.iter().all(|answer| !answer.is_empty() && !answer.contains(&address))
    }

    async fn look_up(&self) -> std::io::Result<Vec<SocketAddr>> {
        #[cfg(test)]
        if let Some(addresses) = self.scripted.lock().clone() {
            return Ok(addresses);
        }
        Ok(tokio::net::lookup_host((&*self.host, self.port)).await?.collect())
    }

    pub(super) async fn addresses(&self) -> Result<Vec<SocketAddr>, ConnectionError> {
        if let Some(address) = self.literal {
            return Ok(vec![address]);
        }
        self.settle(self.look_up().await, Instant::now())
    }

    /// Keeps a good answer, or falls back on the last one.
    fn settle(
        &self,
        answer: std::io::Result<Vec<SocketAddr>>,
        now: Instant,
    ) -> Result<Vec<SocketAddr>, ConnectionError> {
        let host = || self.host.clone();
        let failure = match answer {
            Ok(addresses) if !addresses.is_empty() => {
                *self.last_good.lock() = Some((now, addresses.clone()));
                return Ok(self.turned(addresses));
            }
            Ok(_) => ConnectionError::NoAddress { host: host() },
            Err(source) => ConnectionError::Resolve { host: host(), source: Arc::new(source) },
        };

        match &*self.last_good.lock() {
            Some((when, addresses)) if now.saturating_duration_since(*when) < LAST_GOOD => {
                tracing::warn!(%failure, "name not resolved; using the last good addresses");
                Ok(self.turned(addresses.clone()))
            }
            _ => Err(failure),
        }
    }

    fn turned(&self, mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let count = addresses.len().max(1);
        addresses.rotate_left(turn % count);
        addresses.truncate(ADDRESSES_MAX);
        addresses
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> SocketAddr {
        SocketAddr::from(([10, 0, 0, last], 80))
    }

    #[tokio::test]
    async fn an_address_needs_no_name_server() {
        let resolver = NameResolver::new("::1".into(), 8080);
        let addresses = resolver.addresses().await.unwrap();
        assert_eq!(addresses, vec!["[::1]:8080".parse::<SocketAddr>().unwrap()]);
    }

    #[test]
    fn an_empty_answer_keeps_the_last_good_one_for_a_minute() {
        let resolver = NameResolver::new("service".into(), 80);
        let start = Instant::now();
        assert!(resolver.settle(Ok(vec![]), start).is_err());
        resolver.settle(Ok(vec![address(1)]), start).unwrap();
        let soon = start + Duration::from_secs(59);
        assert_eq!(resolver.settle(Ok(vec![]), soon).unwrap(), vec![address(1)]);
        let late = start + Duration::from_secs(61);
        assert!(matches!(
            resolver.settle(Ok(vec![]), late),
            Err(ConnectionError::NoAddress { .. })
        ));
    }

    #[test]
    fn connections_begin_with_different_addresses_of_a_name() {
        let resolver = NameResolver::new("service".into(), 80);
        let now = Instant::now();
        let answer = || resolver.settle(Ok(vec![address(1), address(2)]), now).unwrap();
        assert_eq!(answer(), vec![address(1), address(2)]);
        assert_eq!(answer(), vec![address(2), address(1)]);
    }

    #[tokio::test]
    async fn an_address_has_moved_when_two_answers_are_without_it() {
        let resolver = NameResolver::new("service".into(), 80);
        let answers = |last| *resolver.scripted.lock() = Some(vec![address(last)]);
        assert!(!resolver.has_moved(address(1)), "nothing is known yet");
        answers(1);
        resolver.follow().await;
        answers(2);
        resolver.follow().await;
        assert!(!resolver.has_moved(address(1)));
        resolver.follow().await;
        assert!(resolver.has_moved(address(1)) && !resolver.has_moved(address(2)));
    }

    #[test]
    fn a_new_answer_replaces_the_old_one() {
        let resolver = NameResolver::new("service".into(), 80);
        let now = Instant::now();
        resolver.settle(Ok(vec![address(1)]), now).unwrap();
        assert_eq!(resolver.settle(Ok(vec![address(9)]), now).unwrap(), vec![address(9)]);
    }
}
