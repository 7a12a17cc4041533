//! Who may have a part in an exchange: the policies of its chain, as far as a receipt tells of
//! them. Made once for each Snapshot, so that a receipt counts one reference.

use std::sync::Arc;

use http::HeaderName;
use tollgate_chain::{Acting, Branch, Chain, Class, Interests, Policy};
use tollgate_config::Config;

/// A chain's policies.
#[derive(Debug)]
pub(crate) struct Cast {
    /// The chain's name.
    pub(crate) chain: Arc<str>,
    /// In the order of the chain.
    pub(crate) members: Vec<Member>,
    /// Header fields whose values nobody is told, beside credentials and cookies.
    pub(crate) hidden: Arc<[HeaderName]>,
}

/// Which component it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Edition {
    /// Of the file.
    pub(crate) sha256: [u8; 32],
    /// What it says of itself.
    pub(crate) version: Option<Box<str>>,
}

/// One policy.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Arc<str>,
    pub(crate) plugin: Box<str>,
    pub(crate) edition: Edition,
    pub(crate) class: Class,
    pub(crate) interests: Interests,
    /// Answers of raw text that the operator has declared.
    pub(crate) branches: Vec<Branch>,
    /// The policy that may take its place.
    pub(crate) candidate: Option<Box<Self>>,
}

impl Member {
    /// The one of the two that decided.
    pub(crate) fn version(&self, acting: Acting) -> &Self {
        match (acting, &self.candidate) {
            (Acting::Candidate, Some(candidate)) => candidate,
            (Acting::Current | Acting::Candidate, _) => self,
        }
    }
}

/// The casts of these chains, in their order.
pub(crate) fn casts<'a, H>(
    config: &Config,
    chains: &[Chain<H>],
    edition: impl Fn(&str) -> Option<&'a Edition>,
) -> Vec<Arc<Cast>> {
    let hidden: Arc<[HeaderName]> = config.hidden_headers().into();
    let member = |name: &Arc<str>| {
        let own = config.policies().iter().find(|own| *own.name == **name)?;
        Some(Member {
            name: Arc::clone(name),
            plugin: config.plugins().get(own.plugin)?.name.as_str().into(),
            edition: edition(name).cloned().unwrap_or_default(),
            class: own.class,
            interests: own.interests.clone(),
            branches: own.branches.clone(),
            candidate: None,
        })
    };
    let both = |policy: &Policy<H>| {
        let own = policy.rollout.as_ref().and_then(|rollout| member(&rollout.candidate.name));
        Some(Member { candidate: own.map(Box::new), ..member(&policy.name)? })
    };
    let cast = |chain: &Chain<H>| {
        let members = chain.policies.iter().filter_map(|policy| both(policy)).collect();
        Arc::new(Cast { chain: Arc::clone(&chain.name), members, hidden: Arc::clone(&hidden) })
    };
    chains.iter().map(cast).collect()
}
