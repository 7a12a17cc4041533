//! Strips header fields that end at the gateway, by the header policy of `tollgate-terms`.

use http::header::{CONNECTION, HeaderMap, HeaderName};
use smallvec::SmallVec;
use tollgate_terms::header_policy::{FieldPolicy, Passed};

/// Removes the fields of one connection from a request, and every field that `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    strip(headers, FieldPolicy::is_hop_by_hop);
}

/// Removes from an upstream's answer the fields of its connection, every field that `Connection`
/// names, and those that only the gateway may say.
pub(crate) fn strip_answer(headers: &mut HeaderMap) {
    strip(headers, FieldPolicy::is_stripped_from_answers);
}

/// Removes what a client may never say to a service: its claims about who it is and whom it came
/// through, what the gateway decided, and the credentials that were for the gateway alone, less
/// those that this upstream gets.
pub fn strip_before_forwarding(headers: &mut HeaderMap, passed: Passed) {
    let is_removed = |name: &&HeaderName| {
        let policy = FieldPolicy::of(name.as_str());
        policy.is_stripped_before_forwarding() && !policy.is_passed(name.as_str(), passed)
    };
    let removed: SmallVec<[HeaderName; 8]> = headers.keys().filter(is_removed).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
}

/// Removes the chosen fields and those that `Connection` names.
///
/// Fields that the gateway acts upon cannot be nominated away: with `Connection: authorization` a
/// peer would otherwise remove what the gateway put there.
fn strip(headers: &mut HeaderMap, is_removed: fn(FieldPolicy) -> bool) {
    // One pass that mostly finds nothing is cheaper than a look-up for each name.
    let mut removed: SmallVec<[HeaderName; 8]> =
        headers.keys().filter(|name| is_removed(FieldPolicy::of(name.as_str()))).cloned().collect();
    if removed.contains(&CONNECTION) {
        removed.extend(nominations(headers));
    }

    for name in removed {
        headers.remove(name);
    }
}

fn nominations(headers: &HeaderMap) -> SmallVec<[HeaderName; 4]> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .filter(|name| !FieldPolicy::of(name.as_str()).is_protected())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, http::HeaderValue::from_static(value));
        }
        map
    }

    fn names(map: &HeaderMap) -> Vec<&str> {
        let mut names: Vec<_> = map.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names
    }

    #[test]
    fn fields_of_one_connection_and_those_it_names_are_removed() {
        let mut map = headers(&[
            ("connection", "close, X-Trace"),
            ("connection", "x-other"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic eA=="),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("http2-settings", "AAMAAABk"),
            ("x-trace", "1"),
            ("x-other", "1"),
            ("accept", "*/*"),
        ]);
        strip_hop_by_hop(&mut map);
        assert_eq!(names(&map), ["accept"]);
    }

    #[test]
    fn what_the_gate_acts_on_cannot_be_nominated_away() {
        let mut map = headers(&[
            ("connection", "authorization, content-length, x-tollgate-principal-bin"),
            ("connection", "idempotency-key, x-operation-key, host, ,"),
            ("authorization", "x"),
            ("content-length", "1"),
            ("x-tollgate-principal-bin", "AA"),
            ("idempotency-key", "k"),
            ("x-operation-key", "o"),
            ("host", "a"),
        ]);

        strip_hop_by_hop(&mut map);
        assert_eq!(
            names(&map),
            [
                "authorization",
                "content-length",
                "host",
                "idempotency-key",
                "x-operation-key",
                "x-tollgate-principal-bin"
            ]
        );
    }

    #[test]
    fn clients_cannot_speak_as_the_gate() {
        let mut map = headers(&[
            ("x-tenant-id", "t"),
            ("x-tollgate-principal-bin", "AA"),
            ("x-operation-key", "o"),
            ("x-request-fingerprint", "f"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=1.2.3.4"),
            ("x-real-ip", "1.2.3.4"),
            ("grpc-timeout", "1S"),
            ("grpc-previous-rpc-attempts", "1"),
            ("trace-bin", "AA"),
            ("authorization", "Bearer x"),
            ("proxy-authorization", "Basic eA=="),
            ("x-api-key", "x"),
            ("cookie", "a=b"),
            ("x-request-timeout", "5"),
            ("connect-timeout-ms", "5"),
            ("grpc-encoding", "gzip"),
            ("grpc-accept-encoding", "gzip"),
            ("traceparent", "00-1-2-01"),
            ("content-type", "application/grpc"),
            ("accept", "*/*"),
        ]);

        let mut passed = map.clone();
        strip_before_forwarding(&mut map, Passed::default());
        let always =
            ["accept", "content-type", "grpc-accept-encoding", "grpc-encoding", "traceparent"];
        assert_eq!(names(&map), always);

        let all = Passed { authorization: true, cookie: true, binary: true };
        strip_before_forwarding(&mut passed, all);
        let mut expected = [&always[..], &["authorization", "cookie", "trace-bin"]].concat();
        expected.sort_unstable();
        assert_eq!(names(&passed), expected);
    }

    #[test]
    fn an_answer_cannot_speak_as_the_gateway() {
        let mut map = headers(&[
            ("connection", "x-trace, content-encoding"),
            ("x-trace", "1"),
            ("content-encoding", "gzip"),
            ("x-tollgate-principal-bin", "AA"),
            ("x-tenant-id", "t"),
            ("x-operation-key", "o"),
            ("idempotent-replayed", "true"),
            ("alt-svc", "h3=\":443\""),
            ("content-type", "text/plain"),
            ("grpc-status", "0"),
            ("x-request-timeout", "1"),
        ]);

        strip_answer(&mut map);
        assert_eq!(
            names(&map),
            ["content-encoding", "content-type", "grpc-status", "x-request-timeout"]
        );
    }
}
