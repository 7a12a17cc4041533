//! Components as a configuration declares them: the file is read within its bound, its digest is
//! verified, and it is compiled with the policy's settings, grants and limits. What is wrong is
//! reported at its place in the configuration.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use tollgate_chain::Host;
use tollgate_config::{
    Config, ConfigProblem, LimitsConfig, Located, PluginConfig, PolicyConfig, with_causes,
};

use crate::{Component, Engine, EngineError, EngineSettings, Grants, LoadError, RunLimits};
use crate::{OutOfBounds, SettingProblem};

/// Longest time that a run may wait for a free instance.
const INSTANCE_WAIT: Duration = Duration::from_millis(20);
/// Stack of a guest, in bytes.
const STACK_BYTES: usize = 256 * 1024;
/// Largest component file, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where compiled components are looked for, and left, beside memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompiledCache {
    /// The folder that the configuration names, if it names one.
    Configured,
    /// Nowhere: tools leave nothing behind.
    Off,
}

/// The reason why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum DeclaredEngineError {
    /// The engine cannot be started.
    #[error("start the engine")]
    Engine(#[from] EngineError),
    /// A number of the engine is out of its bounds.
    #[error("size the engine")]
    Bounds(#[from] OutOfBounds),
}

/// Starts the engine that the configuration declares.
///
/// # Errors
/// The engine cannot be started, or one of its numbers is out of bounds.
pub fn declared_engine(
    config: &Config,
    cache: CompiledCache,
) -> Result<Engine, DeclaredEngineError> {
    let engine = config.engine();
    let settings = EngineSettings::new(engine.instances_max, INSTANCE_WAIT, STACK_BYTES)?
        .with_core_instances(engine.core_instances_max)?;
    let folder =
        engine.compiled_cache.as_deref().cloned().filter(|_| cache == CompiledCache::Configured);
    Ok(match (folder, engine.compiled_cache_key.as_deref()) {
        (Some(folder), Some(key)) => Engine::with_keyed_cache(settings, folder, key.clone())?,
        (Some(folder), None) => Engine::with_cache(settings, folder)?,
        (None, _) => Engine::new(settings)?,
    })
}

/// Reads a declared component and its SHA-256.
///
/// # Errors
/// The file cannot be read, is too large, or has another digest than the declared one.
pub fn read_declared(plugin: &PluginConfig) -> Result<(Vec<u8>, [u8; 32]), ConfigProblem> {
    if let Err(error) = fs::metadata(&plugin.file) {
        return Err(plugin.file.unreadable("a component", &error));
    }
    let bytes = read_component(&plugin.file).map_err(|message| plugin.problem(&message))?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, &bytes).as_ref());

    if let Some(expected) = plugin.sha256.filter(|expected| *expected != sha256) {
        let [expected, actual] = [expected, sha256].map(|digest| HEXLOWER.encode(&digest));
        let file = plugin.file.display();
        let message = format!("{file}: expected the SHA-256 {expected}, found {actual}");
        return Err(plugin.problem(&message));
    }
    Ok((bytes, sha256))
}

/// Reads a component file of at most 64 MiB.
///
/// # Errors
/// A sentence that says what was expected, and of which file.
pub fn read_component(path: &Path) -> Result<Vec<u8>, String> {
    let expected = |error| format!("expected a component at {}: {error}", path.display());
    let length = fs::metadata(path).map_err(expected)?.len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{} has {length} bytes, more than {FILE_BYTES_MAX}", path.display()));
    }
    fs::read(path).map_err(expected)
}

/// Compiles a component with the declared settings, grants and limits of a policy, and configures
/// it once. Blocks for as long as that takes.
///
/// # Errors
/// Everything that is wrong, each at its place in the configuration; wrong settings key by key.
pub fn compile_declared<H: Host>(
    engine: &Engine,
    bytes: &[u8],
    policy: &PolicyConfig,
    file: &Located<PathBuf>,
) -> Result<Component<H>, Vec<ConfigProblem>> {
    let whole = |error: &dyn std::error::Error| vec![policy.problem(&with_causes(error))];
    let grants: Grants = policy.grants.iter().copied().collect();
    let LimitsConfig { time, memory_bytes, table_elements, .. } = policy.limits;
    let limits =
        RunLimits::new(time, memory_bytes, table_elements).map_err(|error| whole(&error))?;

    Component::load(engine, bytes, policy.settings.clone(), &grants, limits).map_err(|error| {
        if let LoadError::Settings(problems) = error {
            let at_key =
                |problem: &SettingProblem| policy.setting_problem(&problem.key, &problem.message);
            return problems.iter().map(at_key).collect();
        }

        // A fault of the component itself is reported where its file is named.
        let message = format!("{}: {}", file.display(), with_causes(&error));
        let of_component = matches!(
            error,
            LoadError::NotAComponent { .. }
                | LoadError::TooLarge { .. }
                | LoadError::Truncated { .. }
                | LoadError::Compile(_)
                | LoadError::Contract { .. }
                | LoadError::Exports(_)
                | LoadError::ForeignImports(_)
        );
        vec![if of_component { file.problem(&message) } else { policy.problem(&message) }]
    })
}
