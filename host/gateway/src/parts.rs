//! Everything that a process serves with beside Snapshots and stores: the parts of its listeners
//! and the token of its admin port. `serve` and `check` prepare the same parts.

use tollgate_admin::PreparedToken;
use tollgate_config::{Config, ConfigProblem, Problems};
use tollgate_control::{ListenerParts, Purpose};

/// Prepares the parts of the data listeners, and the admin token where there is an admin port.
///
/// # Errors
/// Everything that is wrong, each at the key that names it.
pub(crate) fn prepare(
    config: &Config,
    purpose: Purpose,
) -> Result<(ListenerParts, Option<PreparedToken>), Problems> {
    let parts = ListenerParts::prepare(config, purpose);
    match (parts, PreparedToken::prepare(config), check_stage(config)) {
        (Ok(parts), Ok(token), Ok(())) => Ok((parts, token)),
        (parts, token, stage) => {
            let problems = parts.err().unwrap_or_default();
            let all = problems.iter().cloned().chain(token.err()).chain(stage.err());
            Err(Problems::from(all.collect::<Vec<_>>()))
        }
    }
}

/// Refuses a folder for another stage than the one that the process runs in, where that is known.
fn check_stage(config: &Config) -> Result<(), ConfigProblem> {
    let stage = config.stage();
    match stage_variable() {
        Some(process) if process != stage.as_str() => Err(stage.problem(&format!(
            "expected {process}, the stage of this process (`STAGE`), found {}",
            stage.as_str()
        ))),
        _ => Ok(()),
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
fn stage_variable() -> Option<String> {
    std::env::var("STAGE").ok().filter(|stage| !stage.is_empty())
}
