//! The supervisor and its two kinds of task.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::SetOnce;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::end_cause::{self, EndCause};
use crate::restart_policy::RestartPolicy;

/// Counter of restarts, by `task`.
pub const TASK_RESTARTS: &str = "task_restarts_total";
/// Gauge of each `task`: 1 once it ends the process.
pub const TASK_FAILED: &str = "task_failed";

/// Runs named background tasks until the process ends. Clones share them.
///
/// The end of a task is logged with its cause. A restart is counted in [`TASK_RESTARTS`]; a task
/// that ends the process sets [`TASK_FAILED`] and completes [`Supervisor::failed`].
#[derive(Debug, Clone)]
pub struct Supervisor {
    tasks: TaskTracker,
    ending: CancellationToken,
    first_failure: Arc<SetOnce<TaskFailure>>,
    policy: RestartPolicy,
}

/// A task that ends the process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskFailure {
    /// The name of the task in logs and metrics.
    pub task: Arc<str>,
    /// The cause of its last end.
    pub cause: String,
}

impl Supervisor {
    /// Makes a supervisor without tasks, and describes its metrics to the recorder of the process.
    #[must_use]
    pub fn new(policy: RestartPolicy) -> Self {
        metrics::describe_counter!(TASK_RESTARTS, "Restarts of a background task.");
        metrics::describe_gauge!(TASK_FAILED, "1 once a background task ends the process.");
        Self {
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            first_failure: Arc::default(),
            policy,
        }
    }

    /// Starts a task that can be started again. `make` creates it, and again for each restart; it
    /// gets the token whose cancellation asks the task to finish its work and return.
    ///
    /// A task that panics or returns is restarted after a back-off; one whose restarts are
    /// exhausted ends the process.
    pub fn restarting<F>(
        &self,
        task: impl Into<Arc<str>>,
        mut make: impl FnMut(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output: EndCause + Send> + Send + 'static,
    {
        let (task, policy, this) = (task.into(), self.policy, self.clone());
        metrics::gauge!(TASK_FAILED, "task" => task.to_string()).set(0.0);

        self.tasks.spawn(async move {
            let mut restarts = 0;
            while !this.ending.is_cancelled() {
                let started = Instant::now();
                // A task of its own, so that a panic ends it and not its supervision.
                let ended = this.tasks.spawn(make(this.ending.clone())).await;
                if this.ending.is_cancelled() {
                    log_panic_at_end(&task, ended.map(drop));
                    return;
                }

                let cause = ended.map_or_else(end_cause::of_join_error, EndCause::cause);
                if started.elapsed() >= policy.stable_after {
                    restarts = 0;
                }
                // A task that ends again and again has a cause that restarts do not cure.
                if restarts >= policy.restarts_max {
                    this.fail(task, cause);
                    return;
                }

                let pause = policy.pause(restarts);
                restarts += 1;
                let back_off_ms = pause.as_millis();
                let name = &*task;
                tracing::error!(
                    task = name,
                    cause,
                    restarts,
                    back_off_ms,
                    "task ended; restarting it"
                );
                metrics::counter!(TASK_RESTARTS, "task" => task.to_string()).increment(1);
                let _ = this.ending.run_until_cancelled(tokio::time::sleep(pause)).await;
            }
        });
    }

    /// Starts a task that cannot be started again: if it ends before `stop` is cancelled, the
    /// process ends. `work` returns soon after that cancellation, and the handle gives its output;
    /// none if the task panicked or ended early. Dropping the handle does not end the task.
    pub fn essential<F>(
        &self,
        task: impl Into<Arc<str>>,
        stop: CancellationToken,
        work: F,
    ) -> JoinHandle<Option<F::Output>>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let (task, this) = (task.into(), self.clone());
        metrics::gauge!(TASK_FAILED, "task" => task.to_string()).set(0.0);

        self.tasks.spawn(async move {
            match this.tasks.spawn(work).await {
                Ok(output) if stop.is_cancelled() => Some(output),
                Ok(_) => {
                    this.fail(task, ().cause());
                    None
                }
                Err(error) => {
                    this.fail(task, end_cause::of_join_error(error));
                    None
                }
            }
        })
    }

    /// Completes with the first task that ends the process. Cancel-safe.
    pub async fn failed(&self) -> TaskFailure {
        self.first_failure.wait().await.clone()
    }

    /// Asks all tasks to finish and waits for them. False if they do not within `limit`.
    pub async fn end(&self, limit: Duration) -> bool {
        self.ending.cancel();
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }

    fn fail(&self, task: Arc<str>, cause: String) {
        tracing::error!(task = &*task, cause, "task failed; ending the process");
        metrics::gauge!(TASK_FAILED, "task" => task.to_string()).set(1.0);
        // The first failure is the one that is reported.
        let _ = self.first_failure.set(TaskFailure { task, cause });
    }
}

fn log_panic_at_end(task: &str, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        tracing::error!(task, %error, "task panicked while the process ended");
    }
}
