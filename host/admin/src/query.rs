//! The query of a list of receipts. What is not known or out of its bounds is refused.

use std::ops::RangeInclusive;

use tollgate_chain::{Share, Stage};

/// Most receipts in an answer.
const LIMIT_MAX: usize = 500;

/// The receipts that are asked for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// `403`, or `4xx`.
    pub(crate) status: Option<RangeInclusive<u16>>,
    /// The policy whose reply the caller got.
    pub(crate) policy: Option<String>,
    pub(crate) limit: Option<usize>,
    /// Those with a higher number than this, oldest first: what a recorder asks for.
    pub(crate) after: Option<u64>,
    /// For the next seconds, one pass in so many is to be kept.
    pub(crate) sample_every: Option<u64>,
}

impl Query {
    /// Reads `status=&policy=&limit=&after=&sample_every=`, each at most once, each optional.
    ///
    /// # Errors
    /// Says what was expected.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let mut own = Self::default();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').ok_or("expected name=value")?;
            match name {
                _ if value.is_empty() => {}
                "status" => own.status = Some(status(value)?),
                "policy" => own.policy = Some(policy(value)?),
                "limit" => own.limit = Some(limit(value)?),
                "after" => own.after = Some(value.parse().map_err(|_| "after: expected a number")?),
                "sample_every" => own.sample_every = Some(every(value)?),
                _ => return Err("expected one of status, policy, limit, after, sample_every"),
            }
        }
        Ok(own)
    }
}

/// Reads `stage=&share_percent=` of a rollout.
///
/// # Errors
/// Says what was expected.
pub(crate) fn stage(text: &str) -> Result<Stage, &'static str> {
    let (mut stage, mut share) = (None, None);
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=').ok_or("expected name=value")? {
            ("stage", value) => stage = Some(value),
            ("share_percent", value) => share = Some(value),
            _ => return Err("expected stage and share_percent"),
        }
    }
    let percent = share.and_then(|value| value.parse().ok()).and_then(Share::percent);
    match (stage, share, percent) {
        (Some("canary"), _, Some(percent)) => Ok(Stage::Canary(percent)),
        (Some("canary"), _, None) => Err("share_percent: expected 0.01 to 99.99 for a canary"),
        (Some(_), Some(_), _) => Err("share_percent: only a canary has one"),
        (Some("off"), None, _) => Ok(Stage::Off),
        (Some("shadow"), None, _) => Ok(Stage::Shadow),
        (Some("full"), None, _) => Ok(Stage::Full),
        _ => Err("stage: expected one of off, shadow, canary, full"),
    }
}

fn status(value: &str) -> Result<RangeInclusive<u16>, &'static str> {
    let expected = "status: expected a status as 403, or a class as 4xx";
    if let Some(class) = value.strip_suffix("xx") {
        let class: u16 = class.parse().map_err(|_| expected)?;
        let within = (1..=5).contains(&class);
        return if within { Ok(class * 100..=class * 100 + 99) } else { Err(expected) };
    }
    let status: u16 = value.parse().map_err(|_| expected)?;
    if (100..=599).contains(&status) { Ok(status..=status) } else { Err(expected) }
}

fn policy(value: &str) -> Result<String, &'static str> {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if value.bytes().all(sound) { Ok(value.to_owned()) } else { Err("policy: expected a name") }
}

fn limit(value: &str) -> Result<usize, &'static str> {
    let limit = value.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    limit.ok_or("limit: expected 1 to 500")
}

fn every(value: &str) -> Result<u64, &'static str> {
    let every = value.parse().ok().filter(|every| (1..=1_000_000).contains(every));
    every.ok_or("sample_every: expected 1 to 1000000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read() {
        let query = Query::read("status=4xx&policy=rate-limit&limit=7&after=12").unwrap();
        assert_eq!(query.status, Some(400..=499));
        assert_eq!(query.policy.as_deref(), Some("rate-limit"));
        assert_eq!((query.limit, query.after, query.sample_every), (Some(7), Some(12), None));
        assert_eq!(Query::read("status=403").unwrap().status, Some(403..=403));
        assert_eq!(Query::read("status=&limit="), Ok(Query::default()));
    }

    #[test]
    fn a_stage_has_a_share_when_it_is_a_canary_and_only_then() {
        let canary = Share::percent(2.5).map(Stage::Canary).unwrap();
        assert_eq!(stage("stage=canary&share_percent=2.5"), Ok(canary));
        assert_eq!(stage("stage=off"), Ok(Stage::Off));
        assert_eq!(stage("stage=full"), Ok(Stage::Full));
        for text in [
            "",
            "stage=soon",
            "stage=canary",
            "stage=canary&share_percent=0",
            "stage=canary&share_percent=100",
            "stage=canary&share_percent=NaN",
            "stage=full&share_percent=5",
            "share_percent=5",
            "stage=off&x=1",
        ] {
            assert!(stage(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_not_known_or_out_of_bounds_is_refused() {
        for text in ["status=40", "status=9xx", "limit=0", "limit=501", "after=x", "x=1", "status"]
        {
            assert!(Query::read(text).is_err(), "{text}");
        }
    }
}
