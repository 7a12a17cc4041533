//! The policies of each chain as receipts report them.

use std::sync::Arc;

use http::HeaderName;
use tollgate_chain::{Chain, Policy};
use tollgate_config::Config;
use tollgate_proxy::{ChainInfo, ComponentIdentity, PolicyInfo};

/// Collects the metadata of these chains, in their order.
pub(super) fn chain_infos<'a, H>(
    config: &Config,
    chains: &[Chain<H>],
    identity_of: impl Fn(&str) -> Option<&'a ComponentIdentity>,
) -> Vec<Arc<ChainInfo>> {
    let hidden: Arc<[HeaderName]> = config.hidden_headers().into();
    let info = |name: &Arc<str>| {
        let declared = config.policies().iter().find(|policy| *policy.name == **name)?;
        Some(PolicyInfo {
            name: Arc::clone(name),
            plugin: config.plugins().get(declared.plugin)?.name.as_str().into(),
            identity: identity_of(name).cloned().unwrap_or_default(),
            class: declared.class,
            interests: declared.interests.clone(),
            branches: declared.branches.clone(),
            candidate: None,
        })
    };

    let with_candidate = |policy: &Policy<H>| {
        let candidate = policy.rollout.as_ref().and_then(|rollout| info(&rollout.candidate.name));
        Some(PolicyInfo { candidate: candidate.map(Box::new), ..info(&policy.name)? })
    };
    let chain_info = |chain: &Chain<H>| {
        let policies = chain.policies.iter().filter_map(|policy| with_candidate(policy)).collect();
        let (chain, hidden) = (Arc::clone(&chain.name), Arc::clone(&hidden));
        Arc::new(ChainInfo { chain, policies, hidden })
    };
    chains.iter().map(chain_info).collect()
}
