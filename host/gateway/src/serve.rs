//! `tollgate serve`: health first, then everything else, then traffic, then the drain.

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tollgate_admin::{Admin, Api, DRAINING, PrometheusHandle, Token};
use tollgate_config::with_causes;
use tollgate_config::{AccessLogConfig, Config, DrainConfig, ListenerConfig};
use tollgate_control::{BuildMode, Follower, InputStamp, Rollouts, SnapshotBuilder, inputs};
use tollgate_edge::{
    AccessLog, Limits, Listener, ListenerSettings, Responder, Tls, TrustedProxies,
};
use tollgate_insight::Redactor;
use tollgate_proxy::{Gateway, Ledger, Live, Readiness, ReceiptLog};

use crate::signals::{SignalEvent, Signals};

/// Access records that may wait for the disk.
const ACCESS_QUEUE: usize = 65_536;

/// Serves until told to stop.
pub(crate) fn serve(folder: &Path) -> Result<ExitCode> {
    let metrics = tollgate_admin::start_metrics()?;
    let config = tollgate_config::load(folder)
        .map_err(|problems| anyhow::anyhow!("the configuration was refused\n{problems}"))?;
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

async fn run(folder: &Path, config: Config, metrics: PrometheusHandle) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let (stop, stop_admin) = (CancellationToken::new(), CancellationToken::new());
    let readiness = Readiness::default();
    let ledger = Ledger::default();
    let receipts = ReceiptLog::new(config.receipts());
    let rollouts = Rollouts::default();
    let responder = Arc::new(Responder::new(config.problem_type_base()));
    let api = Api {
        receipts: receipts.clone(),
        redactor: Arc::new(Redactor::new()),
        rollouts: rollouts.clone(),
        token: token(&config)?,
        responder: Arc::clone(&responder),
    };
    let told =
        Admin { readiness: readiness.clone(), metrics, ledger: ledger.clone(), responder, api };
    let admin = start_admin(&config, told, &stop_admin)?;
    let owned = folder.to_owned();
    let watching = tokio::spawn(rollouts.clone().watch());
    let opened = tokio::task::spawn_blocking(move || {
        let seen = InputStamp::of(&inputs(&config));
        let mode = BuildMode::Serve(receipts, rollouts);
        SnapshotBuilder::open(&owned, config, ledger, mode).map(|opened| (opened, seen))
    });
    let ((builder, first), seen) = opened.await.context("compile")??;
    let drain = builder.config().drain();
    let stores = builder.stores().clone();
    let live = Live::new(first);
    let bound = bind(builder.config(), &drain)?;
    let mut serving = JoinSet::new();
    for (name, listener) in bound.listeners {
        tracing::info!(listener = %name, address = %listener.local_addr(), "listening");
        let readiness = readiness.clone();
        let keeps_records = bound.access_log.is_some();
        let gateway = Gateway { live: live.clone(), listener: name, readiness, keeps_records };
        serving.spawn(listener.serve(gateway, stop.clone()));
    }
    let (reload, asked) = mpsc::channel(1);
    let follower = Follower::new(live, (builder, seen), bound.certificates, asked);
    let following = tokio::spawn(follower.run());
    readiness.ready();
    let aborted = await_end(&mut signals, &reload, &drain, &readiness, &mut serving).await?;
    if !aborted {
        stop.cancel();
        finish(&mut signals, &mut serving).await;
    }
    following.abort();
    watching.abort();
    // The stores and the log write what is pending, on a thread that may block.
    let log = bound.access_log;
    tokio::task::spawn_blocking(move || {
        stores.close();
        if let Some(log) = log {
            log.close();
        }
    })
    .await
    .context("write what is pending")?;
    stop_admin.cancel();
    if let Some(admin) = admin {
        admin.await.context("admin listener")?;
    }
    tracing::info!("gone");
    Ok(ExitCode::SUCCESS)
}

/// Waits for the wish to end, then lets endpoints spread. True when nothing is to be waited for.
async fn await_end(
    signals: &mut Signals,
    reload: &mpsc::Sender<()>,
    drain: &DrainConfig,
    readiness: &Readiness,
    serving: &mut JoinSet<tollgate_edge::Drained>,
) -> Result<bool> {
    loop {
        tokio::select! {
            wish = signals.next() => match wish {
                // A full queue means that a reload is due anyway.
                SignalEvent::Reload => drop(reload.try_send(())),
                SignalEvent::Abort => return Ok(true),
                SignalEvent::Drain => break,
            },
            ended = serving.join_next() => bail!("a listener ended by itself: {ended:?}"),
        }
    }
    tracing::info!(delay_ms = drain.delay.as_millis(), "draining");
    readiness.draining();
    metrics::gauge!(DRAINING).set(1.0);
    let spread = tokio::time::sleep(drain.delay);
    tokio::pin!(spread);
    loop {
        tokio::select! {
            () = &mut spread => return Ok(false),
            wish = signals.next() => match wish {
                SignalEvent::Abort => return Ok(true),
                SignalEvent::Drain | SignalEvent::Reload => tracing::info!(?wish, "ignored while draining"),
            },
        }
    }
}

