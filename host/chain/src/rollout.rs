//! A candidate beside a policy: who is decided by which, and how each fares.
//!
//! In *shadow* the policy decides and the candidate is run on the same answers, its commands
//! withheld. As a *canary* it decides for a share of tenants, the same ones for as long as the process lives; in *full* for
//! all. Who takes it back when it fares worse is the gateway's affair: here is only the count.

mod drift;
mod pair;
mod shadow;
mod stage;

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use parking_lot::Mutex;

use crate::receipt::ReceiptEntry;
use crate::{Hook, Policy, Tally, Verdict};

pub use drift::{Drift, RolloutFigures, Tolerance};
pub(crate) use pair::count;
pub(crate) use shadow::shadow;
pub use stage::{Share, Stage};

/// Differences that are kept, the newest; each may hold a verdict of some kilobytes.
const DIFFERENCES_MAX: usize = 64;

/// A candidate, and how far it has come.
#[derive(Debug)]
pub struct Rollout<H> {
    /// The version that may take the policy's place.
    pub candidate: Arc<Policy<H>>,
    /// Progress; outlives reloads that leave both as they are.
    pub progress: Arc<Progress>,
}

/// Which of the two decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Acting {
    /// The policy itself.
    #[default]
    Current,
    /// Its candidate.
    Candidate,
}

/// Progress and results of a candidate.
#[derive(Debug)]
pub struct Progress {
    stage: AtomicU32,
    all: Both,
    compared: Both,
    /// Assigns callers to sides in a way that nobody outside can foretell.
    salt: RandomState,
    shadow: Shadowed,
    differences: Mutex<VecDeque<Difference>>,
    returned: Mutex<Option<Drift>>,
}

/// Results of both.
#[derive(Debug, Default)]
struct Both {
    current: Fared,
    candidate: Fared,
}

/// Results of one of the two since the process began.
#[derive(Debug, Default)]
struct Fared {
    decisions: Tally,
    refusals: Tally,
    failures: Tally,
    nanoseconds: Tally,
}

/// Results of shadow runs.
#[derive(Debug, Default)]
struct Shadowed {
    same: Tally,
    differs: Tally,
    undecidable: Tally,
    failed: Tally,
}

/// A verdict that the candidate would have changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The hook that ran.
    pub hook: Hook,
    /// The verdict of the policy.
    pub current: Verdict,
    /// The verdict that the candidate would have reached.
    pub candidate: Verdict,
}

/// The counts of shadow runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShadowFigures {
    /// The candidate decided and commanded the same.
    pub same: u64,
    /// It decided or commanded something else.
    pub differs: u64,
    /// It asked for an effect that was not carried out, so that nobody knows.
    pub undecidable: u64,
    /// It failed.
    pub failed: u64,
}

impl Progress {
    /// A candidate at the beginning of this stage.
    #[must_use]
    pub fn new(stage: Stage) -> Self {
        Self {
            stage: AtomicU32::new(stage.code()),
            all: Both::default(),
            compared: Both::default(),
            salt: RandomState::new(),
            shadow: Shadowed::default(),
            differences: Mutex::default(),
            returned: Mutex::default(),
        }
    }

    /// Where it stands.
    #[must_use]
    pub fn stage(&self) -> Stage {
        Stage::of(self.stage.load(Ordering::Relaxed))
    }

    /// Moves it, and gives the stage that it leaves. Requests under way end as they began.
    pub fn advance(&self, stage: Stage) -> Stage {
        *self.returned.lock() = None;
        Stage::of(self.stage.swap(stage.code(), Ordering::AcqRel))
    }

    /// Takes the candidate back, because it fares worse. False when somebody has moved it since.
    pub fn give_back(&self, from: Stage, drift: Drift) -> bool {
        let off = Stage::Off.code();
        let moved =
            self.stage.compare_exchange(from.code(), off, Ordering::AcqRel, Ordering::Relaxed);
        if moved.is_ok() {
            *self.returned.lock() = Some(drift);
        }
        moved.is_ok()
    }

    /// Why it was taken back, when it was.
    #[must_use]
    pub fn returned(&self) -> Option<Drift> {
        *self.returned.lock()
    }

    /// Returns the results of one of the two, whoever asked.
    #[must_use]
    pub fn figures(&self, of: Acting) -> RolloutFigures {
        self.all.of(of).figures()
    }

    /// Returns the results of one of the two by which they are compared: what callers with a
    /// principal met, and what the candidate refused to others though the policy would not have.
    /// Nobody without a credential can make either of them look worse by requests that both refuse.
    #[must_use]
    pub fn compared(&self, of: Acting) -> RolloutFigures {
        self.compared.of(of).figures()
    }

    /// Results of shadow runs.
    #[must_use]
    pub fn shadow(&self) -> ShadowFigures {
        ShadowFigures {
            same: self.shadow.same.sum(),
            differs: self.shadow.differs.sum(),
            undecidable: self.shadow.undecidable.sum(),
            failed: self.shadow.failed.sum(),
        }
    }

    /// The newest differences, oldest first.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        self.differences.lock().iter().cloned().collect()
    }

    fn differs(&self, difference: Difference) {
        self.shadow.differs.add(1);
        let mut kept = self.differences.lock();
        if kept.len() == DIFFERENCES_MAX {
            kept.pop_front();
        }
        kept.push_back(difference);
    }
}

impl Both {
    fn of(&self, acting: Acting) -> &Fared {
        match acting {
            Acting::Current => &self.current,
            Acting::Candidate => &self.candidate,
        }
    }

    fn count(&self, entry: &ReceiptEntry<'_>) {
        let fared = self.of(entry.acting);
        fared.decisions.add(1);
        fared.nanoseconds.add(u64::try_from(entry.took.as_nanos()).unwrap_or(u64::MAX));
        match entry.decision.outcome() {
            Ok(Verdict::Reply(_)) => drop(fared.refusals.add(1)),
            Ok(Verdict::Proceed | Verdict::Forward(_)) => {}
            Err(_) => drop(fared.failures.add(1)),
        }
    }
}

impl Fared {
    fn figures(&self) -> RolloutFigures {
        RolloutFigures {
            decisions: self.decisions.sum(),
            refusals: self.refusals.sum(),
            failures: self.failures.sum(),
            nanoseconds: self.nanoseconds.sum(),
        }
    }
}

impl<H> Rollout<H> {
    /// Which of the two decides about somebody with this number
    /// ([`Host::sticky`](crate::Host::sticky)).
    #[must_use]
    pub fn acting(&self, sticky: impl FnOnce() -> u64) -> Acting {
        let takes = match self.progress.stage() {
            Stage::Off | Stage::Shadow => false,
            Stage::Canary(share) => share.takes(self.progress.salt.hash_one(sticky())),
            Stage::Full => true,
        };
        if takes { Acting::Candidate } else { Acting::Current }
    }

    /// Returns true if the candidate is to be run beside the policy.
    pub(crate) fn is_shadowing(&self) -> bool {
        self.progress.stage() == Stage::Shadow
    }
}

#[cfg(test)]
mod tests;
