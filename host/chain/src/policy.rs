//! A Policy: a plugin put to work with settings, grants and limits; and chains of them.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http::{HeaderName, Method};
use serde::{Deserialize, Serialize};

use crate::tree::{Branch, Growth, Tree};
use crate::{Acting, Failure, Head, Host, Rollout, Route, Run, Verdict};

/// Meaning of a policy's failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Its failure ends the exchange, closed.
    #[default]
    Security,
    /// Its failure ends the exchange, closed.
    Traffic,
    /// Its failure is recorded and passed over.
    Observe,
}

/// Which of a policy's two runs it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Hook {
    /// `on-request`
    #[serde(rename = "on-request")]
    Request,
    /// `on-response`
    #[serde(rename = "on-response")]
    Response,
}

impl Hook {
    /// The name of the export.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "on-request",
            Self::Response => "on-response",
        }
    }
}

/// A finished run: the run back, with its host and trace, and what became of it.
pub type Finished<H> = (Run<H>, Result<Verdict, Failure>);

/// A component that is loaded, configured and ready to run. Implemented by `runtime`.
pub trait Plugin<H: Host>: Send + Sync + std::fmt::Debug {
    /// Runs the hook in an instance of its own. Dropping the future ends the run and its host.
    fn run<'a>(
        &'a self,
        hook: Hook,
        run: Run<H>,
    ) -> Pin<Box<dyn Future<Output = Finished<H>> + Send + 'a>>;

    /// Returns true if the component has this hook.
    fn has(&self, hook: Hook) -> bool;
}

/// When a policy applies. An empty list does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interests {
    /// Methods.
    pub methods: Vec<Method>,
    /// Values of the Route's attribute `class`.
    pub route_classes: Vec<Box<str>>,
    /// Header fields of which one at least must be there. Never for a policy of class
    /// `security`, which a caller could then skip.
    pub headers: Vec<HeaderName>,
}

impl Interests {
    /// Returns true if the policy applies to such a request.
    #[must_use]
    pub fn cover(&self, head: &Head, route: Option<&Route>) -> bool {
        let method = self.methods.is_empty() || self.methods.contains(&head.method);
        let class = self.route_classes.is_empty()
            || route
                .and_then(|route| route.attribute("class"))
                .is_some_and(|class| self.route_classes.iter().any(|own| **own == *class));
        let header = self.headers.is_empty()
            || self.headers.iter().any(|name| head.headers.contains_key(name));
        method && class && header
    }
}

/// The trees of a component with its settings, grants and limits.
#[derive(Debug)]
pub struct Trees {
    request: Tree,
    response: Tree,
}

impl Trees {
    /// Empty trees, in which the listed questions may branch.
    #[must_use]
    pub fn new(growth: &Growth, branches: &[Branch]) -> Self {
        let tree = || Tree::new(growth.clone(), branches.to_vec());
        Self { request: tree(), response: tree() }
    }

    /// The tree of one hook.
    #[must_use]
    pub fn of(&self, hook: Hook) -> &Tree {
        match hook {
            Hook::Request => &self.request,
            Hook::Response => &self.response,
        }
    }
}

/// A plugin put to work.
#[derive(Debug)]
pub struct Policy<H> {
    /// The name in the configuration.
    pub name: Arc<str>,
    /// Meaning of its failure.
    pub class: Class,
    /// When it applies.
    pub interests: Interests,
    /// The component.
    pub plugin: Arc<dyn Plugin<H>>,
    /// The trees that its runs have grown so far; shared by all policies that are the same but in name.
    pub trees: Arc<Trees>,
    /// Most questions in a run.
    pub questions_max: u32,
    /// Most bytes of text that the answers of a run may carry.
    pub answer_bytes_max: usize,
    /// The candidate that may take its place.
    pub rollout: Option<Rollout<H>>,
}

impl<H> Policy<H> {
    /// Returns true if a response may concern it.
    #[must_use]
    pub fn has_response_hook(&self) -> bool
    where
        H: Host,
    {
        let candidate = self.rollout.as_ref().map(|rollout| &rollout.candidate);
        self.plugin.has(Hook::Response)
            || candidate.is_some_and(|candidate| candidate.plugin.has(Hook::Response))
    }

    /// Which of the two decides about the host's exchange.
    pub(crate) fn acting(&self, host: &H) -> Acting
    where
        H: Host,
    {
        self.rollout.as_ref().map_or(Acting::Current, |own| own.acting(|| host.sticky()))
    }

    /// The candidate, where it is to be run beside the policy.
    pub(crate) fn shadowed(&self) -> Option<&Rollout<H>> {
        self.rollout.as_ref().filter(|rollout| rollout.is_shadowing())
    }

    /// The one of the two that decides.
    #[must_use]
    pub fn version(&self, acting: Acting) -> &Self {
        match (acting, &self.rollout) {
            (Acting::Candidate, Some(rollout)) => &rollout.candidate,
            (Acting::Current | Acting::Candidate, _) => self,
        }
    }
}

/// Policies in the order in which they decide.
#[derive(Debug)]
pub struct Chain<H> {
    /// The name in the configuration.
    pub name: Arc<str>,
    /// The policies.
    pub policies: Vec<Arc<Policy<H>>>,
}
