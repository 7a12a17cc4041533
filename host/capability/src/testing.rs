//! Test doubles for this crate and for those above it.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use parking_lot::Mutex;
use tollgate_chain::{Authority, GrpcMethod, Head, Matched, Route, RouteLimits};

use crate::Clock;

/// A request that creates a deposit, with these header fields.
///
/// # Errors
/// A name or a value is not one of a header field.
pub fn deposit_head(fields: &[(&str, &str)]) -> Result<Head, http::Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::try_from(*name)?, HeaderValue::try_from(*value)?);
    }

    Ok(Head {
        method: Method::POST,
        authority: Authority::from_canonical("api.example.com"),
        path: "/v1/deposits".into(),
        query: None,
        headers,
        server_name: Some("api.example.com".into()),
        client_certificate: None,
        secure: true,
        client: [192, 0, 2, 1].into(),
        request_id: "req-00000001".into(),
        websocket: false,
        source: 0,
    })
}

/// The Route of [`deposit_head`], found: it needs the scope `deposits:write`, leads to a gRPC
/// method of the upstream `deposits`, and takes bodies of up to eight bytes.
#[must_use]
pub fn deposit_match() -> Matched {
    let route = Route {
        name: "create-deposit".into(),
        template: "/v1/deposits".into(),
        attributes: [("scope".into(), "deposits:write".into())].into_iter().collect(),
        grpc: Some(GrpcMethod { service: "deposits.v1.Deposits".into(), method: "Create".into() }),
        upstream: Some("deposits".into()),
        binding: 0,
        chain: 0,
        limits: RouteLimits {
            body_bytes_max: 8,
            timeout: Duration::from_secs(30),
            stream_idle_timeout: Duration::from_secs(30),
        },
    };
    let (variables, methods) = (Vec::new(), "GET, POST".into());
    Matched::Found { route: Arc::new(route), variables, methods }
}

/// A clock that stands still until it is advanced.
#[derive(Debug)]
pub struct ManualClock {
    hands: Mutex<(Duration, Duration)>,
}

impl ManualClock {
    /// Creates a clock whose monotonic time is one hour, and whose wall time is 2026-11-22.
    #[must_use]
    pub fn new() -> Self {
        Self { hands: Mutex::new((Duration::from_secs(3_600), Duration::from_secs(1_795_305_600))) }
    }

    /// Lets time pass on both clocks.
    pub fn advance(&self, by: Duration) {
        let mut hands = self.hands.lock();
        hands.0 += by;
        hands.1 += by;
    }

    /// Sets the wall clock alone, as an operator or NTP might.
    pub fn set_unix(&self, to: Duration) {
        self.hands.lock().1 = to;
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        self.hands.lock().0
    }

    fn unix(&self) -> Duration {
        self.hands.lock().1
    }
}
