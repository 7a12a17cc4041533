//! The limits that a component can exceed at load, each with its numbers and with the key of the
//! configuration that raises it.

use crate::{EngineSettings, RunLimits};

/// A limit that a component exceeds at load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExceededLimit {
    /// Linear memory, all memories of the instance together.
    #[error(
        "memory limit: {asked} bytes asked for, {allowed} allowed; \
         raise `limits.memory_bytes` of the policy, to at most {}",
        RunLimits::MEMORY_BYTES.end()
    )]
    Memory {
        /// Bytes that the instance would have had.
        asked: u64,
        /// Bytes that the policy allows.
        allowed: u64,
    },
    /// Tables, all of the instance together.
    #[error(
        "table limit: {asked} elements asked for, {allowed} allowed; \
         raise `limits.table_elements` of the policy, to at most {}",
        RunLimits::TABLE_ELEMENTS.end()
    )]
    Table {
        /// Elements that the instance would have had.
        asked: u64,
        /// Elements that the policy allows.
        allowed: u64,
    },
    /// Running time of `configure`.
    #[error(
        "time limit: `configure` ran longer than the {allowed_ms} ms that are allowed; \
         raise `limits.time_ms` of the policy, to at most {}",
        RunLimits::TIME_MS.end()
    )]
    Time {
        /// Milliseconds that the policy allows.
        allowed_ms: u64,
    },
    /// Core module instances: the component's own, and those that glue it to its imports.
    #[error(
        "core instances limit: {asked} core module instances asked for, {allowed} allowed; \
         raise `engine.core_instances_max`, to at most {}",
        EngineSettings::CORE_INSTANCES.end()
    )]
    CoreInstances {
        /// Core module instances that the component makes.
        asked: u64,
        /// Core module instances that the engine has room for in each component.
        allowed: u64,
    },
}

impl ExceededLimit {
    /// The limit of core instances, read from the engine's own words: it alone counts instances
    /// through nested components. None for any other error.
    pub(crate) fn of_compilation(error: &wasmtime::Error) -> Option<Self> {
        const BEFORE: &str = "transitively contains ";
        const BETWEEN: &str = " core module instances, which exceeds the configured maximum of ";
        let message = error.root_cause().to_string();
        let (asked, rest) = message.split_once(BEFORE)?.1.split_once(BETWEEN)?;
        let allowed = rest.split(|c: char| !c.is_ascii_digit()).next()?;

        Some(Self::CoreInstances { asked: asked.parse().ok()?, allowed: allowed.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_limit_names_its_numbers_and_the_key_that_raises_it() {
        for (exceeded, said) in [
            (
                ExceededLimit::Memory { asked: 2_097_152, allowed: 1_048_576 },
                "memory limit: 2097152 bytes asked for, 1048576 allowed; \
                 raise `limits.memory_bytes` of the policy, to at most 16777216",
            ),
            (
                ExceededLimit::Table { asked: 4_000, allowed: 1_024 },
                "table limit: 4000 elements asked for, 1024 allowed; \
                 raise `limits.table_elements` of the policy, to at most 20000",
            ),
            (
                ExceededLimit::Time { allowed_ms: 20 },
                "time limit: `configure` ran longer than the 20 ms that are allowed; \
                 raise `limits.time_ms` of the policy, to at most 1000",
            ),
            (
                ExceededLimit::CoreInstances { asked: 13, allowed: 4 },
                "core instances limit: 13 core module instances asked for, 4 allowed; \
                 raise `engine.core_instances_max`, to at most 64",
            ),
        ] {
            assert_eq!(exceeded.to_string(), said);
        }
    }
}
