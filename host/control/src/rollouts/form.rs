//! What is told of a rollout: its JSON form.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tollgate_chain::{Acting, Content, RolloutFigures, Verdict};

use super::ActiveRollout;

/// A rollout as the admin API tells of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RolloutForm {
    pub policy: String,
    pub candidate: String,
    /// `off`, `shadow`, `canary` or `full`.
    pub stage: String,
    /// Percent of tenants for whom the candidate decides.
    pub share_percent: f64,
    /// Why it was taken back, when it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned: Option<String>,
    pub current: FiguresForm,
    pub candidate_fared: FiguresForm,
    pub shadow: ShadowForm,
    /// Of the newest differing shadow runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub differences: Vec<DifferenceForm>,
}

/// How one of the two has fared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FiguresForm {
    pub decisions: u64,
    pub refusals: u64,
    pub failures: u64,
    pub mean_us: f64,
}

/// What became of shadow runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowForm {
    pub same: u64,
    pub differs: u64,
    pub undecidable: u64,
    pub failed: u64,
}

/// A kind of difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferenceForm {
    pub hook: String,
    pub current: String,
    pub candidate: String,
    pub count: u64,
}

impl RolloutForm {
    pub fn of(own: &ActiveRollout) -> Self {
        let (progress, stage) = (&own.progress, own.progress.stage());
        let shadow = progress.shadow();
        let mut kinds = BTreeMap::new();
        for one in progress.differences() {
            let kind = (one.hook.as_str(), brief(&one.current), brief(&one.candidate));
            *kinds.entry(kind).or_insert(0) += 1;
        }
        let difference = |((hook, current, candidate), count): ((&str, _, _), u64)| {
            DifferenceForm { hook: hook.to_owned(), current, candidate, count }
        };
        Self {
            policy: own.policy.to_string(),
            candidate: own.candidate.to_string(),
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
    #[expect(clippy::cast_precision_loss, reason = "a mean, told to a tenth of a microsecond")]
    fn of(figures: RolloutFigures) -> Self {
        let RolloutFigures { decisions, refusals, failures, nanoseconds } = figures;
        let mean = nanoseconds as f64 / decisions.max(1) as f64 / 1_000.0;
        Self { decisions, refusals, failures, mean_us: (mean * 10.0).round() / 10.0 }
    }
}

/// A verdict without the words that may be a caller's.
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
