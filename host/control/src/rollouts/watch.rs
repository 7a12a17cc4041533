//! Rolls a candidate back when it does worse than its policy, and publishes what both did.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, gauge};
use tollgate_chain::{Acting, RolloutFigures, Stage, metric};

use super::{ActiveRollout, Rollouts};
use crate::AUDIT;

/// Interval between two comparisons.
const EVERY: Duration = Duration::from_millis(250);
/// Multiple of the decisions that a comparison needs after which it begins anew: what went well for
/// long must not hide what goes wrong now.
const WINDOW: u64 = 10;

/// The figures from which a stage is compared.
struct Window {
    progress: Arc<tollgate_chain::Progress>,
    stage: Stage,
    from: [RolloutFigures; 2],
}

impl Rollouts {
    /// Compares candidates with their policies for ever. Dropping the future ends it.
    pub async fn watch(self) {
        let mut windows = HashMap::new();
        loop {
            tokio::time::sleep(EVERY).await;
            let active = self.list();
            windows.retain(|policy, _| active.iter().any(|rollout| rollout.policy == *policy));
            for rollout in &active {
                compare(rollout, &mut windows);
            }
        }
    }

    /// Hands the counts to the recorder of metrics.
    pub fn publish(&self) {
        for rollout in self.list() {
            for (acting, version) in
                [(Acting::Current, "current"), (Acting::Candidate, "candidate")]
            {
                let figures = rollout.progress.figures(acting);
                let passed = figures.decisions.saturating_sub(figures.refusals + figures.failures);
                let counts = [
                    ("passed", passed),
                    ("refused", figures.refusals),
                    ("failed", figures.failures),
                ];
                for (outcome, count) in counts {
                    let labels = [
                        ("policy", rollout.policy.to_string()),
                        ("candidate", rollout.candidate.to_string()),
                        ("version", version.to_owned()),
                        ("outcome", outcome.to_owned()),
                    ];
                    counter!(metric::ROLLOUT_DECISIONS, &labels).absolute(count);
                }
            }

            let shadow = rollout.progress.shadow();
            let counts = [
                ("same", shadow.same),
                ("differs", shadow.differs),
                ("undecidable", shadow.undecidable),
                ("failed", shadow.failed),
            ];
            let labels = [
                ("policy", rollout.policy.to_string()),
                ("candidate", rollout.candidate.to_string()),
            ];
            for (result, count) in counts {
                let [policy, candidate] = labels.clone();
                let labels = [policy, candidate, ("result", result.to_owned())];
                counter!(metric::ROLLOUT_SHADOW_RUNS, &labels).absolute(count);
            }
            let hundredths = f64::from(rollout.progress.stage().hundredths());
            gauge!(metric::ROLLOUT_SHARE, &labels).set(hundredths / 10_000.0);
        }
    }
}

fn compare(rollout: &ActiveRollout, windows: &mut HashMap<Arc<str>, Window>) {
    let (stage, figures) = (rollout.progress.stage(), rollout.figures());
    let begin = || Window { progress: Arc::clone(&rollout.progress), stage, from: figures };
    let window = windows.entry(Arc::clone(&rollout.policy)).or_insert_with(begin);

    if window.stage != stage || !Arc::ptr_eq(&window.progress, &rollout.progress) {
        // What a canary is compared with decides for nobody once the candidate is full.
        let before = if stage == Stage::Full { RolloutFigures::default() } else { figures[0] };
        *window = Window { from: [before, figures[1]], ..begin() };
        return;
    }
    if !matches!(stage, Stage::Canary(_) | Stage::Full) {
        return;
    }

    let (from, now) = (window.from, figures);
    let (current, candidate) = (now[0].since(from[0]), now[1].since(from[1]));
    if let Some(drift) = rollout.tolerance.judge(current, candidate) {
        if rollout.progress.give_back(stage, drift) {
            let (policy, name) = (&*rollout.policy, &*rollout.candidate);
            counter!(metric::ROLLOUT_ROLLBACKS, "policy" => policy.to_owned()).increment(1);
            tracing::error!(policy, candidate = name, %drift, "candidate rolled back");
            tracing::info!(
                target: AUDIT, policy, candidate = name, from = %stage, to = "off", %drift,
                "rollout rolled back"
            );
        }
    } else if candidate.decisions > WINDOW.saturating_mul(rollout.tolerance.decisions_min) {
        window.from[1] = figures[1];
        if stage != Stage::Full {
            window.from[0] = figures[0];
        }
    }
}
