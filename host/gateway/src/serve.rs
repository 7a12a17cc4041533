//! `tollgate serve`: health first, then everything else, then traffic, then the drain.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tollgate_admin::{Admin, AdminHosts, AdminState, PreparedToken, PrometheusHandle};
use tollgate_capability::SystemClock;
use tollgate_chain::metric;
use tollgate_config::{Config, DrainConfig, Problems};
use tollgate_control::{
    ADMIN_CONNECTIONS_MAX, BoundListeners, BuildMode, CertificateWatch, ConfigObserver,
    DescriptorLimit, Follower, InputStamp, ListenerHandle, OnSwap, OpenStores, Purpose, Rollouts,
    SnapshotBuilder, inputs,
};
use tollgate_edge::{AccessLog, Drained, Listener, ListenerSettings, Responder};
use tollgate_insight::Redactor;
use tollgate_proxy::{Gateway, Ledger, Live, Readiness, ReceiptLog};
use tollgate_supervisor::{RestartPolicy, Supervisor};

use crate::parts;
use crate::signals::{SignalEvent, Signals};

/// Interval between looks at the access log's thread.
const ACCESS_LOG_LOOK: Duration = Duration::from_secs(1);
/// Longest wait for background tasks at the end of the process.
const TASKS_END_MAX: Duration = Duration::from_secs(10);

/// Serves until told to stop.
pub(crate) fn serve(folder: &Path) -> Result<ExitCode> {
    let metrics = tollgate_admin::start_metrics()?;
    let descriptors = DescriptorLimit::raise().context("the limit of file descriptors")?;
    let config = tollgate_config::load(folder).map_err(refused)?;
    // One worker needs no queues that others could steal from.
    let mut builder = match config.engine().workers {
        Some(1) => tokio::runtime::Builder::new_current_thread(),
        _ => tokio::runtime::Builder::new_multi_thread(),
    };
    if let Some(workers) = config.engine().workers {
        builder.worker_threads(workers);
    }
    let runtime = builder.enable_all().build().context("start the runtime")?;
    runtime.block_on(run(folder, config, metrics, descriptors))
}

/// Puts problems where `main` reports them.
fn refused(problems: Problems) -> anyhow::Error {
    anyhow::anyhow!("the configuration was refused\n{problems}")
}

async fn run(
    folder: &Path,
    config: Config,
    metrics: PrometheusHandle,
    descriptors: DescriptorLimit,
) -> Result<ExitCode> {
    let signals = Signals::listen()?;
    let (parts, admin_token) = parts::prepare(&config, Purpose::Serve).map_err(refused)?;
    let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
    let readiness = Readiness::default();
    let ledger = Ledger::default();
    let receipts = ReceiptLog::new(config.receipts());
    let rollouts = Rollouts::default();
    let supervisor = Supervisor::new(RestartPolicy::default());

    // Health answers before anything that takes time.
    let admin = AdminState {
        readiness: readiness.clone(),
        metrics,
        ledger: ledger.clone(),
        responder: Arc::new(Responder::new(config.problem_type_base())),
        receipts: receipts.clone(),
        redactor: Redactor::new(),
        rollouts: rollouts.clone(),
        hosts: admin_hosts(&config),
        token: admin_token.as_ref().map(|prepared| Arc::clone(&prepared.token)),
    };
    start_admin(&config, admin, &stop_admin, &supervisor)?;

    // Compiling blocks; the thread that runs this serves health meanwhile.
    let folder = folder.to_owned();
    let mode = BuildMode::Serve(receipts.clone(), rollouts.clone());
    let built = tokio::task::spawn_blocking(move || {
        let stamp = InputStamp::of(&inputs(&config));
        SnapshotBuilder::open(&folder, config, ledger, mode).map(|built| (built, stamp))
    });
    let ((builder, first), stamp) = built.await.context("compile")??;
    let drain = builder.config().drain();
    let stores = builder.stores().clone();
    readiness.report(stores.health());
    let live = Live::new(first);

    let connections = descriptors.connections(builder.config());
    let BoundListeners { listeners: bound, handles, access_log } =
        parts.bind(builder.config(), &connections)?;
    let clock = Arc::new(SystemClock::new());
    let certificates = Arc::new(CertificateWatch::new(builder.config(), clock));
    let on_swap = on_swap(handles, admin_token, Arc::clone(&certificates));
    let (listeners, detached) = (Vec::new(), TaskTracker::new());
    let mut serving =
        Serving { signals, readiness, drain, supervisor, listeners, detached, access_log };
    serving.listen(bound, &live, &stop);

    let (reload, requests) = mpsc::channel(1);
    let follower = Follower::new(live, (builder, stamp), on_swap, requests);
    let closing = CancellationToken::new();
    serving.watch(follower, rollouts, receipts);
    serving.watch_certificates(certificates);
    serving.watch_access_log(&closing);
    serving.readiness.ready();

    let aborted = serving.until_drained(&reload).await?;
    if !aborted {
        stop.cancel();
        serving.finish().await;
    }
    closing.cancel();
    close(stores, serving.access_log.take()).await?;

    stop_admin.cancel();
    if !aborted && !serving.supervisor.end(TASKS_END_MAX).await {
        tracing::warn!("background tasks did not end in time; leaving them");
    }
    tracing::info!("shutdown complete");
    Ok(ExitCode::SUCCESS)
}

