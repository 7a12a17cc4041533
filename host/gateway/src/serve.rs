//! `tollgate serve`: health first, then everything else, then traffic, then the drain.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tollgate_admin::{Admin, Api, DRAINING, PrometheusHandle};
use tollgate_config::{AccessLogConfig, Config, DrainConfig, Problems, with_causes};
use tollgate_control::{
    BuildMode, Follower, InputStamp, OpenStores, Rollouts, SnapshotBuilder, inputs,
};
use tollgate_edge::{
    AccessLog, Drained, Handler, Limits, Listener, ListenerSettings, Responder, Tls, TrustedProxies,
};
use tollgate_insight::Redactor;
use tollgate_proxy::{Gateway, Ledger, Live, Readiness, ReceiptLog};

use crate::parts::{Parts, Purpose};
use crate::signals::{SignalEvent, Signals};
use crate::supervise::Supervisor;

/// Access records that may wait for the disk.
const ACCESS_QUEUE: usize = 65_536;
/// Interval between looks at the access log's thread.
const ACCESS_LOG_LOOK: Duration = Duration::from_secs(1);

/// Serves until told to stop.
pub(crate) fn serve(folder: &Path) -> Result<ExitCode> {
    let metrics = tollgate_admin::start_metrics()?;
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
    runtime.block_on(run(folder, config, metrics))
}

/// Puts problems where `main` reports them.
fn refused(problems: Problems) -> anyhow::Error {
    anyhow::anyhow!("the configuration was refused\n{problems}")
}

async fn run(folder: &Path, config: Config, metrics: PrometheusHandle) -> Result<ExitCode> {
    let signals = Signals::listen()?;
    let parts = Parts::prepare(&config, Purpose::Serve).map_err(refused)?;
    let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
    let readiness = Readiness::default();
    let ledger = Ledger::default();
    let receipts = ReceiptLog::new(config.receipts());
    let rollouts = Rollouts::default();
    let mut supervisor = Supervisor::new();

    // Health answers before anything that takes time.
    let responder = Arc::new(Responder::new(config.problem_type_base()));
    let api = Api {
        receipts: receipts.clone(),
        redactor: Arc::new(Redactor::new()),
        rollouts: rollouts.clone(),
        token: parts.token,
        responder: Arc::clone(&responder),
    };
    let handler =
        Admin { readiness: readiness.clone(), metrics, ledger: ledger.clone(), responder, api };
    let admin_drained = start_admin(&config, handler, &stop_admin, &mut supervisor)?;

    // Compiling blocks; the thread that runs this serves health meanwhile.
    let folder = folder.to_owned();
    let mode = BuildMode::Serve(receipts, rollouts.clone());
    let built = tokio::task::spawn_blocking(move || {
        let stamp = InputStamp::of(&inputs(&config));
        SnapshotBuilder::open(&folder, config, ledger, mode).map(|built| (built, stamp))
    });
    let ((builder, first), stamp) = built.await.context("compile")??;
    let drain = builder.config().drain();
    let stores = builder.stores().clone();
    let live = Live::new(first);

    let access_log = start_access_log(builder.config().access_log(), parts.access_log)?;
    let bound = bind(builder.config(), &parts.tls, access_log.as_ref())?;
    let certificates = certificates(builder.config(), parts.tls);
    let mut serving = Serving { signals, readiness, drain, supervisor, listeners: Vec::new() };
    serving.listen(bound, &live, access_log.is_some(), &stop);

    let (reload, requests) = mpsc::channel(1);
    let follower = Follower::new(live, (builder, stamp), certificates, requests);
    let closing = CancellationToken::new();
    serving.watch(follower, rollouts, access_log.clone(), &closing);
    serving.readiness.ready();

    let aborted = serving.until_drained(&reload).await?;
    if !aborted {
        stop.cancel();
        serving.finish().await;
    }
    // No task is restarted from here on, and none is watched but the admin listener.
    let Serving { supervisor, .. } = serving;
    closing.cancel();
    close(stores, access_log).await?;
    stop_admin.cancel();
    if let Some(drained) = admin_drained {
        // Without an answer the listener has ended already.
        let _ = drained.await;
    }
    drop(supervisor);
    tracing::info!("shutdown complete");
    Ok(ExitCode::SUCCESS)
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
    /// For each listener, what came of its drain.
    listeners: Vec<oneshot::Receiver<Drained>>,
}

impl Serving {
    /// Starts the listeners, each in a task of its own.
    fn listen(
        &mut self,
        listeners: Vec<(Arc<str>, Listener)>,
        live: &Live,
        keeps_records: bool,
        stop: &CancellationToken,
    ) {
        for (name, listener) in listeners {
            tracing::info!(listener = %name, address = %listener.local_addr(), "listening");
            let task = format!("listener {name}");
            let readiness = self.readiness.clone();
            let gateway = Gateway { live: live.clone(), listener: name, readiness, keeps_records };
            let (work, drained) = until_drained(listener, gateway, stop);
            self.supervisor.essential(&task, work);
            self.listeners.push(drained);
        }
    }

