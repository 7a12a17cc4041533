//! The cause of a task's end, in words.

use std::convert::Infallible;
use std::error::Error;

use tokio::task::JoinError;

/// The output of a task as the cause of its end.
pub trait EndCause {
    /// Puts the cause in words, for logs.
    fn cause(self) -> String;
}

impl EndCause for () {
    fn cause(self) -> String {
        "returned".to_owned()
    }
}

impl<E: Error> EndCause for Result<Infallible, E> {
    fn cause(self) -> String {
        let Err(error) = self;
        let causes = std::iter::successors(error.source(), |&cause| cause.source());
        causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
    }
}

/// Nothing, where the task was asked to end first.
impl<T: EndCause> EndCause for Option<T> {
    fn cause(self) -> String {
        self.map_or_else(|| ().cause(), EndCause::cause)
    }
}

/// Puts a panic or an abort in words.
pub(crate) fn of_join_error(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "aborted".to_owned() };
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.as_deref().unwrap_or("without a message"))
}
