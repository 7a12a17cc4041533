//! `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers), two Lists of
//! RFC 9651.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{KeyRef, ListSerializer, StringRef, key_ref, string_ref};
use tollgate_chain::{Rule, Text};

use super::BucketStanding;

/// A bucket as it is reported to the caller.
#[derive(Debug, Clone)]
pub(super) struct ReportedBucket {
    pub(super) name: Text,
    pub(super) rule: Rule,
    pub(super) standing: BucketStanding,
}

/// The usual length of a bucket's entry in either field.
const BUCKET_BYTES: usize = 48;

const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

const QUOTA: &KeyRef = key_ref("q");
const WINDOW: &KeyRef = key_ref("w");
const UNIT: &KeyRef = key_ref("qu");
const REMAINING: &KeyRef = key_ref("r");
const DELAY: &KeyRef = key_ref("t");
const IN_FLIGHT: &StringRef = string_ref("concurrent-requests");

/// Writes both fields, in place of any that are there. Writes nothing for no buckets.
pub(super) fn write(buckets: &[ReportedBucket], headers: &mut HeaderMap) {
    let mut texts = [(); 2].map(|()| String::with_capacity(BUCKET_BYTES * buckets.len()));
    let [policy, limit] = &mut texts;
    let mut policy = ListSerializer::with_buffer(policy);
    let mut limit = ListSerializer::with_buffer(limit);

    for bucket in buckets {
        // A policy's name is the operator's; one that is no String of RFC 9651 has no entry.
        let Ok(name) = StringRef::from_str(&bucket.name) else { continue };
        let standing = bucket.standing;
        let left = limit.bare_item(name).parameter(REMAINING, standing.remaining);
        match bucket.rule {
            Rule::Rate(rate) => {
                let _ = policy
                    .bare_item(name)
                    .parameter(QUOTA, rate.quota)
                    .parameter(WINDOW, rate.window_seconds);
                let _ = left.parameter(DELAY, seconds(standing.more_in));
            }
            Rule::Concurrency(max) => {
                let _ = policy.bare_item(name).parameter(QUOTA, max).parameter(UNIT, IN_FLIGHT);
            }
        }
    }

    if policy.finish().is_none() || limit.finish().is_none() {
        return;
    }
    for (name, list) in [POLICY, LIMIT].into_iter().zip(texts) {
        if let Ok(value) = HeaderValue::try_from(list) {
            headers.insert(name, value);
        }
    }
}

/// Converts to whole seconds, rounded up: whoever waits that long has waited long enough.
pub(crate) fn seconds(wait: Duration) -> u32 {
    let whole = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    u32::try_from(whole).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sfv::{BareItem, List, ListEntry, Parser};
    use tollgate_chain::Rate;

    fn rated(name: &str, remaining: u32, millis: u64) -> ReportedBucket {
        ReportedBucket {
            name: name.into(),
            rule: Rule::Rate(Rate { quota: 600, window_seconds: 60, burst: 50, cost: 1 }),
            standing: BucketStanding { remaining, more_in: Duration::from_millis(millis) },
        }
    }

    fn in_flight() -> ReportedBucket {
        let standing = BucketStanding { remaining: 49, more_in: Duration::ZERO };
        ReportedBucket { name: "concurrent".into(), rule: Rule::Concurrency(50), standing }
    }

    fn written(buckets: &[ReportedBucket]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(LIMIT, HeaderValue::from_static("\"upstream\";r=1"));
        write(buckets, &mut headers);
        headers
    }

    #[test]
    fn both_fields_have_the_form_of_the_draft() {
        let headers = written(&[rated("tenant", 0, 6_001), in_flight()]);
        assert_eq!(
            headers[POLICY],
            r#""tenant";q=600;w=60, "concurrent";q=50;qu="concurrent-requests""#
        );
        assert_eq!(headers[LIMIT], r#""tenant";r=0;t=7, "concurrent";r=49"#);
    }

    #[test]
    fn names_are_quoted_and_numbers_are_integers_to_an_rfc_9651_parser() {
        let headers = written(&[rated(r#"a "b" \c"#, 3, 1), rated("naïve", 1, 1)]);
        for name in [POLICY, LIMIT] {
            let list: List = Parser::new(headers[&name].as_bytes()).parse().expect("a List");
            assert_eq!(list.len(), 1, "a name that is no String is left out");
            let Some(ListEntry::Item(item)) = list.first() else { panic!("an Item") };
            assert_eq!(item.bare_item.as_string().map(|s| s.as_str()), Some(r#"a "b" \c"#));
            assert!(!item.params.is_empty());
            assert!(item.params.values().all(|value| matches!(value, BareItem::Integer(_))));
        }
    }

    #[test]
    fn nothing_is_written_for_no_buckets() {
        assert_eq!(written(&[])[LIMIT], "\"upstream\";r=1");
    }

    #[test]
    fn seconds_round_up() {
        let cases = [(0, 0), (1, 1), (999, 1), (1_000, 1), (1_001, 2)];
        for (millis, expected) in cases {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }
}
