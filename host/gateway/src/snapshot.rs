//! Everything that decides about requests, compiled and immutable. An exchange pins one for its
//! whole life.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;
use http::uri::PathAndQuery;
use tollgate_capability::principal::PrincipalSigner;
use tollgate_capability::{Exchange, Stores, UpstreamStates};
use tollgate_chain::{Chain, Environment, RouteTable, UpstreamState};
use tollgate_edge::Responder;
use tollgate_transcode::Transcoder;
use tollgate_upstream::Upstream;

use crate::receipts::{Cast, Receipts};
use crate::telemetry::Meters;

/// The host of this gateway's policies.
pub(crate) type Asker = Box<Exchange>;

/// One compiled configuration.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) generation: u64,
    pub(crate) routes: RouteTable,
    pub(crate) bindings: Vec<Binding>,
    pub(crate) chains: Vec<Chain<Asker>>,
    /// For each listener by name, the chain of requests without a Route.
    pub(crate) listener_chains: HashMap<String, usize>,
    pub(crate) targets: Arc<Targets>,
    pub(crate) stores: Arc<Stores>,
    pub(crate) signer: Option<Arc<PrincipalSigner>>,
    pub(crate) responder: Arc<Responder>,
    pub(crate) hidden_headers: Arc<[HeaderName]>,
    pub(crate) meters: Meters,
    pub(crate) receipts: Receipts,
    /// For each chain, the policies as receipts tell of them.
    pub(crate) casts: Vec<Arc<Cast>>,
}

impl Snapshot {
    /// Counts the Snapshots of this process from 1.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// The chain that decides about a Route's requests, or about those without one.
    pub(crate) fn chain(&self, index: usize) -> Option<&Chain<Asker>> {
        self.chains.get(index)
    }
}

/// How a Route's requests are translated and sent.
#[derive(Debug)]
pub(crate) struct Binding {
    /// The Route's name, shared with records.
    pub(crate) route: Arc<str>,
    /// The gRPC call behind it; without one requests are passed on as they are.
    pub(crate) call: Option<Call>,
}

/// A gRPC method and its translation to JSON.
#[derive(Debug)]
pub(crate) struct Call {
    /// `/package.Service/Method`
    pub(crate) path: PathAndQuery,
    pub(crate) transcoder: Arc<Transcoder>,
}

/// An upstream and who may reach it.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: Arc<str>,
    pub(crate) upstream: Arc<Upstream>,
    /// Only principals of this environment.
    pub(crate) environment: Option<Environment>,
    /// The service that signed principals are for.
    pub(crate) audience: Option<Arc<str>>,
}

/// The upstreams by name.
#[derive(Debug, Default)]
pub(crate) struct Targets(pub(crate) HashMap<Box<str>, Target>);

impl Targets {
    pub(crate) fn get(&self, name: &str) -> Option<&Target> {
        self.0.get(name)
    }
}

impl UpstreamStates for Targets {
    fn state(&self, name: &str) -> UpstreamState {
        self.get(name).map_or(UpstreamState::Unknown, |target| target.upstream.state())
    }
}
