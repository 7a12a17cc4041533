//! Deadlines that callers ask for, and what upstreams are told of them.
//!
//! Each protocol has a field of its own, which its callers alone are heard by: a field of another
//! protocol is as meaningless as any other that nobody reads.

use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::time::Instant;
use tollgate_chain::{Error, Head};
use tollgate_edge::Protocol;
use tollgate_terms::headers::{GRPC_TIMEOUT, REQUEST_TIMEOUT};
use tollgate_transcode::{grpc, rpc};

/// Limits the time of a call, in milliseconds (Connect protocol, "Timeouts").
const CONNECT_TIMEOUT: HeaderName = HeaderName::from_static("connect-timeout-ms");
/// Later than any Route allows.
const FAR: Duration = Duration::from_secs(25 * 3600);

/// The time that a service has, past the deadline that it was told, to say that it passed. Its
/// caller has a clock of its own and does not wait for it.
const GRACE: Duration = Duration::from_millis(100);

/// Returns the field by which callers of a protocol set a deadline.
fn field(protocol: Protocol) -> HeaderName {
    match protocol {
        Protocol::Json => REQUEST_TIMEOUT,
        Protocol::Grpc | Protocol::GrpcWeb | Protocol::GrpcWebText => GRPC_TIMEOUT,
        Protocol::Connect | Protocol::ConnectStreamProto | Protocol::ConnectStreamJson => {
            CONNECT_TIMEOUT
        }
    }
}

/// Reads the latest moment that the caller allows.
///
/// # Errors
/// [`Error::MalformedRequest`] when the field of the caller's protocol cannot be read.
pub(crate) fn requested(head: &Head, protocol: Protocol) -> Result<Instant, Error> {
    let field = field(protocol);
    let now = Instant::now();
    let Some(value) = head.headers.get(&field) else { return Ok(now + FAR) };

    let (timeout, expected) = if field == GRPC_TIMEOUT {
        let timeout = value.to_str().ok().and_then(grpc::parse_timeout);
        (timeout, "grpc-timeout: expected 1 to 8 digits and a unit")
    } else if field == CONNECT_TIMEOUT {
        let expected = "Connect-Timeout-Ms: expected 1 to 10 digits, in milliseconds";
        (milliseconds(value, 10), expected)
    } else {
        let expected = "X-Request-Timeout: expected 1 to 8 digits, in milliseconds";
        (milliseconds(value, 8), expected)
    };
    let malformed = || Error::MalformedRequest { detail: expected.to_owned() };
    Ok(now + timeout.ok_or_else(malformed)?.min(FAR))
}

/// Returns the end that the gateway itself sets to a call. A service that was told the deadline is
/// given [`GRACE`] to end the call in its own words, with its own details and trailers; past the
/// Route's time it is not waited for.
pub(super) fn enforced(told: Instant, of_route: Instant, protocol: Protocol) -> Instant {
    if protocol == Protocol::Json || told >= of_route {
        return told;
    }
    (told + GRACE).min(of_route)
}

/// Tells a service how much time is left to a caller who set a deadline, each by the field of the
/// RPC protocol that it speaks. The Route's own bound is not told.
///
/// # Errors
/// [`Error::UpstreamTimeout`] when no time is left.
pub(super) fn pass_on(
    asked: &HeaderMap,
    (caller, service): (Protocol, Protocol),
    deadline: Instant,
    headers: &mut HeaderMap,
) -> Result<(), Error> {
    if caller == Protocol::Json || !asked.contains_key(field(caller)) {
        return Ok(());
    }

    let field = field(service);
    let left = deadline.saturating_duration_since(Instant::now());
    let value = if field == GRPC_TIMEOUT {
        grpc::timeout(left)
    } else {
        let left = u64::try_from(left.as_millis()).unwrap_or(u64::MAX);
        (left > 0).then(|| HeaderValue::from(left))
    };
    headers.insert(field, value.ok_or(Error::UpstreamTimeout)?);
    Ok(())
}

