//! Reading and writing of the tables of deposits. Every look-up filters by tenant and environment, so
//! that unknown and foreign ids are one answer.

pub mod accounts;
pub mod deposits;

use sqlx::PgConnection;
use tollgate_commons::Environment;
use tollgate_commons::operation::Unit;

use crate::error::Error;

/// Whose rows may be seen.
#[derive(Debug, Clone)]
pub struct Owner {
    /// The tenant.
    pub tenant_id: String,
    /// The environment.
    pub environment: Environment,
}

impl Owner {
    /// The owner that a command runs for.
    ///
    /// # Errors
    /// When it runs for no environment, which calls never do.
    pub fn of(unit: &Unit) -> Result<Self, Error> {
        let scope = unit.scope();
        let environment =
            scope.environment().ok_or(Error::Broken { doing: "act without an environment" })?;
        Ok(Self { tenant_id: scope.tenant_id().into(), environment })
    }
}

/// Reads in this connection what one owner may see.
#[derive(Debug)]
pub struct View<'c> {
    connection: &'c mut PgConnection,
    owner: Owner,
}

impl<'c> View<'c> {
    /// Looks as this owner.
    pub fn new(connection: &'c mut PgConnection, owner: Owner) -> Self {
        Self { connection, owner }
    }
}
