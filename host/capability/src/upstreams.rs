//! `upstreams`: the states of the declared upstreams, as their pools know them.

use tollgate_chain::{Answer, UpstreamState, UpstreamsRead};

/// Knows the states of upstreams. Implemented by the gateway over its upstreams, and by every
/// `Fn(&str) -> UpstreamState`.
pub trait UpstreamStates: Send + Sync + 'static {
    /// Returns the state of the upstream of this name.
    fn state(&self, name: &str) -> UpstreamState;
}

impl<F: Fn(&str) -> UpstreamState + Send + Sync + 'static> UpstreamStates for F {
    fn state(&self, name: &str) -> UpstreamState {
        self(name)
    }
}

/// Answers a read.
pub(crate) fn ask(read: &UpstreamsRead, upstreams: &dyn UpstreamStates) -> Answer {
    match read {
        UpstreamsRead::State(name) => Answer::Upstream(upstreams.state(name)),
    }
}
