//! The permission to continue, as a type: a deciding policy that fails cannot produce it.

use std::sync::Arc;

use crate::question::Text;
use crate::{Class, Error, Failure, Reply, Verdict};

/// A token that only a passing verdict, a skipped policy or a failed [`Observer`] can produce: with
/// it the request, or the response, goes on to the next policy.
#[derive(Debug)]
pub struct Continue(());

/// A verdict other than *proceed*.
#[derive(Debug)]
pub(crate) enum Turn<'a> {
    Forward(&'a Text),
    Reply(&'a Reply),
}

impl Continue {
    /// Reads a verdict: *proceed* continues.
    pub(crate) fn ask(verdict: &Verdict) -> Result<Self, Turn<'_>> {
        match verdict {
            Verdict::Proceed => Ok(Self(())),
            Verdict::Forward(chosen) => Err(Turn::Forward(chosen)),
            Verdict::Reply(reply) => Err(Turn::Reply(reply)),
        }
    }

    /// Made for a policy that the request does not concern, and that therefore did not run.
    pub(crate) fn unconcerned() -> Self {
        Self(())
    }
}

/// Role of a policy when it fails: two types that have nothing in common.
#[derive(Debug)]
pub enum Standing {
    /// A policy of class `security` or `traffic`.
    Guard(Guard),
    /// A policy of class `observe`.
    Observer(Observer),
}

/// A policy without whose verdict nothing goes on. Its failure is an error of the exchange, and
/// cannot be anything else:
///
/// ```compile_fail,E0308
/// use std::sync::Arc;
/// use tollgate_chain::{Continue, Failure, Guard};
///
/// fn passed_over(guard: Guard, policy: &Arc<str>) -> Continue {
///     guard.fails(policy, &Failure::Time)
/// }
/// ```
#[derive(Debug)]
pub struct Guard(());

/// A policy that looks on: nobody relies on its verdict, and its failure is passed over.
///
/// ```
/// use tollgate_chain::{Continue, Observer};
///
/// fn passed_over(observer: Observer) -> Continue {
///     observer.fails()
/// }
/// ```
#[derive(Debug)]
pub struct Observer(());

impl Class {
    /// Returns the role that the class has when the policy fails.
    #[must_use]
    pub fn standing(self) -> Standing {
        match self {
            Self::Security | Self::Traffic => Standing::Guard(Guard(())),
            Self::Observe => Standing::Observer(Observer(())),
        }
    }
}

impl Guard {
    /// The error by which the exchange ends, closed.
    #[must_use]
    pub fn fails(self, policy: &Arc<str>, failure: &Failure) -> Error {
        Error::Plugin { policy: Arc::clone(policy), failure: failure.clone() }
    }
}

impl Observer {
    /// Permission to continue without it.
    #[must_use]
    pub fn fails(self) -> Continue {
        Continue(())
    }
}
