//! The JSON form of a rollout.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_chain::{Acting, Content, RolloutFigures, Verdict};

use super::ActiveRollout;

/// A rollout as the admin API reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutForm {
    /// The policy.
    pub policy: String,
    /// The policy that may take its place.
    pub candidate: String,
    /// `off`, `shadow`, `canary` or `full`.
    pub stage: String,
    /// Percent of tenants for whom the candidate decides.
    pub share_percent: f64,
    /// The reason why it was rolled back, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
    /// The policy's decisions so far.
    pub current: FiguresForm,
    /// The candidate's decisions so far.
    pub candidate_fared: FiguresForm,
    /// The candidate's shadow runs.
    pub shadow: ShadowForm,
    /// The newest differing shadow runs, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferenceForm>,
}

/// The decisions of one of the two, policy or candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FiguresForm {
    /// Decisions.
    pub decisions: u64,
    /// Decisions that refused the request.
    pub refusals: u64,
    /// Runs without a verdict.
    pub failures: u64,
    /// Mean time of a decision, in microseconds.
    pub mean_us: f64,
}

/// The shadow runs of a candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowForm {
    /// Runs that decided as the policy did.
    pub same: u64,
    /// Runs that decided otherwise.
    pub differs: u64,
    /// Runs that asked what had not been answered.
    pub undecidable: u64,
    /// Runs without a verdict.
    pub failed: u64,
}

/// One kind of difference between policy and candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferenceForm {
    /// The hook that decided.
    pub hook: String,
    /// The policy's verdict.
    pub current: String,
    /// The candidate's verdict.
    pub candidate: String,
    /// The number of the newest differences that are of this kind.
    pub count: u64,
}

impl RolloutForm {
    /// Takes the form of a rollout as it is now.
    #[must_use]
    pub fn of(rollout: &ActiveRollout) -> Self {
        let (progress, stage) = (&rollout.progress, rollout.progress.stage());
        let shadow = progress.shadow();

        // Differences of one kind are one line.
        let mut kinds = BTreeMap::new();
        for one in progress.differences() {
            let kind = (one.hook.as_str(), brief(&one.current), brief(&one.candidate));
            *kinds.entry(kind).or_insert(0) += 1;
        }
        let difference = |((hook, current, candidate), count): ((&str, _, _), u64)| {
            DifferenceForm { hook: hook.to_owned(), current, candidate, count }
        };

        Self {
            policy: rollout.policy.to_string(),
            candidate: rollout.candidate.to_string(),
            stage: stage.as_str().to_owned(),
            share_percent: f64::from(stage.hundredths()) / 100.0,
            returned: progress.returned().map(|drift| drift.to_string()),
            current: FiguresForm::of(progress.figures(Acting::Current)),
            candidate_fared: FiguresForm::of(progress.figures(Acting::Candidate)),
            shadow: ShadowForm {
                same: shadow.same,
                differs: shadow.differs,
                undecidable: shadow.undecidable,
                failed: shadow.failed,
            },
            differences: kinds.into_iter().map(difference).collect(),
        }
    }
}

impl FiguresForm {
    #[expect(clippy::cast_precision_loss, reason = "a mean, to a tenth of a microsecond")]
    fn of(figures: RolloutFigures) -> Self {
        let RolloutFigures { decisions, refusals, failures, nanoseconds } = figures;
        let mean = nanoseconds as f64 / decisions.max(1) as f64 / 1_000.0;
        Self { decisions, refusals, failures, mean_us: (mean * 10.0).round() / 10.0 }
    }
}

/// Writes a verdict without the words that may be a caller's.
fn brief(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Proceed => "proceed".to_owned(),
        Verdict::Forward(upstream) => format!("forward to {upstream}"),
        Verdict::Reply(reply) => match &reply.content {
            Content::Empty => format!("reply {}", reply.status),
            Content::Problem(problem) => format!("reply {} {}", reply.status, problem.slug),
            Content::Held(_) => "reply with what the host holds".to_owned(),
        },
    }
}
