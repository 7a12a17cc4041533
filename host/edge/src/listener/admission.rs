//! Admission of connections: a total, and a share for each address. Where the total is used up,
//! connections at rest make room.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::{ListenerSettings, TrustedProxies};

/// From one attempt to make room to the next.
const AGAIN: Duration = Duration::from_millis(20);

pub(super) struct Admission {
    places: Arc<Semaphore>,
    addresses: Arc<Addresses>,
    trusted: TrustedProxies,
}

/// A connection's share of its address, and its place; dropping it frees both.
#[derive(Debug)]
pub(super) struct Admitted {
    place: Option<OwnedSemaphorePermit>,
    addresses: Arc<Addresses>,
    charged: Option<IpAddr>,
}

#[derive(Debug)]
struct Addresses {
    open: Mutex<HashMap<IpAddr, usize>>,
    per_address: usize,
}

impl Admission {
    pub(super) fn new(settings: &ListenerSettings) -> Self {
        let places = settings.limits.connections_max.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            places: Arc::new(Semaphore::new(places)),
            addresses: Arc::new(Addresses {
                open: Mutex::default(),
                per_address: settings.limits.connections_per_address_max.max(1),
            }),
            trusted: settings.trusted_proxies.clone(),
        }
    }

    /// Charges the address, unless it is a trusted proxy's: many callers share that one.
    pub(super) fn admit(&self, peer: IpAddr) -> Option<Admitted> {
        let addresses = Arc::clone(&self.addresses);
        let mut admitted = Admitted { place: None, addresses, charged: None };
        (self.trusted.contains(peer) || admitted.charge(peer)).then_some(admitted)
    }

    /// Waits for a place in the total. For as long as there is none, `make_room` is called now and
    /// then.
    pub(super) async fn seat(&self, admitted: &mut Admitted, mut make_room: impl FnMut()) {
        admitted.place = Arc::clone(&self.places).try_acquire_owned().ok();
        while admitted.place.is_none() {
            make_room();
            // The semaphore is never closed.
            let place = timeout(AGAIN, Arc::clone(&self.places).acquire_owned()).await;
            admitted.place = place.ok().and_then(Result::ok);
        }
    }
}

impl Admitted {
    /// Charges an address in place of the proxy's, which is charged nothing. False where the
    /// address has its share already.
    pub(super) fn charge(&mut self, address: IpAddr) -> bool {
        let key = network(address);
        let mut open = self.addresses.open.lock();
        let count = open.entry(key).or_default();
        if *count >= self.addresses.per_address {
            return false;
        }
        *count += 1;
        self.charged = Some(key);
        true
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let Some(key) = self.charged else { return };
        let mut open = self.addresses.open.lock();
        if let Some(count) = open.get_mut(&key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&key);
            }
        }
    }
}

/// One subscriber holds a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Responder;

    fn admission(per_address: usize) -> Admission {
        let mut settings = ListenerSettings::plaintext(
            ([127, 0, 0, 1], 0).into(),
            Arc::new(Responder::new("https://errors.example/")),
        );
        settings.limits.connections_per_address_max = per_address;
        settings.trusted_proxies = TrustedProxies::new(["10.0.0.0/8".parse().unwrap()]);
        Admission::new(&settings)
    }

    #[tokio::test]
    async fn an_address_gets_its_share_and_gets_it_back() {
        let admission = admission(1);
        let peer = "2001:db8::1".parse().unwrap();
        let neighbour = "2001:db8::2".parse().unwrap();
        let first = admission.admit(peer);
        assert!(first.is_some());
        assert!(admission.admit(neighbour).is_none(), "same /64");
        drop(first);
        assert!(admission.admit(neighbour).is_some());
        assert!(admission.addresses.open.lock().is_empty(), "no entry is left behind");
    }

    #[tokio::test]
    async fn a_trusted_proxy_is_not_counted() {
        let admission = admission(1);
        let peer = "10.1.2.3".parse().unwrap();
        let first = admission.admit(peer);
        let second = admission.admit(peer);
        assert!(first.is_some() && second.is_some());
    }

    #[tokio::test]
    async fn room_is_made_until_a_place_is_free() {
        let mut settings = ListenerSettings::plaintext(
            ([127, 0, 0, 1], 0).into(),
            Arc::new(Responder::new("https://errors.example/")),
        );
        settings.limits.connections_max = 1;
        let admission = Admission::new(&settings);
        let seat = async |last: &mut Option<Admitted>| {
            let mut admitted = admission.admit("192.0.2.1".parse().unwrap()).unwrap();
            let mut calls = 0;
            let make_room = || {
                calls += 1;
                // At the second attempt somebody leaves.
                if calls == 2 {
                    last.take();
                }
            };
            admission.seat(&mut admitted, make_room).await;
            (admitted, calls)
        };

        let (first, calls) = seat(&mut None).await;
        assert_eq!(calls, 0, "there is room");
        let (_second, calls) = seat(&mut Some(first)).await;
        assert_eq!(calls, 2);
    }
}
