//! The server's word on how long it keeps an unused connection: `Keep-Alive: timeout=…`.

use std::time::Duration;

use http::HeaderMap;
use http::header::HeaderName;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
/// Time by which a connection is given up before its server closes it, at most a quarter of the
/// server's own.
const MARGIN: Duration = Duration::from_secs(1);

/// Reads how long a connection may rest before it is used again; `None` when the server says
/// nothing that can be read.
pub(super) fn rest_max(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(KEEP_ALIVE)?.to_str().ok()?;
    let seconds = text.split(',').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_timeout = name.trim().eq_ignore_ascii_case("timeout");
        is_timeout.then(|| value.trim().trim_matches('"').parse::<u32>().ok()).flatten()
    })?;

    let timeout = Duration::from_secs(seconds.into());
    Some(timeout - MARGIN.min(timeout / 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rest(value: &'static str) -> Option<Duration> {
        let headers = [(KEEP_ALIVE, http::HeaderValue::from_static(value))];
        rest_max(&headers.into_iter().collect())
    }

    #[test]
    fn a_connection_is_given_up_before_its_server_closes_it() {
        assert_eq!(rest("timeout=1"), Some(Duration::from_millis(750)));
        assert_eq!(rest("Timeout=\"5\", max=100"), Some(Duration::from_secs(4)));
        assert_eq!(rest("max=100, timeout = 60"), Some(Duration::from_secs(59)));
        assert_eq!(rest("timeout=0"), Some(Duration::ZERO));
    }

    #[test]
    fn what_cannot_be_read_is_not_heeded() {
        for value in ["", "timeout", "timeout=", "timeout=-1", "timeout=1.5", "max=5", "300"] {
            assert_eq!(rest(value), None, "{value}");
        }
    }
}
