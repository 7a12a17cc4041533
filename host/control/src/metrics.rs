//! Names of what the life of a configuration counts and logs.

use metrics::{describe_counter, describe_gauge};

/// The log target of everything that an operator did through the admin API.
pub const AUDIT: &str = "tollgate::audit";
/// The generation that serves.
pub(crate) const GENERATION: &str = "tollgate_config_generation";
/// Reloads, by `outcome`.
pub(crate) const RELOADS: &str = "tollgate_reloads_total";

/// Describes the metrics of this crate to the recorder.
pub fn describe() {
    crate::rollouts::describe();
    describe_gauge!(GENERATION, "Number of the Snapshot that serves.");
    describe_counter!(RELOADS, "Attempts to load a changed configuration, by outcome.");
}
