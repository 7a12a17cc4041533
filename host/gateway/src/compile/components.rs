//! Components: read, verified, compiled, tried out; and the chains made of them.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use data_encoding::HEXLOWER;
use ring::digest::{SHA256, digest};
use tollgate_chain::{Chain, Growth, Host, Plugin, Policy, Rollout, Trees};
use tollgate_config::{
    Config, Limits as ConfigLimits, Plugin as PluginConfig, Policy as PolicyConfig, Problem,
};
use tollgate_runtime::{
    Component, Engine, EngineSettings, Grants, Limits, LoadError, SettingProblem,
};

use super::Error;
use super::classes::unfit;
use super::targets::chain_of;
use crate::receipts::Edition;
use crate::rollouts::Rollouts;
use crate::snapshot::Asker;

/// How long a run may wait for a free instance.
const INSTANCE_WAIT: Duration = Duration::from_millis(20);
/// Stack of a guest, in bytes.
const STACK_BYTES: usize = 256 * 1024;
/// Most bytes of a component.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// What makes two uses of a component the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    sha256: [u8; 32],
    settings: String,
    grants: Vec<String>,
    limits: (Duration, usize, usize, u32, usize),
    growth: Growth,
    branches: Vec<String>,
}

/// A component that was compiled, and what its runs have shown so far.
#[derive(Debug, Clone)]
struct Kept {
    component: Arc<Component<Asker>>,
    trees: Arc<Trees>,
    used: bool,
}

/// Components that were compiled, for the next Snapshot to carry over: a reload chills nothing
/// that it leaves as it was.
#[derive(Debug, Clone, Default)]
pub(super) struct Components {
    compiled: HashMap<Key, Kept>,
    unsnapshotted: BTreeMap<String, String>,
    /// What each policy's component is.
    editions: BTreeMap<String, Edition>,
}

impl Components {
    /// Drops what the last compilation did not use.
    pub(super) fn forget_unused(&mut self) {
        self.compiled.retain(|_, kept| std::mem::take(&mut kept.used));
    }

    /// What the component of the policy of this name is.
    pub(super) fn edition(&self, policy: &str) -> Option<&Edition> {
        self.editions.get(policy)
    }

    /// The policies that are configured in each instance, by name, and why.
    pub(super) fn unsnapshotted(self) -> BTreeMap<String, String> {
        self.unsnapshotted
    }
}

/// Whether compiled components may be taken from disk, and left there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cached {
    /// As the configuration says.
    Configured,
    /// Never: whoever checks a folder leaves nothing behind.
    Never,
}

/// The engine that the configuration asks for.
pub(super) fn engine(config: &Config, cached: Cached) -> Result<Engine, Error> {
    let own = config.engine();
    let settings = EngineSettings::new(own.instances_max, INSTANCE_WAIT, STACK_BYTES)?;
    let folder = own.compiled_cache.clone().filter(|_| cached == Cached::Configured);
    Ok(match folder {
        Some(folder) => Engine::with_cache(settings, folder)?,
        None => Engine::new(settings)?,
    })
}

/// Loads every policy and strings them into chains.
pub(super) fn chains(
    config: &Config,
    engine: &Engine,
    components: &mut Components,
    rollouts: &Rollouts,
    problems: &mut Vec<Problem>,
) -> Option<Vec<Chain<Asker>>> {
    let mut loaded: Vec<Option<Policy<Asker>>> = config
        .policies()
        .iter()
        .map(|policy| load(config, policy, engine, components, problems))
        .collect();
    for own in config.rollouts() {
        let candidate = loaded.get_mut(own.candidate).and_then(Option::take);
        if let (Some(candidate), Some(Some(policy))) = (candidate, loaded.get_mut(own.policy)) {
            let progress = rollouts.resume(&policy.name, &candidate, own.stage);
            policy.rollout = Some(Rollout { candidate: Arc::new(candidate), progress });
        }
    }
    let loaded: Vec<_> = loaded.into_iter().map(|policy| policy.map(Arc::new)).collect();
    let chain = |chain: &tollgate_config::Chain| {
        let policies = chain.policies.iter().map(|index| loaded.get(*index).cloned().flatten());
        Some(Chain { name: chain.name.as_str().into(), policies: policies.collect::<Option<_>>()? })
    };
    config.chains().iter().map(chain).collect()
}

