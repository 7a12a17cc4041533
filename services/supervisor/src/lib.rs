//! Ownership of background tasks: a task that ends before the process does is restarted, and ends
//! the process if it keeps failing.
//!
//! A [`Supervisor`] knows nothing of what its tasks do. A process waits for
//! [`Supervisor::failed`] beside its signals and calls [`Supervisor::end`] last.

mod end_cause;
mod restart_policy;
mod supervisor;

pub use end_cause::EndCause;
pub use restart_policy::RestartPolicy;
pub use supervisor::{Supervisor, TASK_FAILED, TASK_RESTARTS, TaskFailure};
