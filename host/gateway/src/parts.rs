//! Everything that a process serves with beside Snapshots and stores: the parts of its listeners
//! and the token of its admin port. `serve` and `check` prepare the same parts.

use tollgate_admin::PreparedToken;
use tollgate_config::{Config, Problems};
use tollgate_control::{ListenerParts, Purpose};

/// Prepares the parts of the data listeners, and the admin token where there is an admin port.
///
/// # Errors
/// Everything that is wrong, each at the key that names it.
pub(crate) fn prepare(
    config: &Config,
    purpose: Purpose,
) -> Result<(ListenerParts, Option<PreparedToken>), Problems> {
    match (ListenerParts::prepare(config, purpose), PreparedToken::prepare(config)) {
        (Ok(parts), Ok(token)) => Ok((parts, token)),
        (parts, token) => {
            let problems = parts.err().unwrap_or_default();
            let all: Vec<_> = problems.iter().cloned().chain(token.err()).collect();
            Err(Problems::from(all))
        }
    }
}
