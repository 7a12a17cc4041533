//! Components: read, verified, compiled, tried out; and the chains made of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tollgate_chain::{Chain, Growth, Plugin, Policy, Rollout, Trees};
use tollgate_config::{Config, ConfigProblem, PolicyConfig};
use tollgate_proxy::{BoxedHost, ComponentIdentity};
use tollgate_runtime::{Component, Engine, Grants, compile_declared, read_declared};

use super::classes::unfit;
use crate::rollouts::Rollouts;

/// The inputs of a compilation: two uses of a component with the same inputs share it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct ComponentKey {
    sha256: [u8; 32],
    settings: String,
    grants: Grants,
    limits: (Duration, usize, usize, u32, usize),
    growth: Growth,
    branches: Vec<String>,
}

/// A component that was compiled, and what its runs have shown so far.
#[derive(Debug, Clone)]
struct Kept {
    component: Arc<Component<BoxedHost>>,
    trees: Arc<Trees>,
    used: bool,
}

/// Components that were compiled, for the next Snapshot to carry over: a reload chills nothing
/// that it leaves as it was.
#[derive(Debug, Clone, Default)]
pub(super) struct Components {
    compiled: HashMap<ComponentKey, Kept>,
    unsnapshotted: BTreeMap<String, String>,
    /// The component file of each policy.
    identities: BTreeMap<String, ComponentIdentity>,
}

impl Components {
    /// Drops what the last compilation did not use.
    pub(super) fn forget_unused(&mut self) {
        self.compiled.retain(|_, kept| std::mem::take(&mut kept.used));
    }

    /// Returns the component file of the policy of this name.
    pub(super) fn identity(&self, policy: &str) -> Option<&ComponentIdentity> {
        self.identities.get(policy)
    }

    /// The policies that are configured in each instance, by name, and why.
    pub(super) fn unsnapshotted(&self) -> &BTreeMap<String, String> {
        &self.unsnapshotted
    }
}

/// Loads every policy and strings them into chains.
pub(super) fn chains(
    config: &Config,
    engine: &Engine,
    components: &mut Components,
    rollouts: &Rollouts,
    problems: &mut Vec<ConfigProblem>,
) -> Option<Vec<Chain<BoxedHost>>> {
    let mut loaded: Vec<Option<Policy<BoxedHost>>> = config
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
    let chain = |chain: &tollgate_config::ChainConfig| {
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
    problems: &mut Vec<ConfigProblem>,
) -> Option<Policy<BoxedHost>> {
    let plugin = config.plugins().get(policy.plugin)?;
    let (bytes, sha256) = read_declared(plugin).map_err(|problem| problems.push(problem)).ok()?;
    let version = tollgate_runtime::version(&bytes).map(Into::into);
    components.identities.insert(policy.name.clone(), ComponentIdentity { sha256, version });

    let key = ComponentKey {
        sha256,
        settings: policy.settings.clone(),
        grants: policy.grants.iter().copied().collect(),
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
            let component = compile_declared(engine, &bytes, policy, &plugin.file)
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
        plugin: Arc::clone(&kept.component) as Arc<dyn Plugin<BoxedHost>>,
        trees: Arc::clone(&kept.trees),
        questions_max: policy.limits.questions,
        answer_bytes_max: policy.limits.answer_bytes,
        rollout: None,
    })
}
