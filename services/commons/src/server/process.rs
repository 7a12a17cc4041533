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
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
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

const DATABASE: &str = "database";

/// Why a process ends with a failure.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener could not be bound.
    #[error("listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Signals cannot be received.
    #[error("receive signals")]
    Signals(#[source] std::io::Error),
    /// The database cannot be made ready, and waiting would not help.
    #[error("make the database ready")]
    Database(#[from] StartError),
    /// The broker's client could not be made.
    #[error("prepare the relay")]
    Relay(#[from] kafka::Error),
    /// The gRPC server ended by itself, or its TLS identity is not usable.
    #[error("serve gRPC")]
    Grpc(#[from] tonic::transport::Error),
    /// It was asked to end before it had begun.
    #[error("asked to end while starting")]
    Interrupted,
}

/// A process whose probes answer, and which is not ready yet.
#[derive(Debug)]
pub struct Process {
    common: Common,
    readiness: Readiness,
    terminate: Signal,
    interrupt: Signal,
    ending: CancellationToken,
    tasks: TaskTracker,
}

impl Process {
    /// Binds the health listener, before anything that could take time or fail.
    ///
    /// # Errors
    /// When it cannot be bound.
    pub async fn start(common: &Common, metrics: PrometheusHandle) -> Result<Self, ServeError> {
        let terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
        let interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
        let address = common.health_address;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Listen { address, source })?;
        let readiness = Readiness::default();
        readiness.require(DATABASE, "connecting");
        tracing::info!(health = ?listener.local_addr().ok(), "probes answer");
        tokio::spawn(health::serve(listener, readiness.clone(), metrics));
        Ok(Self {
            common: common.clone(),
            readiness,
            terminate,
            interrupt,
            ending: CancellationToken::new(),
            tasks: TaskTracker::new(),
        })
    }

    /// Opens the database and applies the migrations. While it is not there the process stays alive
    /// and unready, and says why.
    ///
    /// # Errors
    /// When waiting would not help, or the process is asked to end.
    pub async fn database(&mut self, migrations: &Migrator) -> Result<PgPool, ServeError> {
        let pool = store::open(&self.common.database, self.common.connections_max)?;
        loop {
            match store::migrate(&pool, migrations).await {
                Ok(()) => break,
                Err(error) if error.may_pass() => self.wait(&error).await?,
                Err(error) => return Err(error.into()),
            }
        }
        self.readiness.note(DATABASE, Ok(()));
        self.spawn(check(pool.clone(), self.readiness.clone(), self.ending.clone()));
        Ok(pool)
    }

    /// Tells events to the broker, where one is configured; without one they stay in the outbox.
    ///
    /// # Errors
    /// When the client's settings are not usable. The broker itself need not be there.
    pub fn relay(&self, pool: &PgPool) -> Result<(), ServeError> {
        let Some(broker) = &self.common.broker else {
            tracing::warn!("no broker is configured: events stay in the outbox");
            return Ok(());
        };
        let relay = Relay::new(pool.clone(), Arc::new(Kafka::connect(broker)?));
        self.spawn(relay.run(self.ending()));
        Ok(())
    }

    /// Runs work beside the server, until [`Process::ending`] is cancelled.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(work);
    }

    /// Is cancelled when background work is to finish what it holds and stop.
    #[must_use]
    pub fn ending(&self) -> CancellationToken {
        self.ending.clone()
    }

    /// Serves until SIGTERM or SIGINT, then drains and ends.
    ///
    /// # Errors
    /// When the listener cannot be bound or the server ends by itself.
    pub async fn serve(mut self, routes: Routes, pool: PgPool) -> Result<(), ServeError> {
        let address = self.common.grpc_address;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| ServeError::Listen { address, source })?;
        let bound = listener.local_addr().ok();
        let (reporter, probes) = tonic_health::server::health_reporter();
        let closing = CancellationToken::new();
        let serving =
            self.builder()?.add_routes(routes).add_service(probes).serve_with_incoming_shutdown(
                TcpIncoming::from(listener).with_nodelay(Some(true)),
                closing.clone().cancelled_owned(),
            );
        let mut serving = tokio::spawn(serving);
        self.readiness.listening();
        tracing::info!(grpc = ?bound, tls = self.common.tls.is_some(), "serving");

        tokio::select! {
            ended = &mut serving => return ended.unwrap_or(Ok(())).map_err(ServeError::from),
            () = self.asked_to_end() => {}
        }
        self.drain(&reporter).await;
        closing.cancel();
        if tokio::time::timeout(self.common.request_max, &mut serving).await.is_err() {
            tracing::warn!("calls were still in flight at the end of the drain");
            serving.abort();
        }
        self.end(pool).await;
        Ok(())
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

    /// Balancers learn late that this process is leaving: until they have, it serves as before.
    async fn drain(&self, reporter: &HealthReporter) {
        self.readiness.draining();
        reporter.set_service_status("", ServingStatus::NotServing).await;
        metrics::gauge!("draining").set(1.0);
        tracing::info!(seconds = self.common.drain.as_secs(), "draining");
        tokio::time::sleep(self.common.drain).await;
    }

    async fn end(self, pool: PgPool) {
        self.ending.cancel();
        self.tasks.close();
        if tokio::time::timeout(Duration::from_secs(10), self.tasks.wait()).await.is_err() {
            tracing::warn!("background work did not end in time");
        }
        pool.close().await;
        tracing::info!("ended");
    }

    async fn wait(&mut self, error: &StartError) -> Result<(), ServeError> {
        tracing::warn!(%error, "the database is not ready");
        self.readiness.note(DATABASE, Err(error.to_string()));
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(1)) => Ok(()),
            () = self.asked_to_end() => Err(ServeError::Interrupted),
        }
    }

    async fn asked_to_end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

async fn check(pool: PgPool, readiness: Readiness, ending: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(2)) => {}
            () = ending.cancelled() => return,
        }
        let outcome = sqlx::query("SELECT 1").execute(&pool).await;
        readiness.note(DATABASE, outcome.map(drop).map_err(|_| "does not answer".into()));
    }
}