/// Waits for exchanges in flight; the listeners bound the wait themselves.
async fn finish(signals: &mut Signals, serving: &mut JoinSet<tollgate_edge::Drained>) {
    loop {
        tokio::select! {
            drained = serving.join_next() => match drained {
                Some(Ok(drained)) => tracing::info!(?drained, "listener drained"),
                Some(Err(error)) => tracing::error!(%error, "listener"),
                None => return,
            },
            wish = signals.next() => {
                if wish == SignalEvent::Abort {
                    return;
                }
            }
        }
    }
}

/// The admin API's token. Where none is configured and none can be left on disk, the API is shut
/// and everything else goes on.
fn token(config: &Config) -> Result<Option<Arc<Token>>> {
    if config.admin().is_none() {
        return Ok(None);
    }
    match Token::prepare(config) {
        Ok(token) => Ok(Some(Arc::new(token))),
        Err(error) if config.admin_token().is_some() => Err(error.into()),
        Err(error) => {
            let error = with_causes(&error);
            tracing::warn!(error, "the admin API is shut: set admin.token_file");
            Ok(None)
        }
    }
}

fn start_admin(
    config: &Config,
    admin: Admin,
    stop: &CancellationToken,
) -> Result<Option<tokio::task::JoinHandle<tollgate_edge::Drained>>> {
    let Some(address) = config.admin().map(|address| **address) else { return Ok(None) };
    let mut settings = ListenerSettings::plaintext(address, Arc::clone(&admin.responder));
    settings.limits.drain_timeout = std::time::Duration::from_secs(1);
    let listener = Listener::bind(settings).context("admin listener")?;
    tracing::info!(address = %listener.local_addr(), "health and metrics");
    Ok(Some(tokio::spawn(listener.serve(admin, stop.clone()))))
}

/// Listeners that are bound, and what they share with the rest.
struct Bound {
    listeners: Vec<(Arc<str>, Listener)>,
    /// By listener, for certificates that change.
    certificates: Vec<(String, Arc<Tls>)>,
    access_log: Option<AccessLog>,
}

fn bind(config: &Config, drain: &DrainConfig) -> Result<Bound> {
    let access_log = access_log(config.access_log())?;
    let responder = Arc::new(Responder::new(config.problem_type_base()));
    let mut bound = Bound { listeners: Vec::new(), certificates: Vec::new(), access_log };
    for own in config.listeners() {
        let tls = tls(own)?;
        bound.certificates.extend(tls.iter().map(|tls| (own.name.clone(), Arc::clone(tls))));
        let settings = ListenerSettings {
            address: *own.address,
            tls,
            limits: Limits {
                connections_max: own.connections_max,
                connections_per_address_max: own.connections_per_address_max,
                drain_timeout: drain.wait,
                ..Limits::default()
            },
            trusted_proxies: TrustedProxies::new(own.trusted_proxies.clone()),
            responder: Arc::clone(&responder),
            access_log: bound.access_log.clone(),
        };
        let listener =
            Listener::bind(settings).with_context(|| format!("listener {}", own.name))?;
        bound.listeners.push((own.name.as_str().into(), listener));
    }
    Ok(bound)
}

fn tls(own: &ListenerConfig) -> Result<Option<Arc<Tls>>> {
    let Some(files) = &own.tls else { return Ok(None) };
    let tls = Tls::from_files(&files.certificate, &files.key)
        .with_context(|| format!("certificate of listener {}", own.name))?;
    Ok(Some(Arc::new(tls)))
}

fn access_log(own: &AccessLogConfig) -> Result<Option<AccessLog>> {
    let log = match own {
        AccessLogConfig::Off => return Ok(None),
        AccessLogConfig::Stdout => AccessLog::start(io::stdout(), ACCESS_QUEUE),
        AccessLogConfig::File(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.with_context(|| format!("open access log {}", path.display()))?;
            AccessLog::start(file, ACCESS_QUEUE)
        }
    };
    log.map(Some).context("start the access log")
}
