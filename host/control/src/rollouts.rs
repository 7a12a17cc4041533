//! Rollouts of candidates: the stage of each, what both versions did, and who moved it.
//!
//! The files say where a candidate begins; the admin API moves it from there, and `watch.rs` rolls
//! it back when it does worse. A reload that leaves candidate and first stage as they are changes
//! nothing; a restart begins anew.

mod form;
mod watch;

use std::sync::Arc;

use parking_lot::Mutex;
use tollgate_chain::{Acting, Chain, Policy, Progress, Stage, Tolerance, Trees};
use tollgate_config::Config;
use tollgate_proxy::BoxedHost;

use crate::AUDIT;

pub use form::{DifferenceForm, FiguresForm, RolloutForm, ShadowForm};

/// The rollouts of the configuration that serves. A cheap handle.
#[derive(Debug, Clone, Default)]
pub struct Rollouts(Arc<Mutex<Vec<ActiveRollout>>>);

/// A rollout that serves.
#[derive(Debug, Clone)]
pub struct ActiveRollout {
    /// The policy.
    pub policy: Arc<str>,
    /// The policy that may take its place.
    pub candidate: Arc<str>,
    /// The stage, and what both did so far.
    pub progress: Arc<Progress>,
    tolerance: Tolerance,
    /// The stage that the files let it begin with.
    began: Stage,
    /// The same for as long as its component, settings, grants and limits are.
    trees: Arc<Trees>,
}

impl Rollouts {
    /// Returns the progress of this candidate, or a new one.
    pub fn resume(
        &self,
        policy: &str,
        candidate: &Policy<BoxedHost>,
        began: Stage,
    ) -> Arc<Progress> {
        let active = self.0.lock();
        let same = active.iter().find(|rollout| {
            *rollout.policy == *policy
                && rollout.began == began
                && Arc::ptr_eq(&rollout.trees, &candidate.trees)
        });
        same.map_or_else(|| Arc::new(Progress::new(began)), |rollout| Arc::clone(&rollout.progress))
    }

    /// Replaces the rollouts by those that serve from now on.
    pub fn settle(&self, config: &Config, chains: &[Chain<BoxedHost>]) {
        let policies = || chains.iter().flat_map(|chain| &chain.policies);
        let active = config.rollouts().iter().filter_map(|declared| {
            let name = &config.policies().get(declared.policy)?.name;
            let policy = policies().find(|policy| *policy.name == **name)?;
            let rollout = policy.rollout.as_ref()?;
            Some(ActiveRollout {
                policy: Arc::clone(&policy.name),
                candidate: Arc::clone(&rollout.candidate.name),
                progress: Arc::clone(&rollout.progress),
                tolerance: declared.tolerance,
                began: declared.stage,
                trees: Arc::clone(&rollout.candidate.trees),
            })
        });
        let active = active.collect();
        *self.0.lock() = active;
    }

    /// Returns all rollouts.
    #[must_use]
    pub fn list(&self) -> Vec<ActiveRollout> {
        self.0.lock().clone()
    }

    /// Returns the rollout of a policy.
    #[must_use]
    pub fn find(&self, policy: &str) -> Option<ActiveRollout> {
        self.0.lock().iter().find(|rollout| *rollout.policy == *policy).cloned()
    }
}

impl ActiveRollout {
    /// Moves the candidate to a stage on an operator's behalf, and writes that to the audit log.
    pub fn advance(&self, stage: Stage) {
        let from = self.progress.advance(stage);
        let (policy, candidate) = (&*self.policy, &*self.candidate);
        tracing::info!(target: AUDIT, policy, candidate, %from, to = %stage, "rollout moved");
    }

    /// Returns the results by which both are compared, the policy's first.
    fn figures(&self) -> [tollgate_chain::RolloutFigures; 2] {
        [Acting::Current, Acting::Candidate].map(|acting| self.progress.compared(acting))
    }
}
