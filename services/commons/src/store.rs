//! PostgreSQL: the pool, its time-outs, migrations at start, and the meaning of failures.

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};

/// The tables that every service has: events, outbox, operations.
static COMMONS: Migrator = sqlx::migrate!("./migrations");

/// A database failure and the step that failed.
#[derive(Debug, thiserror::Error)]
#[error("{doing}")]
pub struct Error {
    doing: &'static str,
    source: sqlx::Error,
}

/// The meaning of a database failure for the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// A concurrent transaction interfered; the call may be repeated.
    Conflict,
    /// The database cannot be reached or cannot write at present.
    Unavailable,
    /// A statement took too long.
    TooSlow,
    /// A fault of the service itself.
    Bug,
}

/// The errors of preparing a database.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be parsed. The source is withheld, as it might repeat the password.
    #[error("the database's address is not valid")]
    Address,
    /// The database cannot be reached.
    #[error("connect to the database")]
    Connect(#[source] sqlx::Error),
    /// A migration failed, was changed after it was applied, or was left half applied.
    #[error("migrate the database")]
    Migrate(#[source] MigrateError),
}

impl StartError {
    /// Reports whether a later attempt may succeed: only if the database was not available.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Address => false,
            Self::Connect(source) => meaning(source) != Meaning::Bug,
            Self::Migrate(MigrateError::Execute(source)) => meaning(source) != Meaning::Bug,
            Self::Migrate(_) => false,
        }
    }
}

impl Error {
    /// Converts an error of sqlx, with the step that failed, for `map_err`.
    pub fn doing(doing: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self { doing, source }
    }

    /// Returns the meaning for the caller.
    #[must_use]
    pub fn meaning(&self) -> Meaning {
        meaning(&self.source)
    }

    /// Reports whether the unique constraint of this name was violated.
    #[must_use]
    pub fn violates(&self, constraint: &str) -> bool {
        self.source
            .as_database_error()
            .is_some_and(|e| e.is_unique_violation() && e.constraint() == Some(constraint))
    }
}

/// Opens a pool without connecting: connections are made when they are needed.
///
/// A connection is waited for at most 2 s, a lock 2 s, a statement 5 s; the server ends a transaction
/// that idles 30 s.
///
/// # Errors
/// [`StartError::Address`] if the address cannot be parsed.
pub fn open(address: &SecretString, connections_max: u32) -> Result<PgPool, StartError> {
    let options: PgConnectOptions =
        address.expose_secret().parse().map_err(|_| StartError::Address)?;
    let options = options.options([
        ("statement_timeout", "5s"),
        ("lock_timeout", "2s"),
        ("idle_in_transaction_session_timeout", "30s"),
    ]);
    Ok(PgPoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(Duration::from_secs(2))
        .test_before_acquire(true)
        .max_lifetime(Duration::from_secs(30 * 60))
        .connect_lazy_with(options))
}

/// Applies the migrations of commons and then those of the service, each once: one process migrates,
/// others wait. Migrations that only a newer binary knows are ignored, so that a rollback to an older
/// binary works.
///
/// # Errors
/// [`StartError::Connect`] or [`StartError::Migrate`].
pub async fn migrate(pool: &PgPool, service: &Migrator) -> Result<(), StartError> {
    let mut commons = ignoring_newer(&COMMONS);
    // A table of its own, so that the versions of commons and of the service never collide.
    commons.dangerous_set_table_name("_commons_migrations");
    let mut connection = pool.acquire().await.map_err(StartError::Connect)?.detach();

    // A migration may run longer than a call, and must not queue every call behind its lock.
    sqlx::query("SELECT set_config('statement_timeout', '0', false), set_config('lock_timeout', '5s', false)")
        .execute(&mut connection)
        .await
        .map_err(StartError::Connect)?;

    for migrator in [commons, ignoring_newer(service)] {
        migrator.run(&mut connection).await.map_err(StartError::Migrate)?;
    }
    Ok(())
}

fn ignoring_newer(migrator: &Migrator) -> Migrator {
    Migrator { migrations: migrator.migrations.clone(), ignore_missing: true, ..Migrator::DEFAULT }
}

fn meaning(error: &sqlx::Error) -> Meaning {
    let Some(code) = error.as_database_error().and_then(|e| e.code()) else {
        return without_code(error);
    };
    match code.as_ref() {
        // lock_not_available, serialization_failure, deadlock_detected.
        "55P03" | "40001" | "40P01" => Meaning::Conflict,
        "57014" => Meaning::TooSlow,
        // read_only_sql_transaction: the server is a demoted primary.
        "25006" => Meaning::Unavailable,
        // Connection failures, resources exhausted, operator intervention, system errors.
        code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => {
            Meaning::Unavailable
        }
        _ => Meaning::Bug,
    }
}

fn without_code(error: &sqlx::Error) -> Meaning {
    let is_unavailable = matches!(
        error,
        sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
    );
    if is_unavailable { Meaning::Unavailable } else { Meaning::Bug }
}