    /// Starts everything that goes on beside the listeners.
    fn watch(
        &mut self,
        follower: Follower,
        rollouts: Rollouts,
        access_log: Option<AccessLog>,
        closing: &CancellationToken,
    ) {
        let follower = Arc::new(follower);
        self.supervisor.restarting("reload", move || {
            let follower = Arc::clone(&follower);
            async move {
                let Err(error) = follower.run().await;
                with_causes(&error)
            }
        });

        self.supervisor.restarting("rollout watch", move || {
            let rollouts = rollouts.clone();
            async move {
                rollouts.watch().await;
                "it stopped watching"
            }
        });

        // Its thread is the access log's own: the process ends rather than serve unrecorded.
        let closing = closing.clone();
        if let Some(log) = access_log {
            self.supervisor.essential("access log writer", async move {
                while log.is_running() {
                    tokio::time::sleep(ACCESS_LOG_LOOK).await;
                }
                if closing.is_cancelled() {
                    std::future::pending().await
                }
                "the thread ended"
            });
        }
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
                    // A full queue means that a reload is due anyway.
                    SignalEvent::Reload => drop(reload.try_send(())),
                    SignalEvent::Abort => return Ok(true),
                    SignalEvent::Drain => break,
                },
                end = self.supervisor.failure() => bail!("{} ended: {}", end.task, end.reason),
            }
        }

        tracing::info!(delay_ms = self.drain.delay.as_millis(), "draining");
        self.readiness.draining();
        metrics::gauge!(DRAINING).set(1.0);

        let spread = tokio::time::sleep(self.drain.delay);
        tokio::pin!(spread);
        loop {
            tokio::select! {
                () = &mut spread => return Ok(false),
                event = self.signals.next() => match event {
                    SignalEvent::Abort => return Ok(true),
                    SignalEvent::Drain | SignalEvent::Reload => {
                        tracing::info!(?event, "ignored while draining");
                    }
                },
            }
        }
    }

    /// Waits for exchanges in flight; the listeners bound the wait themselves.
    async fn finish(&mut self) {
        for drained in std::mem::take(&mut self.listeners) {
            tokio::pin!(drained);
            loop {
                tokio::select! {
                    drained = &mut drained => {
                        match drained {
                            Ok(drained) => tracing::info!(?drained, "listener drained"),
                            Err(_) => tracing::error!("listener ended before it was drained"),
                        }
                        break;
                    }
                    event = self.signals.next() => {
                        if event == SignalEvent::Abort {
                            return;
                        }
                    }
                }
            }
        }
    }
}

/// Splits a listener into the work of serving, which goes on for ever after the drain, so that it
/// ends only by a fault; and what came of the drain.
fn until_drained<H: Handler>(
    listener: Listener,
    handler: H,
    stop: &CancellationToken,
) -> (impl Future<Output = &'static str> + Send + 'static, oneshot::Receiver<Drained>) {
    let (report, drained) = oneshot::channel();
    let stop = stop.clone();
    let work = async move {
        let outcome = listener.serve(handler, stop.clone()).await;
        if !stop.is_cancelled() {
            return "it stopped accepting";
        }
        // Nobody listens any more where the process was told to end at once.
        let _ = report.send(outcome);
        std::future::pending().await
    };
    (work, drained)
}

/// Starts the admin listener where one is configured; gives what will have come of its drain.
fn start_admin(
    config: &Config,
    admin: Admin,
    stop: &CancellationToken,
    supervisor: &mut Supervisor,
) -> Result<Option<oneshot::Receiver<Drained>>> {
    let Some(address) = config.admin().map(|address| **address) else { return Ok(None) };
    let mut settings = ListenerSettings::plaintext(address, Arc::clone(&admin.responder));
    settings.limits.drain_timeout = Duration::from_secs(1);
    let listener = Listener::bind(settings).context("admin listener")?;
    tracing::info!(address = %listener.local_addr(), "health and metrics");
    let (work, drained) = until_drained(listener, admin, stop);
    supervisor.essential("admin listener", work);
    Ok(Some(drained))
}

/// The bound listeners, by name.
type Bound = Vec<(Arc<str>, Listener)>;

/// Binds the listeners of the configuration, each with its certificate.
fn bind(
    config: &Config,
    certificates: &[Option<Arc<Tls>>],
    access_log: Option<&AccessLog>,
) -> Result<Bound> {
    let responder = Arc::new(Responder::new(config.problem_type_base()));
    let mut bound = Vec::new();
    for (declared, tls) in config.listeners().iter().zip(certificates) {
        let settings = ListenerSettings {
            address: *declared.address,
            tls: tls.clone(),
            limits: Limits {
                connections_max: declared.connections_max,
                connections_per_address_max: declared.connections_per_address_max,
                drain_timeout: config.drain().wait,
                ..Limits::default()
            },
            trusted_proxies: TrustedProxies::new(declared.trusted_proxies.clone()),
            responder: Arc::clone(&responder),
            access_log: access_log.cloned(),
        };
        let listener =
            Listener::bind(settings).with_context(|| format!("listener {}", declared.name))?;
        bound.push((declared.name.as_str().into(), listener));
    }
    Ok(bound)
}

/// Pairs the certificates with the names of their listeners, for renewals.
fn certificates(config: &Config, tls: Vec<Option<Arc<Tls>>>) -> Vec<(String, Arc<Tls>)> {
    let listeners = config.listeners().iter().zip(tls);
    listeners.filter_map(|(listener, tls)| Some((listener.name.clone(), tls?))).collect()
}

/// Starts the thread of the access log, where there is one.
fn start_access_log(declared: &AccessLogConfig, file: Option<File>) -> Result<Option<AccessLog>> {
    let log = match (declared, file) {
        (AccessLogConfig::Stdout, _) => AccessLog::start(io::stdout(), ACCESS_QUEUE),
        (AccessLogConfig::File(_), Some(file)) => AccessLog::start(file, ACCESS_QUEUE),
        (AccessLogConfig::Off | AccessLogConfig::File(_), _) => return Ok(None),
    };
    log.map(Some).context("start the access log")
}
