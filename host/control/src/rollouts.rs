//! Candidates on their way: what serves, how it fares, and who moved it.
//!
//! The files say where a candidate begins; the admin API moves it from there, and `watch.rs` takes
//! it back when it fares worse. A reload that leaves candidate and beginning as they are changes
//! nothing; a restart begins anew.

mod form;
mod watch;

use std::sync::Arc;

use parking_lot::Mutex;
use tollgate_chain::{Acting, Chain, Policy, Progress, Stage, Tolerance, Trees};
use tollgate_config::Config;
use tollgate_proxy::BoxedHost;

use crate::metrics::AUDIT;

pub use form::{DifferenceForm, FiguresForm, RolloutForm, ShadowForm};
pub(crate) use watch::describe;

/// The rollouts of the configuration that serves. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Rollouts(Arc<Mutex<Vec<ActiveRollout>>>);

/// One rollout.
#[derive(Debug, Clone)]
pub struct ActiveRollout {
    pub policy: Arc<str>,
    pub candidate: Arc<str>,
    pub progress: Arc<Progress>,
    tolerance: Tolerance,
    /// Where the files let it begin.
    began: Stage,
    /// The same for as long as its component, settings, grants and limits are.
    trees: Arc<Trees>,
}

impl Rollouts {
    /// How far this candidate has come, or a new beginning.
    pub fn resume(
        &self,
        policy: &str,
        candidate: &Policy<BoxedHost>,
        began: Stage,
    ) -> Arc<Progress> {
        let known = self.0.lock();
        let same = known.iter().find(|own| {
            *own.policy == *policy
                && own.began == began
                && Arc::ptr_eq(&own.trees, &candidate.trees)
        });
        same.map_or_else(|| Arc::new(Progress::new(began)), |own| Arc::clone(&own.progress))
    }

    /// Knows the rollouts that serve from now on, and no others.
    pub fn settle(&self, config: &Config, chains: &[Chain<BoxedHost>]) {
        let policies = || chains.iter().flat_map(|chain| &chain.policies);
        let known = config.rollouts().iter().filter_map(|own| {
            let name = &config.policies().get(own.policy)?.name;
            let policy = policies().find(|policy| *policy.name == **name)?;
            let rollout = policy.rollout.as_ref()?;
            Some(ActiveRollout {
                policy: Arc::clone(&policy.name),
                candidate: Arc::clone(&rollout.candidate.name),
                progress: Arc::clone(&rollout.progress),
                tolerance: own.tolerance,
                began: own.stage,
                trees: Arc::clone(&rollout.candidate.trees),
            })
        });
        let known = known.collect();
        *self.0.lock() = known;
    }

    /// All of them, by policy.
    pub fn list(&self) -> Vec<ActiveRollout> {
        self.0.lock().clone()
    }

    /// The rollout of a policy.
    pub fn find(&self, policy: &str) -> Option<ActiveRollout> {
        self.0.lock().iter().find(|own| *own.policy == *policy).cloned()
    }
}

impl ActiveRollout {
    /// Moves the candidate, because somebody wants it so.
    pub fn advance(&self, stage: Stage) {
        let from = self.progress.advance(stage);
        let (policy, candidate) = (&*self.policy, &*self.candidate);
        tracing::info!(target: AUDIT, policy, candidate, %from, to = %stage, "rollout moved");
    }

    /// What both have done so far, the policy first.
    fn figures(&self) -> [tollgate_chain::RolloutFigures; 2] {
        [Acting::Current, Acting::Candidate].map(|acting| self.progress.figures(acting))
    }
}
