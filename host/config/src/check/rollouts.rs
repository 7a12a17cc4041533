//! Rollouts: a policy, and another one that may take its place.

use serde_spanned::Spanned;
use tollgate_chain::{Share, Stage, Tolerance};

use super::{Index, bounded, reference};
use crate::error::Problems;
use crate::raw::{Item, RawRollout};
use crate::text::Place;
use crate::types::{At, Chain, Policy, Rollout};

pub(super) fn rollout(
    name: &str,
    item: &Item<RawRollout>,
    index: &Index,
    problems: &mut Problems,
) -> Option<Rollout> {
    let (place, raw) = (&item.place, &item.raw);
    let policy = reference(
        place,
        "",
        &Spanned::new(place.span.clone(), name.to_owned()),
        ("policies", index),
        problems,
    );
    let candidate = reference(place, "candidate", &raw.candidate, ("policies", index), problems);
    let stage = stage(item, problems);
    let tolerance = tolerance(item, problems);
    Some(Rollout {
        policy: policy?,
        candidate: candidate?,
        stage: stage?,
        tolerance,
        at: At::from(place),
    })
}

fn stage(item: &Item<RawRollout>, problems: &mut Problems) -> Option<Stage> {
    let (place, raw) = (&item.place, &item.raw);
    let written = raw.stage.get_ref().as_str();
    let told = |span, key, message: &str| place.problem(span, key, message.to_owned());
    if let (Some(share), true) = (&raw.share_percent, written != "canary") {
        let message = "expected no share: only the stage `canary` has one";
        problems.push(told(&share.span(), "share_percent", message));
        return None;
    }
    match written {
        "off" => Some(Stage::Off),
        "shadow" => Some(Stage::Shadow),
        "full" => Some(Stage::Full),
        "canary" => {
            let message = "expected 0.01 to 99.99 for the stage `canary`";
            let Some(share) = &raw.share_percent else {
                problems.push(told(&raw.stage.span(), "share_percent", message));
                return None;
            };
            let found = Share::percent(*share.get_ref());
            if found.is_none() {
                problems.push(told(&share.span(), "share_percent", message));
            }
            found.map(Stage::Canary)
        }
        _ => {
            let message = format!("expected one of off, shadow, canary, full, found {written:?}");
            problems.push(place.problem(&raw.stage.span(), "stage", message));
            None
        }
    }
}

fn tolerance(item: &Item<RawRollout>, problems: &mut Problems) -> Tolerance {
    let (place, raw) = (&item.place, &item.raw.tolerance);
    let usual = Tolerance::default();
    let (decisions, latency) = ("tolerance.decisions_min", "tolerance.latency_us");
    let (fewest, longest) = (raw.decisions_min.as_ref(), raw.latency_us.as_ref());
    let mut share = |key, written: Option<&Spanned<f64>>, usual| {
        percent(place, key, written, problems).unwrap_or(usual)
    };
    let failures =
        share("tolerance.failures_percent", raw.failures_percent.as_ref(), usual.failures);
    let refusals =
        share("tolerance.refusals_percent", raw.refusals_percent.as_ref(), usual.refusals);
    let microseconds = usual.nanoseconds / 1_000;
    let latency = bounded(place, latency, longest, microseconds, 1..=60_000_000, problems);
    Tolerance {
        decisions_min: bounded(
            place,
            decisions,
            fewest,
            usual.decisions_min,
            1..=1_000_000,
            problems,
        ),
        failures,
        refusals,
        nanoseconds: latency.saturating_mul(1_000),
    }
}

/// Hundredths of a percent.
fn percent(
    place: &Place,
    key: &str,
    written: Option<&Spanned<f64>>,
    problems: &mut Problems,
) -> Option<u64> {
    let written = written?;
    let value = *written.get_ref();
    if (0.0..=100.0).contains(&value) {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "checked in the line before: at most 10,000"
        )]
        return Some((value * 100.0).round() as u64);
    }
    let message = format!("expected 0 to 100, found {value}");
    problems.push(place.problem(&written.span(), key, message));
    None
}

/// A candidate is in no chain, is one policy's only, applies to the same requests, and fails the
/// same way: else its place would not be the policy's.
pub(super) fn fitting(
    rollouts: &[Rollout],
    chains: &[Chain],
    policies: &[Policy],
    problems: &mut Problems,
) {
    for (index, own) in rollouts.iter().enumerate() {
        let (Some(policy), Some(candidate)) =
            (policies.get(own.policy), policies.get(own.candidate))
        else {
            continue;
        };
        let chained = |index| chains.iter().any(|chain| chain.policies.contains(&index));
        let earlier = rollouts.iter().take(index);
        let message = if own.policy == own.candidate {
            "expected another policy than the one whose place it may take"
        } else if chained(own.candidate) {
            "expected a policy that is in no chain: it takes the place of the other"
        } else if earlier.clone().any(|other| other.candidate == own.candidate) {
            "expected a policy that is no other's candidate"
        } else if rollouts.iter().any(|other| other.policy == own.candidate) {
            "expected a policy that has no candidate of its own"
        } else if policy.class != candidate.class {
            "expected a policy of the same class: else its failure would mean something else"
        } else if policy.interests != candidate.interests {
            "expected a policy with the same interests: else it would not concern the same requests"
        } else {
            continue;
        };
        let mut problem = own.at.problem(message);
        problem.key = format!("{}.candidate", own.at.key);
        problems.push(problem);
    }
}
