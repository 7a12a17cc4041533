//! Commands that run once: an operation key in the transaction of the command's events.
//!
//! [`run`] is the whole life of a command: begin or replay, decide, store the answer or the refusal,
//! commit. A repeat gets the first outcome, whatever the gateway remembers. A repeat that arrives
//! while the first call still runs waits for its lock (2 s at most) and then reads its outcome.

mod context;
mod key;
mod unit;

use prost::Message;
use sqlx::PgPool;

pub use context::{CommandContext, request_id};
pub use key::Operation;
pub use unit::UnitOfWork;

use crate::Environment;
use crate::error::Error;
use unit::Begun;

/// Runs a command at most once per operation key and returns its answer.
///
/// `decide` works in one transaction, which commits together with its answer. A refusal (an error
/// whose [`Error::is_final`] is true) is stored and committed like an answer, with whatever `decide`
/// wrote before it; any other error rolls the transaction back, and the same key may be tried again.
/// Without an operation in `context` every call runs.
///
/// # Errors
/// The error of `decide`; [`Error::Replayed`] if an earlier call with this key was refused;
/// [`Error::FailedPrecondition`] with reason `OPERATION_KEY_REUSED` if the key was used for another
/// request; [`Error::Store`] if the database fails.
///
/// # Cancellation
/// Dropping the future rolls the transaction back unless the commit is under way.
pub async fn run<A, E>(
    pool: &PgPool,
    context: CommandContext,
    method: &'static str,
    decide: impl AsyncFnOnce(&mut UnitOfWork) -> Result<A, E>,
) -> Result<A, Error>
where
    A: Message + Default,
    E: Into<Error>,
{
    let mut unit = match UnitOfWork::begin(pool, context, method).await? {
        Begun::Fresh(unit) => unit,
        Begun::Replay(answer) => {
            return A::decode(answer.as_slice())
                .map_err(|_| Error::Internal { doing: "decode a stored answer" });
        }
    };

    match decide(&mut unit).await {
        Ok(answer) => {
            unit.commit(&answer).await?;
            Ok(answer)
        }
        Err(error) => Err(unit.refuse(error.into()).await),
    }
}

/// Runs an operator's command in one transaction. It has no operation key, so that every call runs.
///
/// # Errors
/// The error of `decide`, which rolls the transaction back; [`Error::Store`] if the database fails.
pub async fn run_as_operator<T, E>(
    pool: &PgPool,
    tenant_id: &str,
    environment: Option<Environment>,
    decide: impl AsyncFnOnce(&mut UnitOfWork) -> Result<T, E>,
) -> Result<T, E>
where
    E: From<Error>,
{
    let mut unit = UnitOfWork::for_operator(pool, tenant_id, environment).await?;
    let outcome = decide(&mut unit).await?;
    unit.commit(&()).await?;
    Ok(outcome)
}
