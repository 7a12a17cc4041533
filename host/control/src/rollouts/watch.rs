//! Takes a candidate back when it fares worse than the policy; tells metrics how both fare.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, gauge};
use tollgate_chain::{Acting, RolloutFigures, Stage};

use super::{ActiveRollout, Rollouts};
use crate::metrics::AUDIT;

/// How often they are looked at.
const EVERY: Duration = Duration::from_millis(250);
/// After so many times the decisions that are needed, the comparison begins anew: what went well
/// for long must not hide what goes wrong now.
const WINDOW: u64 = 10;

const DECISIONS: &str = "tollgate_rollout_decisions_total";
const SHADOWED: &str = "tollgate_rollout_shadow_total";
const SHARE: &str = "tollgate_rollout_share_percent";
const RETURNS: &str = "tollgate_rollout_returns_total";

/// Tells what the metrics mean.
pub fn describe() {
    describe_counter!(DECISIONS, "Decisions of a policy and of its candidate, by outcome.");
    describe_counter!(SHADOWED, "Shadow runs of a candidate, by what came of them.");
    describe_gauge!(SHARE, "Percent of tenants for whom the candidate decides.");
    describe_counter!(RETURNS, "Candidates that were taken back because they fared worse.");
}

/// From where a stage is compared.
struct Window {
    progress: Arc<tollgate_chain::Progress>,
    stage: Stage,
    from: [RolloutFigures; 2],
}

impl Rollouts {
    /// Watches until it is dropped.
    pub async fn watch(self) {
        let mut windows = HashMap::new();
        loop {
            tokio::time::sleep(EVERY).await;
            let known = self.list();
            windows.retain(|policy, _| known.iter().any(|own| own.policy == *policy));
            for own in &known {
                look(own, &mut windows);
            }
        }
    }

    /// Hands the counts to the recorder of metrics.
    pub fn publish(&self) {
        for own in self.list() {
            for (acting, version) in
                [(Acting::Current, "current"), (Acting::Candidate, "candidate")]
            {
                let figures = own.progress.figures(acting);
                let passed = figures.decisions.saturating_sub(figures.refusals + figures.failures);
                let counts = [
                    ("passed", passed),
                    ("refused", figures.refusals),
                    ("failed", figures.failures),
                ];
                for (outcome, count) in counts {
                    let labels = [
                        ("policy", own.policy.to_string()),
                        ("candidate", own.candidate.to_string()),
                        ("version", version.to_owned()),
                        ("outcome", outcome.to_owned()),
                    ];
                    counter!(DECISIONS, &labels).absolute(count);
                }
            }
            let shadow = own.progress.shadow();
            let counts = [
                ("same", shadow.same),
                ("differs", shadow.differs),
                ("undecidable", shadow.undecidable),
                ("failed", shadow.failed),
            ];
            let labels =
                [("policy", own.policy.to_string()), ("candidate", own.candidate.to_string())];
            for (result, count) in counts {
                let [policy, candidate] = labels.clone();
                let labels = [policy, candidate, ("result", result.to_owned())];
                counter!(SHADOWED, &labels).absolute(count);
            }
            gauge!(SHARE, &labels).set(f64::from(own.progress.stage().hundredths()) / 100.0);
        }
    }
}

fn look(own: &ActiveRollout, windows: &mut HashMap<Arc<str>, Window>) {
    let (stage, figures) = (own.progress.stage(), own.figures());
    let begin = || Window { progress: Arc::clone(&own.progress), stage, from: figures };
    let window = windows.entry(Arc::clone(&own.policy)).or_insert_with(begin);
    if window.stage != stage || !Arc::ptr_eq(&window.progress, &own.progress) {
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
    if let Some(drift) = own.tolerance.judge(current, candidate) {
        if own.progress.give_back(stage, drift) {
            let (policy, name) = (&*own.policy, &*own.candidate);
            counter!(RETURNS, "policy" => policy.to_owned()).increment(1);
            tracing::error!(policy, candidate = name, %drift, "a candidate was taken back");
            tracing::info!(
                target: AUDIT, policy, candidate = name, from = %stage, to = "off", %drift,
                "rollout taken back"
            );
        }
    } else if candidate.decisions > WINDOW.saturating_mul(own.tolerance.decisions_min) {
        window.from[1] = figures[1];
        if stage != Stage::Full {
            window.from[0] = figures[0];
        }
    }
}
