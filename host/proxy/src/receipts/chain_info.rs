//! Per-chain policy metadata shared by receipts. Made once for each Snapshot, so that a receipt
//! counts one reference.

use std::sync::Arc;

use http::HeaderName;
use tollgate_chain::{Acting, Branch, Class, Interests};

/// The policies of a chain as receipts report them.
#[derive(Debug)]
pub struct ChainInfo {
    /// The chain's name.
    pub chain: Arc<str>,
    /// The policies, in the order of the chain.
    pub policies: Vec<PolicyInfo>,
    /// Header fields whose values are never reported, beside credentials and cookies.
    pub hidden: Arc<[HeaderName]>,
}

/// The identity of a component file.
#[derive(Debug, Clone, Default)]
pub struct ComponentIdentity {
    /// The digest of the file.
    pub sha256: [u8; 32],
    /// The version that the component carries.
    pub version: Option<Box<str>>,
}

/// One policy of a chain.
#[derive(Debug)]
pub struct PolicyInfo {
    /// The policy's name.
    pub name: Arc<str>,
    /// The name of its plugin.
    pub plugin: Box<str>,
    /// The component that it runs.
    pub identity: ComponentIdentity,
    /// The class, which says what follows when it fails.
    pub class: Class,
    /// The requests that it applies to.
    pub interests: Interests,
    /// The questions whose raw answers the operator allows to be reported.
    pub branches: Vec<Branch>,
    /// The policy that may take its place.
    pub candidate: Option<Box<Self>>,
}

impl PolicyInfo {
    /// Returns the one of the two, policy or candidate, that decided.
    #[must_use]
    pub fn version(&self, acting: Acting) -> &Self {
        match (acting, &self.candidate) {
            (Acting::Candidate, Some(candidate)) => candidate,
            (Acting::Current | Acting::Candidate, _) => self,
        }
    }
}