/// Collects what a swapped configuration changes outside of Snapshots. All ports are bound by now,
/// so the admin token is published.
fn on_swap(
    listeners: Vec<ListenerHandle>,
    admin_token: Option<PreparedToken>,
    certificates: Arc<CertificateWatch>,
) -> OnSwap {
    let mut observers: Vec<ConfigObserver> = Vec::new();
    if let Some(prepared) = admin_token {
        let token = Arc::clone(&prepared.token);
        observers.push(Box::new(move |config| token.renew(config)));
        prepared.publish();
    }
    observers.push(Box::new(move |config| certificates.apply(config)));
    OnSwap { listeners, observers }
}

/// Writes what stores and access log hold back, on a thread that may block.
async fn close(stores: OpenStores, access_log: Option<AccessLog>) -> Result<()> {
    let closing = tokio::task::spawn_blocking(move || {
        stores.close();
        if let Some(log) = access_log {
            log.close();
        }
    });
    closing.await.context("write what is pending")
}

/// A process that serves, and what may end it.
struct Serving {
    signals: Signals,
    readiness: Readiness,
    drain: DrainConfig,
    supervisor: Supervisor,
    /// For each listener, the outcome of its drain.
    listeners: Vec<JoinHandle<Option<Drained>>>,
    /// Operations whose callers left.
    detached: TaskTracker,
    access_log: Option<AccessLog>,
}

impl Serving {
    /// Starts the listeners, each in a task of its own.
    fn listen(
        &mut self,
        listeners: Vec<(Arc<str>, Listener)>,
        live: &Live,
        stop: &CancellationToken,
    ) {
        for (name, listener) in listeners {
            tracing::info!(listener = %name, address = %listener.local_addr(), "listening");
            let task = format!("listener {name}");
            let readiness = self.readiness.clone();
            let (live, detached) = (live.clone(), self.detached.clone());
            let keeps_records = self.access_log.is_some();
            let gateway = Gateway { live, listener: name, readiness, keeps_records, detached };
            let work = listener.serve(gateway, stop.clone());
            self.listeners.push(self.supervisor.essential(task, stop.clone(), work));
        }
    }

    /// Starts everything that goes on beside the listeners.
    fn watch(&self, follower: Follower, rollouts: Rollouts, receipts: ReceiptLog) {
        let follower = Arc::new(follower);
        self.supervisor.restarting("reload", move |ending| {
            let follower = Arc::clone(&follower);
            ending.run_until_cancelled_owned(async move { follower.run().await })
        });
        self.supervisor.restarting("rollout watch", move |ending| {
            ending.run_until_cancelled_owned(rollouts.clone().watch())
        });
        self.supervisor.restarting("receipt leases", move |ending| {
            ending.run_until_cancelled_owned(receipts.clone().watch_leases())
        });
    }

