//! Restarts, their limits, and the end of a process.

use std::convert::Infallible;
use std::io;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use tollgate_supervisor::{RestartPolicy, Supervisor};

const POLICY: RestartPolicy = RestartPolicy {
    restarts_max: 2,
    back_off: Duration::from_millis(1),
    back_off_max: Duration::from_millis(10),
    stable_after: Duration::from_secs(60),
};

/// Collects log lines.
#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Lines {
    /// Counts the lines about a task that hold a text.
    fn count(&self, task: &str, text: &str) -> usize {
        let field = format!("task=\"{task}\"");
        let lines = self.0.lock();
        let lines = String::from_utf8_lossy(&lines);
        lines.lines().filter(|line| line.contains(&field) && line.contains(text)).count()
    }
}

/// Collects the log of the whole test process. One subscriber serves all tests: `tracing` asks the
/// subscribers once whether they want a line, and a test on another thread without a subscriber
/// could be the one that is asked.
fn captured() -> &'static Lines {
    static LINES: OnceLock<Lines> = OnceLock::new();
    LINES.get_or_init(|| {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber =
            tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone());
        assert!(tracing::subscriber::set_global_default(subscriber.finish()).is_ok());
        lines
    })
}

/// An error with a cause.
#[derive(Debug, thiserror::Error)]
#[error("read the folder")]
struct Failed(#[source] io::Error);

#[tokio::test]
async fn a_task_that_panics_is_restarted_with_a_log_line_and_a_metric_until_it_ends_the_process() {
    let lines = captured();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let supervisor = Supervisor::new(POLICY);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    supervisor.restarting("panicking", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { assert!(std::hint::black_box(false), "provoked") }
    });

    let failure = supervisor.failed().await;
    assert_eq!((&*failure.task, &*failure.cause), ("panicking", "panicked: provoked"));
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one run and two restarts");
    assert_eq!(lines.count("panicking", "task ended; restarting it"), 2);
    assert_eq!(lines.count("panicking", "task failed; ending the process"), 1);
    assert!(lines.count("panicking", "provoked") >= 1, "the cause is logged");
    let rendered = metrics.render();
    assert!(rendered.contains("task_restarts_total{task=\"panicking\"} 2"), "{rendered}");
    assert!(rendered.contains("task_failed{task=\"panicking\"} 1"), "{rendered}");
    assert!(rendered.contains("# HELP task_failed"), "{rendered}");
    assert!(supervisor.end(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_task_that_returns_early_is_restarted_too_and_its_error_is_the_cause() {
    let supervisor = Supervisor::new(POLICY);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    supervisor.restarting("brief", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { Err::<Infallible, _>(Failed(io::Error::other("no folder"))) }
    });
    let failure = supervisor.failed().await;
    assert_eq!((&*failure.task, &*failure.cause), ("brief", "read the folder: no folder"));
    assert_eq!(runs.load(Ordering::SeqCst), 3);
}

#[test]
fn the_pause_before_a_restart_doubles_up_to_its_bound() {
    let pauses = [0, 1, 2, 3, 4, u32::MAX].map(|restarts| POLICY.pause(restarts).as_millis());
    assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
}

#[tokio::test]
async fn a_task_that_ran_long_enough_before_it_failed_never_ends_the_process() {
    let supervisor = Supervisor::new(RestartPolicy { stable_after: Duration::ZERO, ..POLICY });
    let (many, reached) = (POLICY.restarts_max * 5, CancellationToken::new());
    let (mut runs, reporter) = (0, reached.clone());
    supervisor.restarting("steady", move |_| {
        runs += 1;
        if runs == many {
            reporter.cancel();
        }
        async {}
    });
    tokio::select! {
        failure = supervisor.failed() => panic!("{failure:?}"),
        () = reached.cancelled() => {}
    }
    assert!(supervisor.end(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_task_that_is_asked_to_end_is_not_restarted() {
    let lines = captured();
    let supervisor = Supervisor::new(POLICY);
    let started = CancellationToken::new();
    let reporter = started.clone();
    supervisor.restarting("obedient", move |ending| {
        reporter.cancel();
        async move { ending.cancelled().await }
    });
    started.cancelled().await;
    assert!(supervisor.end(Duration::from_secs(10)).await);
    assert_eq!(lines.count("obedient", ""), 0);

    let supervisor = Supervisor::new(POLICY);
    let started = CancellationToken::new();
    let reporter = started.clone();
    supervisor.restarting("deaf", move |_| {
        reporter.cancel();
        std::future::pending::<()>()
    });
    started.cancelled().await;
    assert!(!supervisor.end(Duration::from_millis(10)).await);
}

#[tokio::test]
async fn an_essential_task_that_panics_or_returns_early_ends_the_process() {
    let supervisor = Supervisor::new(POLICY);
    supervisor.restarting("other", |ending| async move { ending.cancelled().await });
    let stop = CancellationToken::new();
    let output = supervisor.essential("listener main", stop.clone(), async {
        assert!(std::hint::black_box(false), "provoked");
        7
    });
    let failure = supervisor.failed().await;
    assert_eq!((&*failure.task, &*failure.cause), ("listener main", "panicked: provoked"));
    assert_eq!(output.await.unwrap(), None);

    let supervisor = Supervisor::new(POLICY);
    let output = supervisor.essential("listener main", stop, async { 7 });
    let failure = supervisor.failed().await;
    assert_eq!((&*failure.task, &*failure.cause), ("listener main", "returned"));
    assert_eq!(output.await.unwrap(), None);
}

#[tokio::test]
async fn an_essential_task_that_was_asked_to_stop_gives_its_output_and_is_waited_for() {
    let lines = captured();
    let supervisor = Supervisor::new(POLICY);
    let (stop, asked) = (CancellationToken::new(), CancellationToken::new());
    let (token, reporter) = (stop.clone(), asked.clone());
    let output = supervisor.essential("listener drained", stop.clone(), async move {
        token.cancelled().await;
        reporter.cancelled().await;
        7
    });

    stop.cancel();
    assert!(!supervisor.end(Duration::from_millis(10)).await, "it still drains");
    asked.cancel();
    assert!(supervisor.end(Duration::from_secs(10)).await);
    assert_eq!(output.await.unwrap(), Some(7));
    assert_eq!(lines.count("listener drained", ""), 0);
}
