//! A back end's answer, at once or later.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tollgate_chain::{Answer, Asked};

/// A future of unknown type.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a back end gives: in-process stores answer at once, and then nothing is allocated.
pub enum Later<'a, T> {
    /// Known now.
    Ready(T),
    /// Being waited for. Dropping the future abandons the answer, never what it reserved.
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

    /// The answer, waiting for it if need be.
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
