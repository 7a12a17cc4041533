//! The life of a process, from its first probe to its exit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use metrics_exporter_prometheus::PrometheusHandle;
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;
use tollgate_supervisor::{EndCause, RestartPolicy, Supervisor};
use tonic::service::Routes;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use super::health::{self, Readiness};
use crate::config::Common;
use crate::kafka::{self, Kafka};
use crate::relay::Relay;
use crate::store::{self, StartError};

/// The dependency's name in `/readyz`.
const DATABASE: &str = "database";

/// Interval between checks of the database, and between attempts to reach it at start.
const DATABASE_CHECK_EVERY: Duration = Duration::from_secs(2);
const DATABASE_RETRY_EVERY: Duration = Duration::from_secs(1);

/// Longest wait for background tasks at the end of the process.
const TASKS_END_MAX: Duration = Duration::from_secs(10);

/// The errors that end a process.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener cannot be bound.
    #[error("listen on {address}")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("receive signals")]
    Signals(#[source] std::io::Error),
    /// The database cannot be prepared, and waiting would not help.
    #[error("prepare the database")]
    Database(#[from] StartError),
    /// The Kafka client cannot be created.
    #[error("prepare the relay")]
    Relay(#[from] kafka::Error),
    /// The gRPC server failed, or its TLS identity is not usable.
    #[error("serve gRPC")]
    Grpc(#[from] tonic::transport::Error),
    /// The gRPC server panicked.
    #[error("the gRPC server panicked")]
    GrpcPanicked(#[source] JoinError),
    /// The gRPC server returned although nobody asked it to.
    #[error("the gRPC server ended by itself")]
    GrpcEnded,
    /// A background task kept failing until its restarts were exhausted.
    #[error("the background task `{task}` keeps failing")]
    Task {
        /// The task's name in logs and metrics.
        task: Arc<str>,
    },
    /// A signal asked the process to end while it started.
    #[error("interrupted while starting")]
    Interrupted,
}

/// A process whose probes answer and which is not ready yet.
#[derive(Debug)]
pub struct Process {
    common: Common,
    readiness: Readiness,
    terminate: Signal,
    interrupt: Signal,
    supervisor: Supervisor,
}

/// A reason to end the process.
#[derive(Debug, Clone)]
enum StopReason {
    /// SIGTERM or SIGINT.
    Signal,
    /// A background task whose restarts were exhausted.
    TaskFailed(Arc<str>),
}

impl Process {
    /// Binds the health listener, before anything that could take time or fail.
    ///
    /// # Errors
    /// [`ServeError::Listen`] if the listener cannot be bound; [`ServeError::Signals`].
    pub async fn start(common: &Common, metrics: PrometheusHandle) -> Result<Self, ServeError> {
        let terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
        let listener = Arc::new(listen(common.health_address).await?);
        let readiness = Readiness::default();
        readiness.require(DATABASE, "connecting");
        tracing::info!(health = ?listener.local_addr().ok(), "serving probes");

        let process = Self {
            common: common.clone(),
            readiness: readiness.clone(),
            terminate,
            interrupt,
            supervisor: Supervisor::new(RestartPolicy::default()),
        };
        process.spawn("probes", move |ending| {
            health::serve(Arc::clone(&listener), readiness.clone(), metrics.clone(), ending)
        });
        Ok(process)
    }

    /// Opens the database and applies the migrations. While the database is not reachable, the
    /// process stays alive and unready, with the reason in `/readyz`.
    ///
    /// # Errors
    /// [`ServeError::Database`] if waiting would not help; [`ServeError::Interrupted`];
    /// [`ServeError::Task`].
    pub async fn database(&mut self, migrations: &Migrator) -> Result<PgPool, ServeError> {
        let pool = store::open(&self.common.database, self.common.connections_max)?;
        loop {
            match store::migrate(&pool, migrations).await {
                Ok(()) => break,
                Err(error) if error.is_transient() => self.wait_for_database(&error).await?,
                Err(error) => return Err(error.into()),
            }
        }

        self.readiness.note(DATABASE, Ok(()));
        let (checked, readiness) = (pool.clone(), self.readiness.clone());
        self.spawn("database check", move |ending| {
            check_database(checked.clone(), readiness.clone(), ending)
        });
        Ok(pool)
    }

    /// Starts the relay to the configured broker; without one, events stay in the outbox.
    ///
    /// # Errors
    /// [`ServeError::Relay`] if the client's settings are not usable. The broker itself need not be
    /// reachable.
    pub fn relay(&self, pool: &PgPool) -> Result<(), ServeError> {
        let Some(broker) = &self.common.broker else {
            tracing::warn!("no broker is configured; events stay in the outbox");
            return Ok(());
        };
        let (pool, publisher) = (pool.clone(), Arc::new(Kafka::connect(broker)?));
        self.spawn("relay", move |ending| {
            let publisher = Arc::clone(&publisher);
            Relay::new(pool.clone(), publisher).run(ending)
        });
        Ok(())
    }

    /// Starts a supervised background task, as [`Supervisor::restarting`] does.
    pub fn spawn<F>(
        &self,
        name: &'static str,
        make: impl FnMut(CancellationToken) -> F + Send + 'static,
    ) where
        F: Future<Output: EndCause + Send> + Send + 'static,
    {
        self.supervisor.restarting(name, make);
    }

    /// Serves until SIGTERM, SIGINT or the failure of a background task, then drains and ends.
    ///
    /// # Errors
    /// [`ServeError::Listen`]; [`ServeError::Grpc`], [`ServeError::GrpcEnded`] or
    /// [`ServeError::GrpcPanicked`] if the server ends by itself; [`ServeError::Task`] after the
    /// drain if a background task keeps failing.
    pub async fn serve(mut self, routes: Routes, pool: PgPool) -> Result<(), ServeError> {
        let listener = listen(self.common.grpc_address).await?;
        let address = listener.local_addr().ok();
        let (reporter, probes) = tonic_health::server::health_reporter();
        let closing = CancellationToken::new();
        let server =
            self.builder()?.add_routes(routes).add_service(probes).serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                closing.clone().cancelled_owned(),
            );
        let mut server = tokio::spawn(server);
        self.readiness.listening();
        tracing::info!(grpc = ?address, tls = self.common.tls.is_some(), "serving gRPC");

        let reason = tokio::select! {
            ended = &mut server => return Err(unexpected_end(ended)),
            reason = self.stop_requested() => reason,
        };
        self.drain(&reporter).await;

        closing.cancel();
        if tokio::time::timeout(self.common.request_max, &mut server).await.is_err() {
            tracing::warn!("drain timed out; aborting the calls in flight");
            server.abort();
        }
        self.end(pool).await;
        match reason {
            StopReason::Signal => Ok(()),
            StopReason::TaskFailed(task) => Err(ServeError::Task { task }),
        }
    }

    fn builder(&self) -> Result<Server, ServeError> {
        let mut builder = Server::builder()
            .timeout(self.common.request_max)
            .max_concurrent_streams(Some(256))
            .http2_keepalive_interval(Some(Duration::from_secs(20)))
            .http2_keepalive_timeout(Some(Duration::from_secs(10)));
        if let Some(tls) = &self.common.tls {
            let identity = Identity::from_pem(&tls.certificate, tls.key.expose_secret());
            builder = builder.tls_config(ServerTlsConfig::new().identity(identity))?;
        }
        Ok(builder)
    }

    /// Reports unready and serves on for the drain time: load balancers notice with a delay.
    async fn drain(&self, reporter: &HealthReporter) {
        self.readiness.draining();
        reporter.set_service_status("", ServingStatus::NotServing).await;
        metrics::gauge!("draining").set(1.0);
        tracing::info!(seconds = self.common.drain.as_secs(), "draining");
        tokio::time::sleep(self.common.drain).await;
    }

    async fn end(self, pool: PgPool) {
        if !self.supervisor.end(TASKS_END_MAX).await {
            tracing::warn!("background tasks did not end in time; leaving them");
        }
        pool.close().await;
        tracing::info!("shutdown complete");
    }

    async fn wait_for_database(&mut self, error: &StartError) -> Result<(), ServeError> {
        tracing::warn!(%error, "database is not ready; retrying");
        self.readiness.note(DATABASE, Err(error.to_string()));
        tokio::select! {
            () = tokio::time::sleep(DATABASE_RETRY_EVERY) => Ok(()),
            reason = self.stop_requested() => Err(match reason {
                StopReason::Signal => ServeError::Interrupted,
                StopReason::TaskFailed(task) => ServeError::Task { task },
            }),
        }
    }

    async fn stop_requested(&mut self) -> StopReason {
        tokio::select! {
            _ = self.terminate.recv() => StopReason::Signal,
            _ = self.interrupt.recv() => StopReason::Signal,
            failure = self.supervisor.failed() => StopReason::TaskFailed(failure.task),
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, ServeError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| ServeError::Listen { address, source })
}

fn unexpected_end(ended: Result<Result<(), tonic::transport::Error>, JoinError>) -> ServeError {
    match ended {
        Ok(Ok(())) => ServeError::GrpcEnded,
        Ok(Err(error)) => error.into(),
        Err(error) => ServeError::GrpcPanicked(error),
    }
}

async fn check_database(pool: PgPool, readiness: Readiness, ending: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(DATABASE_CHECK_EVERY) => {}
            () = ending.cancelled() => return,
        }
        let outcome = sqlx::query!("SELECT 1 AS one").fetch_one(&pool).await;
        readiness.note(DATABASE, outcome.map(drop).map_err(|_| "does not answer".into()));
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use metrics_exporter_prometheus::PrometheusBuilder;
    use sqlx::postgres::PgPoolOptions;

    use super::*;
    use crate::Stage;
    use crate::principal::PublicKeys;
    use crate::testing::Signer;

    fn common() -> Common {
        let keys = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(keys.path(), Signer::generate("test-1").unwrap().public_line()).unwrap();
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Common {
            stage: Stage::Local,
            grpc_address: any,
            health_address: any,
            database: "postgres://nobody@127.0.0.1:1/none".into(),
            connections_max: 2,
            public_keys: PublicKeys::read(keys.path()).unwrap(),
            tls: None,
            broker: None,
            drain: Duration::ZERO,
            request_max: Duration::from_secs(1),
            log: String::new(),
        }
    }

    #[tokio::test]
    async fn a_background_task_that_keeps_failing_ends_the_process_with_its_name() {
        let common = common();
        let metrics = PrometheusBuilder::new().build_recorder().handle();
        let mut process = Process::start(&common, metrics).await.unwrap();
        let back_off = Duration::from_millis(1);
        process.supervisor = Supervisor::new(RestartPolicy { back_off, ..Default::default() });
        process.spawn("doomed", |_| async { assert!(std::hint::black_box(false), "provoked") });
        let pool = PgPoolOptions::new().connect_lazy("postgres://nobody@127.0.0.1:1/none").unwrap();
        let ended = process.serve(Routes::default(), pool).await;
        let Err(ServeError::Task { task }) = ended else { panic!("{ended:?}") };
        assert_eq!(&*task, "doomed");
    }
}
