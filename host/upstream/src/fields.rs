//! Fields that end at the gate: those of one connection, and those that only the gate may set.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, FORWARDED, HOST, HeaderMap,
    HeaderName, PROXY_AUTHORIZATION,
};
use smallvec::SmallVec;

/// Removes the fields of one connection, and every field that `Connection` names.
///
/// Fields that this gateway acts on cannot be nominated away: with `Connection: authorization` a
/// client would otherwise remove what the gate put there.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    // One pass that mostly finds nothing is cheaper than a look-up for each name.
    let mut removed: SmallVec<[HeaderName; 8]> =
        headers.keys().filter(|name| is_hop_by_hop(name.as_str())).cloned().collect();
    if removed.contains(&CONNECTION) {
        removed.extend(nominations(headers));
    }
    for name in removed {
        headers.remove(name);
    }
}

/// Fields of one connection, which no intermediary passes on (RFC 9110 §7.6.1).
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

fn nominations(headers: &HeaderMap) -> SmallVec<[HeaderName; 4]> {
    headers
        .get_all(CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .filter(|name| !is_protected(name))
        .collect()
}

fn is_protected(name: &HeaderName) -> bool {
    [HOST, CONTENT_LENGTH, CONTENT_TYPE, AUTHORIZATION].contains(name)
        || name == "idempotency-key"
        || is_gates_own(name.as_str())
}

/// Removes what a client may never say to a service: who it is, who it came through, what the gate
/// decided, and the credentials that were for the gate alone.
pub fn strip_client_fields(headers: &mut HeaderMap) {
    let removed: SmallVec<[HeaderName; 8]> =
        headers.keys().filter(|name| is_clients_to_lose(name)).cloned().collect();
    for name in removed {
        headers.remove(name);
    }
}

fn is_clients_to_lose(name: &HeaderName) -> bool {
    if [AUTHORIZATION, PROXY_AUTHORIZATION, COOKIE, FORWARDED].contains(name) {
        return true;
    }
    let name = name.as_str();
    is_gates_own(name)
        || matches!(name, "x-api-key" | "x-real-ip" | "x-request-timeout" | "connect-timeout-ms")
        || name.starts_with("x-forwarded-")
        || name.ends_with("-bin")
        || is_grpc_control(name)
}

/// Fields by which the gate speaks to services.
fn is_gates_own(name: &str) -> bool {
    name.starts_with("x-tenant-")
        || name.starts_with("x-tollgate-")
        || matches!(name, "x-operation-key" | "x-request-fingerprint")
}

/// All of `grpc-*` but the two that describe how the messages themselves are compressed.
fn is_grpc_control(name: &str) -> bool {
    name.starts_with("grpc-") && !matches!(name, "grpc-encoding" | "grpc-accept-encoding")
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
        strip_client_fields(&mut map);
        assert_eq!(
            names(&map),
            ["accept", "content-type", "grpc-accept-encoding", "grpc-encoding", "traceparent"]
        );
    }
}
