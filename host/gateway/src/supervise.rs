//! Owns the tasks that live as long as the process. One that ends or panics is restarted with a
//! growing pause, or ends the process; either is logged and counted.

use std::fmt::Display;
use std::time::Duration;

use metrics::{counter, describe_counter};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep};

/// Ends of tasks, by `task` and `action`.
const TASK_ENDS: &str = "tollgate_task_ends_total";
/// Restarts in a row before the task is given up and the process ends.
const RESTARTS_MAX: u32 = 8;

/// The pace of restarts.
#[derive(Debug, Clone, Copy)]
struct BackOff {
    /// The pause before the first restart; each further one doubles it.
    pause: Duration,
    /// The longest pause.
    pause_max: Duration,
    /// A task that ran for so long before it ended begins a new row.
    healthy: Duration,
}

const BACK_OFF: BackOff = BackOff {
    pause: Duration::from_millis(100),
    pause_max: Duration::from_secs(5),
    healthy: Duration::from_secs(60),
};

/// The long-running tasks of the process. Dropping it aborts them.
#[derive(Debug)]
pub(crate) struct Supervisor {
    tasks: JoinSet<TaskEnd>,
    back_off: BackOff,
}

/// A task that ended and is not restarted, and why.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TaskEnd {
    pub(crate) task: String,
    pub(crate) reason: String,
}

impl Supervisor {
    /// Makes one without tasks, and describes its metric.
    pub(crate) fn new() -> Self {
        describe_counter!(TASK_ENDS, "Ends of tasks that should not end, by what was done.");
        Self { tasks: JoinSet::new(), back_off: BACK_OFF }
    }

    /// Runs a task that may be started again: whenever it ends or panics, `make` makes it anew.
    pub(crate) fn restarting<T, F>(&mut self, task: &str, make: impl Fn() -> F + Send + 'static)
    where
        F: Future<Output = T> + Send + 'static,
        T: Display + Send + 'static,
    {
        self.tasks.spawn(keep_running(task.to_owned(), self.back_off, make));
    }

    /// Runs a task that cannot be started again: its end is the end of the process.
    pub(crate) fn essential<T: Display + Send + 'static>(
        &mut self,
        task: &str,
        work: impl Future<Output = T> + Send + 'static,
    ) {
        let task = task.to_owned();
        self.tasks.spawn(async move {
            let reason = run_once(work).await;
            count(&task, "process ended");
            tracing::error!(task, reason, "task ended; ending the process");
            TaskEnd { task, reason }
        });
    }

    /// Waits for a task that ends the process. Pending as long as there is none. Cancel-safe.
    pub(crate) async fn failure(&mut self) -> TaskEnd {
        match self.tasks.join_next().await {
            Some(Ok(end)) => end,
            Some(Err(error)) => {
                TaskEnd { task: "supervisor".to_owned(), reason: panic_message(error) }
            }
            None => std::future::pending().await,
        }
    }
}

async fn keep_running<T, F>(task: String, back_off: BackOff, make: impl Fn() -> F) -> TaskEnd
where
    F: Future<Output = T> + Send + 'static,
    T: Display + Send + 'static,
{
    let (mut pause, mut restarts) = (back_off.pause, 0);
    loop {
        let began = Instant::now();
        let reason = run_once(make()).await;
        if began.elapsed() >= back_off.healthy {
            (pause, restarts) = (back_off.pause, 0);
        }

        // A task that ends again and again has a cause that restarts do not cure.
        if restarts == RESTARTS_MAX {
            count(&task, "process ended");
            tracing::error!(task, reason, restarts, "task keeps ending; ending the process");
            return TaskEnd { task, reason };
        }
        count(&task, "restarted");
        tracing::error!(task, reason, pause_ms = pause.as_millis(), "task ended; restarting it");
        sleep(pause).await;
        restarts += 1;
        pause = (pause * 2).min(back_off.pause_max);
    }
}

/// Runs the work in a task of its own, so that a panic ends nothing else, and says why it ended.
async fn run_once<T: Display + Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> String {
    let mut task = JoinSet::new();
    task.spawn(work);
    match task.join_next().await {
        Some(Ok(reason)) => reason.to_string(),
        Some(Err(error)) => panic_message(error),
        None => "nothing was started".to_owned(),
    }
}

fn panic_message(error: JoinError) -> String {
    let Ok(panic) = error.try_into_panic() else { return "cancelled".to_owned() };
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.as_deref().unwrap_or("without a message"))
}

fn count(task: &str, action: &'static str) {
    counter!(TASK_ENDS, "task" => task.to_owned(), "action" => action).increment(1);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use tokio::sync::mpsc;

    use super::*;

    fn supervisor(healthy: Duration) -> Supervisor {
        let pause = Duration::from_millis(1);
        let back_off = BackOff { pause, pause_max: pause, healthy };
        Supervisor { back_off, ..Supervisor::new() }
    }

    #[tokio::test]
    async fn a_task_that_panics_is_started_again() {
        let (started, mut starts) = mpsc::channel(4);
        let count = Arc::new(AtomicU32::new(0));
        let mut supervisor = supervisor(BACK_OFF.healthy);
        supervisor.restarting("reload", move || {
            let (started, run) = (started.clone(), count.fetch_add(1, Ordering::Relaxed));
            async move {
                let _ = started.send(run).await;
                assert!(run > 1, "provoked");
                std::future::pending::<&str>().await
            }
        });
        let runs = [starts.recv().await, starts.recv().await, starts.recv().await];
        assert_eq!(runs, [Some(0), Some(1), Some(2)]);
    }

    #[tokio::test]
    async fn a_task_that_keeps_ending_ends_the_process() {
        let count = Arc::new(AtomicU32::new(0));
        let runs = Arc::clone(&count);
        let mut supervisor = supervisor(BACK_OFF.healthy);
        supervisor.restarting("reload", move || {
            runs.fetch_add(1, Ordering::Relaxed);
            std::future::ready("file events ended")
        });
        let end = supervisor.failure().await;
        assert_eq!((&*end.task, &*end.reason), ("reload", "file events ended"));
        assert_eq!(count.load(Ordering::Relaxed), RESTARTS_MAX + 1);
    }

    #[tokio::test]
    async fn an_essential_task_that_panics_ends_the_process() {
        let mut supervisor = supervisor(BACK_OFF.healthy);
        supervisor.restarting("other", std::future::pending::<&str>);
        supervisor.essential("listener main", async {
            assert!(std::hint::black_box(false), "provoked");
            "never"
        });
        let end = supervisor.failure().await;
        assert_eq!((&*end.task, &*end.reason), ("listener main", "panicked: provoked"));
    }

    #[tokio::test]
    async fn a_task_that_ran_long_begins_a_new_row_of_restarts() {
        let healthy = Duration::from_millis(2);
        let count = Arc::new(AtomicU32::new(0));
        let (started, mut starts) = mpsc::channel(64);
        let mut supervisor = supervisor(healthy);
        supervisor.restarting("watch", move || {
            let (started, run) = (started.clone(), count.fetch_add(1, Ordering::Relaxed));
            async move {
                sleep(healthy).await;
                let _ = started.send(run).await;
                "ended"
            }
        });
        for run in 0..RESTARTS_MAX * 2 {
            assert_eq!(starts.recv().await, Some(run));
        }
    }
}
