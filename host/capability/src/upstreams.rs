//! `upstreams`: what is believed of the declared upstreams. Known to whoever pools them.

use tollgate_chain::UpstreamState;

/// Says what is believed of an upstream. Implemented by the gateway over its upstreams, and by
/// every `Fn(&str) -> UpstreamState`.
pub trait UpstreamStates: Send + Sync + 'static {
    /// The state of the upstream of this name.
    fn state(&self, name: &str) -> UpstreamState;
}

impl<F: Fn(&str) -> UpstreamState + Send + Sync + 'static> UpstreamStates for F {
    fn state(&self, name: &str) -> UpstreamState {
        self(name)
    }
}
