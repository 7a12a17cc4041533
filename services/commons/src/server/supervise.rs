//! Ownership of background tasks: a task that ends before the process does is restarted, and ends
//! the process if it keeps failing.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The limits of restarts. After a run that lasted `stable_after`, counting begins anew.
#[derive(Debug, Clone, Copy)]
pub struct RestartPolicy {
    /// Restarts in a row before the task counts as failed.
    pub restarts_max: u32,
    /// Pause before the first restart; it doubles with each further one.
    pub back_off: Duration,
    /// Longest pause.
    pub back_off_max: Duration,
    /// Length of a run after which the task counts as healthy again.
    pub stable_after: Duration,
}

/// Runs named background tasks until the process ends. Clones share them.
///
/// A task that panics or returns early is logged, counted in `task_restarts_total` and restarted
/// after a back-off. If its restarts are exhausted, `task_failed` is set and [`Supervisor::failed`]
/// completes, upon which the process ends.
#[derive(Debug, Clone)]
pub struct Supervisor {
    tasks: TaskTracker,
    ending: CancellationToken,
    failure: Failure,
    policy: RestartPolicy,
}

/// The first task whose restarts were exhausted.
#[derive(Debug, Clone, Default)]
struct Failure {
    task: Arc<OnceLock<&'static str>>,
    happened: CancellationToken,
}

impl Default for RestartPolicy {
    fn default() -> Self {
        Self {
            restarts_max: 5,
            back_off: Duration::from_millis(200),
            back_off_max: Duration::from_secs(10),
            stable_after: Duration::from_secs(60),
        }
    }
}

impl Supervisor {
    /// Makes a supervisor without tasks.
    #[must_use]
    pub fn new(policy: RestartPolicy) -> Self {
        Self {
            tasks: TaskTracker::new(),
            ending: CancellationToken::new(),
            failure: Failure::default(),
            policy,
        }
    }

    /// Starts a task. `make` creates it, and again for each restart; it gets the token whose
    /// cancellation asks the task to finish its work and return.
    pub fn spawn<F>(
        &self,
        name: &'static str,
        mut make: impl FnMut(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let (ending, failure, policy) = (self.ending.clone(), self.failure.clone(), self.policy);
        let tasks = self.tasks.clone();
        metrics::gauge!("task_failed", "task" => name).set(0.0);

        self.tasks.spawn(async move {
            let mut restarts = 0;
            while !ending.is_cancelled() {
                let started = Instant::now();
                // A task of its own, so that a panic ends it and not its supervision.
                let ended = tasks.spawn(make(ending.clone())).await;
                if ending.is_cancelled() {
                    report_panic_at_end(name, ended);
                    return;
                }

                if started.elapsed() >= policy.stable_after {
                    restarts = 0;
                }
                let cause = ended.map_or_else(|error| error.to_string(), |()| "returned".into());
                if restarts >= policy.restarts_max {
                    tracing::error!(
                        task = name,
                        cause,
                        restarts,
                        "task failed; ending the process"
                    );
                    metrics::gauge!("task_failed", "task" => name).set(1.0);
                    failure.report(name);
                    return;
                }

                let pause = policy.pause(restarts);
                restarts += 1;
                let back_off_ms = pause.as_millis();
                tracing::error!(
                    task = name,
                    cause,
                    restarts,
                    back_off_ms,
                    "task ended; restarting it"
                );
                metrics::counter!("task_restarts_total", "task" => name).increment(1);
                tokio::select! {
                    () = tokio::time::sleep(pause) => {}
                    () = ending.cancelled() => {}
                }
            }
        });
    }

    /// Completes with the name of the first task whose restarts were exhausted.
    pub async fn failed(&self) -> &'static str {
        self.failure.happened.cancelled().await;
        self.failure.task.get().copied().unwrap_or_default()
    }

    /// Asks all tasks to finish and waits for them. False if they do not within `limit`.
    pub async fn end(&self, limit: Duration) -> bool {
        self.ending.cancel();
        self.tasks.close();
        tokio::time::timeout(limit, self.tasks.wait()).await.is_ok()
    }
}

impl RestartPolicy {
    fn pause(&self, restarts: u32) -> Duration {
        self.back_off.saturating_mul(2_u32.saturating_pow(restarts)).min(self.back_off_max)
    }
}

impl Failure {
    fn report(&self, task: &'static str) {
        let _ = self.task.set(task);
        self.happened.cancel();
    }
}

fn report_panic_at_end(task: &'static str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(task, %error, "task panicked while the process ended");
    }
}

#[cfg(test)]
mod tests;
