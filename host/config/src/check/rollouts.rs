//! Rollouts: a policy, and another one that may take its place.

use tollgate_chain::{Share, Stage, Tolerance};

use super::{Checker, Related};
use crate::keys::StageWord;
use crate::keys::policies::{rollout, tolerance};
use crate::location::Location;
use crate::reader::{ItemReader, NameIndex};
use crate::types::RolloutConfig;

pub(super) fn rollout(reader: &ItemReader<'_>, policies: &NameIndex<'_>) -> Option<RolloutConfig> {
    let policy = reader.lookup(&reader.name(), policies);
    let policy = policy.map_err(|message| reader.problem(&message)).ok().flatten();
    let candidate = reader.reference(&rollout::CANDIDATE, policies);
    let stage = stage(reader);

    Some(RolloutConfig {
        policy: policy?,
        candidate: candidate?,
        stage: stage?,
        tolerance: tolerance(reader),
        candidate_location: reader.location(&rollout::CANDIDATE),
    })
}

fn stage(reader: &ItemReader<'_>) -> Option<Stage> {
    let stage: StageWord = reader.word(&rollout::STAGE)?;
    let written = reader.is_written(&rollout::SHARE_PERCENT);
    if stage != StageWord::Canary && written {
        let message = "expected no share: only the stage `canary` has one";
        reader.problem_at(&rollout::SHARE_PERCENT, message);
        return None;
    }

    match stage {
        StageWord::Off => Some(Stage::Off),
        StageWord::Shadow => Some(Stage::Shadow),
        StageWord::Full => Some(Stage::Full),
        StageWord::Canary => {
            if !written {
                let message = "expected 0.01 to 99.99 for the stage `canary`";
                let key = reader.location(&rollout::SHARE_PERCENT).key;
                reader.report(&Location { key, ..reader.location(&rollout::STAGE) }, message);
            }
            reader.percent(&rollout::SHARE_PERCENT).and_then(Share::percent).map(Stage::Canary)
        }
    }
}

fn tolerance(reader: &ItemReader<'_>) -> Tolerance {
    let reader = reader.table(&rollout::TOLERANCE);
    let hundredths = |key| hundredths(reader.percent(key).unwrap_or_default());
    Tolerance {
        decisions_min: reader.integer(&tolerance::DECISIONS_MIN),
        failures: hundredths(&tolerance::FAILURES_PERCENT),
        refusals: hundredths(&tolerance::REFUSALS_PERCENT),
        nanoseconds: reader.integer(&tolerance::LATENCY_US).saturating_mul(1_000),
    }
}

/// Hundredths of a percent.
fn hundredths(percent: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the bounds of the key keep it between 0 and 10,000"
    )]
    let hundredths = (percent * 100.0).round() as u64;
    hundredths
}

/// A candidate is in no chain, is one policy's only, applies to the same requests, and fails the
/// same way: else its place would not be the policy's.
pub(super) fn check_candidates(checker: &Checker<'_>, related: &Related<'_>) {
    for (index, rollout) in related.rollouts().enumerate() {
        if let Some(message) = unfit(rollout, index, related) {
            checker.sink.push(rollout.candidate_location.problem(message));
        }
    }
}

fn unfit(rollout: &RolloutConfig, index: usize, related: &Related<'_>) -> Option<&'static str> {
    let policy = related.policy(rollout.policy)?;
    let candidate = related.policy(rollout.candidate)?;
    let mut chains = related.chains.iter().flatten();
    let mut earlier = related.rollouts().take(index);

    if rollout.policy == rollout.candidate {
        Some("expected another policy than the one whose place it may take")
    } else if chains.any(|chain| chain.policies.contains(&rollout.candidate)) {
        Some("expected a policy that is in no chain: it takes the place of the other")
    } else if earlier.any(|other| other.candidate == rollout.candidate) {
        Some("expected a policy that is no other's candidate")
    } else if related.rollouts().any(|other| other.policy == rollout.candidate) {
        Some("expected a policy that has no candidate of its own")
    } else if policy.class != candidate.class {
        Some("expected a policy of the same class: else its failure would mean something else")
    } else if policy.interests != candidate.interests {
        Some(
            "expected a policy with the same interests: else it would not concern the same requests",
        )
    } else {
        None
    }
}
