//! The `Via` field (RFC 9110 §7.6.3): this gateway's entry in messages both ways, and requests that
//! come back to it, which are refused before they go round again.

use std::sync::LazyLock;

use http::header::{HeaderMap, HeaderValue, VIA};
use http::{Response, Version};
use tollgate_chain::Error;

use super::RequestId;

/// Most gateways of this kind that a request may have come through.
const GATEWAYS_MAX: usize = 16;
/// Begins the pseudonym of every gateway of this kind.
const KIND: &str = "tollgate-";
/// Hex digits that follow it: they tell processes apart, not deployments or hosts.
const DIGITS: usize = 16;

/// The connection that a request came by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hop {
    pub(super) version: Version,
    /// Set when the peer is a proxy that the operator trusts.
    pub(super) is_trusted: bool,
}

/// The pseudonym of this process, and its entries for each protocol that messages are received by.
struct Own {
    pseudonym: &'static str,
    http10: HeaderValue,
    http11: HeaderValue,
    http2: HeaderValue,
}

/// Made once and never freed: a clone of a static value counts no reference.
static OWN: LazyLock<Option<Own>> = LazyLock::new(|| {
    let random = RequestId::random().ok()?;
    let digits = random.as_str().get(..DIGITS)?;
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let pseudonym = leak(format!("{KIND}{digits}"));
    let entry = |protocol: &str| HeaderValue::from_static(leak(format!("{protocol} {pseudonym}")));
    let (http10, http11, http2) = (entry("1.0"), entry("1.1"), entry("2.0"));
    Some(Own { pseudonym, http10, http11, http2 })
});

impl Own {
    fn entry(&self, version: Version) -> HeaderValue {
        match version {
            Version::HTTP_10 => self.http10.clone(),
            Version::HTTP_2 => self.http2.clone(),
            _ => self.http11.clone(),
        }
    }
}

/// Refuses a request that came through this process before, and adds the hop it has just made.
///
/// A caller's entries say where it is and whom it uses, and are believed of trusted proxies alone:
/// of all others only those of gateways of this kind stay, by which a longer loop is noticed.
///
/// # Errors
/// [`Error::LoopDetected`].
pub(super) fn extend(headers: &mut HeaderMap, is_present: bool, hop: Hop) -> Result<(), Error> {
    let own = OWN
        .as_ref()
        .ok_or_else(|| Error::Internal { internal: "the system gives no randomness".to_owned() })?;
    if is_present {
        check(headers, own, hop)?;
    }
    headers.append(VIA, own.entry(hop.version));
    Ok(())
}

fn check(headers: &mut HeaderMap, own: &Own, hop: Hop) -> Result<(), Error> {
    let lines: Vec<HeaderValue> = headers.get_all(VIA).iter().cloned().collect();
    let entries = lines.iter().filter_map(|line| line.to_str().ok()).flat_map(|l| l.split(','));
    let gateways: Vec<&str> = entries.filter_map(gateway).collect();
    if gateways.contains(&own.pseudonym) || gateways.len() >= GATEWAYS_MAX {
        return Err(Error::LoopDetected);
    }

    if !hop.is_trusted {
        headers.remove(VIA);
        for pseudonym in gateways {
            if let Ok(value) = HeaderValue::try_from(format!("1.1 {pseudonym}")) {
                headers.append(VIA, value);
            }
        }
    }
    Ok(())
}

/// Returns the pseudonym of an entry, `protocol received-by [comment]`, if it is one of our kind.
fn gateway(entry: &str) -> Option<&str> {
    let received_by = entry.split_ascii_whitespace().nth(1)?;
    let digits = received_by.strip_prefix(KIND)?;
    let is_pseudonym = digits.len() == DIGITS && digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_pseudonym.then_some(received_by)
}

/// Adds this gateway's entry to the answer of an upstream, by the protocol that it was received by.
pub fn received<B>(answer: &mut Response<B>) {
    if let Some(own) = OWN.as_ref() {
        let entry = own.entry(answer.version());
        answer.headers_mut().append(VIA, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(lines: &[&str], is_trusted: bool) -> Result<Vec<String>, Error> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(VIA, HeaderValue::from_str(line).unwrap());
        }
        let hop = Hop { version: Version::HTTP_2, is_trusted };
        extend(&mut headers, !lines.is_empty(), hop)?;
        Ok(headers.get_all(VIA).iter().map(|value| value.to_str().unwrap().to_owned()).collect())
    }

    fn own() -> &'static str {
        OWN.as_ref().unwrap().pseudonym
    }

    #[test]
    fn this_hop_is_added_by_the_protocol_of_its_connection() {
        assert_eq!(after(&[], false).unwrap(), [format!("2.0 {}", own())]);
        let mut answer = Response::new(());
        *answer.version_mut() = Version::HTTP_10;
        received(&mut answer);
        assert_eq!(answer.headers()[VIA], format!("1.0 {}", own()));
    }

    #[test]
    fn a_request_that_came_through_this_process_is_refused_whoever_sends_it() {
        let seen = format!("1.1 varnish, 2.0 {} (again)", own());
        for is_trusted in [false, true] {
            assert_eq!(after(&["1.1 a", &seen], is_trusted), Err(Error::LoopDetected));
        }
    }

    #[test]
    fn entries_of_other_gateways_stay_and_those_of_callers_only_if_they_are_trusted() {
        let other = format!("1.1 {KIND}0123456789abcdef");
        let lines = ["1.1 admin.internal (Squid)", &format!("1.0 x, {other}"), "nonsense"];
        let own = format!("2.0 {}", own());
        assert_eq!(after(&lines, false).unwrap(), [other, own.clone()]);
        let kept = after(&lines, true).unwrap();
        assert_eq!(kept.len(), 4);
        assert_eq!(kept[3], own);
    }

    #[test]
    fn a_request_that_passed_too_many_gateways_is_refused() {
        let line = |number: usize| format!("1.1 {KIND}{number:016x}");
        let lines: Vec<String> = (0..GATEWAYS_MAX).map(line).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(after(&lines, true), Err(Error::LoopDetected));
        assert!(after(&lines[1..], true).is_ok());
    }

    #[test]
    fn only_a_whole_pseudonym_counts() {
        for entry in
            ["1.1 tollgate-12", "tollgate-0123456789abcdef", "1.1 tollgate-0123456789abcdeg", ""]
        {
            assert_eq!(gateway(entry), None, "{entry}");
        }
    }
}
