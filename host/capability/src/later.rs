//! The answer of a back end, at once or later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tollgate_chain::{Answer, Asked};

/// A boxed future.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The answer of a back end: in-process stores answer at once, and then nothing is allocated.
pub enum Later<'a, T> {
    /// Available now.
    Ready(T),
    /// Not available yet. Dropping the future abandons the answer and releases what it reserved.
    Pending(BoxFuture<'a, T>),
}

impl<'a, T: Send + 'a> Later<'a, T> {
    /// Applies `then` to the answer, now or when it comes.
    pub fn map<U>(self, then: impl FnOnce(T) -> U + Send + 'a) -> Later<'a, U> {
        match self {
            Self::Ready(answer) => Later::Ready(then(answer)),
            Self::Pending(later) => Later::Pending(Box::pin(async move { then(later.await) })),
        }
    }

    /// Waits for the answer if it is not available yet.
    pub async fn get(self) -> T {
        match self {
            Self::Ready(answer) => answer,
            Self::Pending(later) => later.await,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Later<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ready(answer) => f.debug_tuple("Ready").field(answer).finish(),
            Self::Pending(_) => f.write_str("Pending"),
        }
    }
}

impl<'a> From<Later<'a, Answer>> for Asked<'a> {
    fn from(later: Later<'a, Answer>) -> Self {
        match later {
            Later::Ready(answer) => Self::Ready(answer),
            Later::Pending(later) => Self::Pending(later),
        }
    }
}