    /// Watches the ends of certificates.
    fn watch_certificates(&self, certificates: Arc<CertificateWatch>) {
        self.supervisor.restarting("certificate watch", move |ending| {
            ending.run_until_cancelled_owned(Arc::clone(&certificates).watch())
        });
    }

    /// Watches the thread of the access log: the process ends rather than serve unrecorded.
    fn watch_access_log(&self, closing: &CancellationToken) {
        let Some(log) = self.access_log.clone() else { return };
        self.supervisor.essential("access log writer", closing.clone(), async move {
            while log.is_running() {
                tokio::time::sleep(ACCESS_LOG_LOOK).await;
            }
        });
    }

    /// Serves until a signal, then waits for endpoints to spread. True when nothing more is to be
    /// waited for.
    ///
    /// # Errors
    /// A task ended that the process cannot be without.
    async fn until_drained(&mut self, reload: &mpsc::Sender<()>) -> Result<bool> {
        loop {
            tokio::select! {
                event = self.signals.next() => match event {
                    SignalEvent::Reload => {
                        self.reopen_access_log();
                        // A full queue means that a reload is due anyway.
                        let _ = reload.try_send(());
                    }
                    SignalEvent::Abort => return Ok(true),
                    SignalEvent::Drain => break,
                },
                failure = self.supervisor.failed() => {
                    bail!("{} ended: {}", failure.task, failure.cause)
                }
            }
        }

        tracing::info!(delay_ms = self.drain.delay.as_millis(), "draining");
        self.readiness.draining();
        metrics::gauge!(metric::DRAINING).set(1.0);

        let spread = tokio::time::sleep(self.drain.delay);
        tokio::pin!(spread);
        loop {
            tokio::select! {
                () = &mut spread => return Ok(false),
                event = self.signals.next() => match event {
                    SignalEvent::Abort => return Ok(true),
                    SignalEvent::Reload => self.reopen_access_log(),
                    SignalEvent::Drain => tracing::info!("draining already"),
                },
            }
        }
    }

    fn reopen_access_log(&self) {
        if let Some(log) = &self.access_log {
            log.reopen();
        }
    }

    /// Waits for exchanges in flight, whose wait the listeners bound, and for operations whose
    /// callers left, within the same time. A signal to end at once ends the wait.
    async fn finish(&mut self) {
        let deadline = Instant::now() + self.drain.wait;
        let (listeners, detached) = (std::mem::take(&mut self.listeners), self.detached.clone());
        let finished = async {
            for listener in listeners {
                match listener.await {
                    Ok(Some(drained)) => tracing::info!(?drained, "listener drained"),
                    Ok(None) | Err(_) => tracing::error!("listener ended before it was drained"),
                }
            }

            detached.close();
            if timeout_at(deadline, detached.wait()).await.is_err() {
                let operations = detached.len();
                tracing::warn!(operations, "drain timed out; leaving operations unfinished");
            }
        };
        tokio::pin!(finished);

        loop {
            tokio::select! {
                () = &mut finished => return,
                event = self.signals.next() => {
                    if event == SignalEvent::Abort {
                        return;
                    }
                }
            }
        }
    }
}

/// The hosts of the admin port; where there is none nothing asks for them.
fn admin_hosts(config: &Config) -> AdminHosts {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let address = config.admin().map_or(nowhere, |address| **address);
    AdminHosts::new(address, config.admin_hosts())
}

/// Starts the admin listener where one is configured.
fn start_admin(
    config: &Config,
    admin: AdminState,
    stop: &CancellationToken,
    supervisor: &Supervisor,
) -> Result<()> {
    let Some(address) = config.admin().map(|address| **address) else { return Ok(()) };
    let mut settings = ListenerSettings::plaintext(address, Arc::clone(&admin.responder));
    settings.limits.drain_timeout = Duration::from_secs(1);
    settings.limits.connections_max = ADMIN_CONNECTIONS_MAX;
    let listener = Listener::bind(settings).context("admin listener")?;
    tracing::info!(address = %listener.local_addr(), "health and metrics");
    let work = listener.serve(Admin::new(admin), stop.clone());
    supervisor.essential("admin listener", stop.clone(), work);
    Ok(())
}