fn milliseconds(value: &HeaderValue, digits_max: usize) -> Option<Duration> {
    value.to_str().ok().and_then(|text| rpc::parse_milliseconds(text, digits_max))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &'static str) -> HeaderValue {
        HeaderValue::from_static(text)
    }

    #[test]
    fn milliseconds_are_a_few_digits_and_nothing_else() {
        assert_eq!(milliseconds(&value("300"), 10), Some(Duration::from_millis(300)));
        assert_eq!(milliseconds(&value("9999999999"), 10), Some(Duration::from_millis(9999999999)));
        for text in ["", "12345678901", "-1", "+1", "1.5", "1e3", " 1", "0x10"] {
            assert_eq!(milliseconds(&value(text), 10), None, "{text}");
        }
    }

    #[test]
    fn a_service_that_was_told_a_deadline_may_speak_first_within_the_routes_time() {
        let now = Instant::now();
        let (soon, late) = (now + Duration::from_secs(1), now + Duration::from_secs(9));
        assert_eq!(enforced(soon, late, Protocol::Grpc), soon + GRACE);
        assert_eq!(enforced(soon, late, Protocol::ConnectStreamJson), soon + GRACE);
        assert_eq!(enforced(soon, soon + GRACE / 2, Protocol::GrpcWeb), soon + GRACE / 2);
        assert_eq!(enforced(late, late, Protocol::Connect), late);
        assert_eq!(enforced(soon, late, Protocol::Json), soon);
    }

    #[test]
    fn an_upstream_is_told_what_is_left_in_its_own_protocol() {
        let deadline = Instant::now() + Duration::from_secs(5);
        for (protocol, field) in [
            (Protocol::Grpc, GRPC_TIMEOUT),
            (Protocol::GrpcWeb, GRPC_TIMEOUT),
            (Protocol::Connect, CONNECT_TIMEOUT),
            (Protocol::ConnectStreamJson, CONNECT_TIMEOUT),
        ] {
            let asked = [GRPC_TIMEOUT, CONNECT_TIMEOUT, REQUEST_TIMEOUT];
            let asked: HeaderMap = asked.into_iter().map(|name| (name, value("1"))).collect();
            let mut headers = HeaderMap::new();
            pass_on(&asked, (protocol, protocol), deadline, &mut headers).unwrap();
            let names: Vec<_> = headers.keys().collect();
            assert_eq!(names, [&field]);
            let passed = pass_on(&asked, (protocol, protocol), Instant::now(), &mut headers);
            assert_eq!(passed, Err(Error::UpstreamTimeout), "{protocol:?}");

            let mut headers = HeaderMap::new();
            pass_on(&asked, (Protocol::Json, protocol), deadline, &mut headers).unwrap();
            pass_on(&HeaderMap::new(), (protocol, protocol), deadline, &mut headers).unwrap();
            assert!(headers.is_empty(), "{headers:?}");
        }
    }

    #[test]
    fn a_field_of_another_protocol_asks_for_nothing_of_a_translated_call() {
        let deadline = Instant::now() + Duration::from_secs(5);
        let asked = |name: HeaderName| HeaderMap::from_iter([(name, value("1"))]);
        let told = |asked: &HeaderMap, caller| {
            let mut headers = HeaderMap::new();
            pass_on(asked, (caller, Protocol::Grpc), deadline, &mut headers).unwrap();
            headers.into_iter().filter_map(|(name, _)| name).collect::<Vec<_>>()
        };

        assert_eq!(told(&asked(CONNECT_TIMEOUT), Protocol::Connect), [GRPC_TIMEOUT]);
        assert_eq!(told(&asked(GRPC_TIMEOUT), Protocol::GrpcWeb), [GRPC_TIMEOUT]);
        assert!(told(&asked(GRPC_TIMEOUT), Protocol::Connect).is_empty());
        assert!(told(&asked(CONNECT_TIMEOUT), Protocol::GrpcWebText).is_empty());
    }
}