fn load(
    config: &Config,
    policy: &PolicyConfig,
    engine: &Engine,
    components: &mut Components,
    problems: &mut Vec<Problem>,
) -> Option<Policy<Asker>> {
    let plugin = config.plugins().get(policy.plugin)?;
    let (bytes, sha256) = bytes_of(plugin).map_err(|problem| problems.push(problem)).ok()?;
    let version = tollgate_runtime::version(&bytes).map(Into::into);
    components.editions.insert(policy.name.clone(), Edition { sha256, version });
    let key = Key {
        sha256,
        settings: policy.settings.clone(),
        grants: policy.grants.iter().cloned().collect(),
        limits: (
            policy.limits.time,
            policy.limits.memory_bytes,
            policy.limits.table_elements,
            policy.limits.questions,
            policy.limits.answer_bytes,
        ),
        growth: config.trees().clone(),
        branches: policy.branches.iter().map(ToString::to_string).collect(),
    };
    let kept = match components.compiled.get_mut(&key) {
        Some(kept) => kept,
        None => {
            let component = compile(engine, &bytes, policy, &plugin.file)
                .map_err(|told| problems.extend(told))
                .ok()?;
            let trees = Arc::new(Trees::new(&key.growth, &policy.branches));
            let kept = Kept { component: Arc::new(component), trees, used: true };
            components.compiled.entry(key).or_insert(kept)
        }
    };
    kept.used = true;
    if let Some(message) = unfit(policy.class, kept.component.inspection()) {
        problems.push(policy.problem(&message));
        return None;
    }
    if let Some(reason) = kept.component.why_not_snapshotted() {
        tracing::info!(policy = policy.name, reason, "policy is configured in each instance");
        components.unsnapshotted.insert(policy.name.clone(), reason.to_owned());
    }
    Some(Policy {
        name: policy.name.as_str().into(),
        class: policy.class,
        interests: policy.interests.clone(),
        plugin: Arc::clone(&kept.component) as Arc<dyn Plugin<Asker>>,
        trees: Arc::clone(&kept.trees),
        questions_max: policy.limits.questions,
        answer_bytes_max: policy.limits.answer_bytes,
        rollout: None,
    })
}

/// A component's bytes and their SHA-256, which is the declared one where one is declared.
pub(super) fn bytes_of(plugin: &PluginConfig) -> Result<(Vec<u8>, [u8; 32]), Problem> {
    let bytes = read(&plugin.file).map_err(|message| plugin.problem(&message))?;
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest(&SHA256, &bytes).as_ref());
    if let Some(expected) = plugin.sha256.filter(|expected| *expected != sha256) {
        let [expected, found] = [expected, sha256].map(|digest| HEXLOWER.encode(&digest));
        let file = plugin.file.display();
        let message = format!("{file}: expected the SHA-256 {expected}, found {found}");
        return Err(plugin.problem(&message));
    }
    Ok((bytes, sha256))
}

/// The bytes of a component, within their bound; else what was expected.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let length = fs::metadata(path)
        .map_err(|error| format!("expected a component at {}: {error}", path.display()))?
        .len();
    if length > FILE_BYTES_MAX {
        return Err(format!("{} has {length} bytes, more than {FILE_BYTES_MAX}", path.display()));
    }
    fs::read(path).map_err(|error| format!("expected a component at {}: {error}", path.display()))
}

/// Compiles and tries out; what is wrong is told at its place in the configuration.
pub(crate) fn compile<H: Host>(
    engine: &Engine,
    bytes: &[u8],
    policy: &PolicyConfig,
    file: &Path,
) -> Result<Component<H>, Vec<Problem>> {
    let whole = |error: &dyn std::error::Error| vec![policy.problem(&chain_of(error))];
    let grants = Grants::from_names(policy.grants.iter().map(String::as_str))
        .map_err(|error| whole(&error))?;
    let ConfigLimits { time, memory_bytes, table_elements, .. } = policy.limits;
    let limits = Limits::new(time, memory_bytes, table_elements).map_err(|error| whole(&error))?;
    Component::load(engine, bytes, policy.settings.clone(), &grants, limits).map_err(|error| {
        if let LoadError::Settings(problems) = error {
            let told = |own: &SettingProblem| policy.setting_problem(&own.key, &own.message);
            return problems.iter().map(told).collect();
        }
        vec![policy.problem(&format!("{}: {}", file.display(), chain_of(&error)))]
    })
}
