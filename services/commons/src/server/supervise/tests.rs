use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

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
        self.0.lock().unwrap().extend_from_slice(bytes);
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
        let lines = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
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
        tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        lines
    })
}

#[tokio::test]
async fn a_task_that_panics_is_restarted_with_a_log_line_and_a_metric_until_it_ends_the_process() {
    let lines = captured();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _metrics = metrics::set_default_local_recorder(&recorder);
    let supervisor = Supervisor::new(POLICY);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    supervisor.spawn("panicking", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async { panic!("provoked") }
    });

    assert_eq!(supervisor.failed().await, "panicking");
    assert_eq!(runs.load(Ordering::SeqCst), 3, "one run and two restarts");
    assert_eq!(lines.count("panicking", "task ended; restarting it"), 2);
    assert_eq!(lines.count("panicking", "task failed; ending the process"), 1);
    assert!(lines.count("panicking", "provoked") >= 1, "the cause is logged");
    let rendered = metrics.render();
    assert!(rendered.contains("task_restarts_total{task=\"panicking\"} 2"), "{rendered}");
    assert!(rendered.contains("task_failed{task=\"panicking\"} 1"), "{rendered}");
    assert!(supervisor.end(Duration::from_secs(10)).await);
}

#[tokio::test]
async fn a_task_that_returns_early_is_restarted_too() {
    let supervisor = Supervisor::new(POLICY);
    let runs = Arc::new(AtomicU32::new(0));
    let counted = runs.clone();
    supervisor.spawn("brief", move |_| {
        counted.fetch_add(1, Ordering::SeqCst);
        async {}
    });
    assert_eq!(supervisor.failed().await, "brief");
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
    supervisor.spawn("steady", move |_| {
        runs += 1;
        if runs == many {
            reporter.cancel();
        }
        async {}
    });
    tokio::select! {
        task = supervisor.failed() => panic!("{task} failed"),
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
    supervisor.spawn("obedient", move |ending| {
        reporter.cancel();
        async move { ending.cancelled().await }
    });
    started.cancelled().await;
    assert!(supervisor.end(Duration::from_secs(10)).await);
    assert_eq!(lines.count("obedient", ""), 0);

    let supervisor = Supervisor::new(POLICY);
    let started = CancellationToken::new();
    let reporter = started.clone();
    supervisor.spawn("deaf", move |_| {
        reporter.cancel();
        std::future::pending()
    });
    started.cancelled().await;
    assert!(!supervisor.end(Duration::from_millis(10)).await);
}
