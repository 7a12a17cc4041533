//! The tables of deposits. Every query filters by tenant and environment, so that unknown and foreign
//! ids give one answer.
//!
//! `rows` defines the rows, below `events`; the other modules read and write them, and append the
//! events of what they change.

pub mod accounts;
pub mod deposits;
pub mod rows;

use sqlx::PgConnection;
use tollgate_commons::Environment;
use tollgate_commons::operation::UnitOfWork;

use crate::error::Error;

/// The owner of rows: a tenant in an environment.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The tenant.
    pub tenant_id: String,
    /// The environment.
    pub environment: Environment,
}

impl Owner {
    /// Returns the owner that a command runs for.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the command has no environment, which calls always have.
    pub fn of(unit: &UnitOfWork) -> Result<Self, Error> {
        let context = unit.context();
        let environment =
            context.environment().ok_or(Error::Corrupt { doing: "act without an environment" })?;
        Ok(Self { tenant_id: context.tenant_id().into(), environment })
    }
}

/// A connection that reads one owner's rows.
#[derive(Debug)]
pub struct View<'c> {
    connection: &'c mut PgConnection,
    owner: Owner,
}

impl<'c> View<'c> {
    /// Makes a view of the owner's rows.
    pub fn new(connection: &'c mut PgConnection, owner: Owner) -> Self {
        Self { connection, owner }
    }
}
