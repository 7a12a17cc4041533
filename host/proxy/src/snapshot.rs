//! Everything that decides about requests, compiled and immutable. An exchange pins one for its
//! whole life.

use std::collections::HashMap;
use std::sync::Arc;

use http::HeaderName;
use http::uri::PathAndQuery;
use tollgate_capability::principal::PrincipalSigner;
use tollgate_capability::{PolicyHost, Stores, UpstreamStates};
use tollgate_chain::{Chain, Environment, RouteTable, UpstreamState};
use tollgate_config::{RpcProtocols, UpstreamFields, WebSocketConfig};
use tollgate_edge::Responder;
use tollgate_transcode::Transcoder;
use tollgate_upstream::Upstream;

use crate::meters::Meters;
use crate::receipts::{ChainInfo, ReceiptLog};

/// The host of this gateway's policies: everything that one exchange may be asked.
pub type BoxedHost = Box<PolicyHost>;

/// One compiled configuration.
#[derive(Debug)]
pub struct Snapshot {
    /// The number of the Snapshot in this process, from 1.
    pub generation: u64,
    /// The table that finds a request's Route.
    pub routes: RouteTable,
    /// The translation of each Route, by [`Route::binding`](tollgate_chain::Route::binding).
    pub bindings: Vec<Binding>,
    /// The chains, by the index that Routes and listeners hold.
    pub chains: Vec<Chain<BoxedHost>>,
    /// For each listener by name, the chain of requests without a Route.
    pub listener_chains: HashMap<String, usize>,
    /// The upstreams.
    pub targets: Arc<Targets>,
    /// The stores that capabilities answer from, shared by all Snapshots of the process.
    pub stores: Arc<Stores>,
    /// The signer of principals, where the configuration has one.
    pub signer: Option<Arc<PrincipalSigner>>,
    /// The writer of problems and replies.
    pub responder: Arc<Responder>,
    /// Header fields that no policy may read.
    pub hidden_headers: Arc<[HeaderName]>,
    /// The counters of the chains.
    pub meters: Meters,
    /// The log of receipts.
    pub receipts: ReceiptLog,
    /// For each chain, the policies as receipts report them.
    pub chain_infos: Vec<Arc<ChainInfo>>,
}

impl Snapshot {
    /// Returns the number of the Snapshot in this process, from 1.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the chain that decides about a Route's requests, or about those without one.
    #[must_use]
    pub fn chain(&self, index: usize) -> Option<&Chain<BoxedHost>> {
        self.chains.get(index)
    }
}

/// The translation of a Route's requests.
#[derive(Debug)]
pub struct Binding {
    /// The Route's name, shared with records.
    pub route: Arc<str>,
    /// The gRPC call behind it; without one requests are passed on as they are.
    pub call: Option<Call>,
    /// The bounds of WebSockets, where the Route opens any.
    pub websocket: Option<WebSocketConfig>,
}

/// A gRPC method and its translation to JSON.
#[derive(Debug)]
pub struct Call {
    /// The path of the method, `/package.Service/Method`.
    pub path: PathAndQuery,
    /// The translation.
    pub transcoder: Arc<Transcoder>,
}

/// An upstream and who may reach it.
#[derive(Debug)]
pub struct UpstreamTarget {
    /// The upstream's name.
    pub name: Arc<str>,
    /// Its connections.
    pub upstream: Arc<Upstream>,
    /// The environment whose principals alone may reach it.
    pub environment: Option<Environment>,
    /// The service that signed principals are for.
    pub audience: Option<Arc<str>>,
    /// The RPC protocols that are not translated for it.
    pub rpc_protocols: RpcProtocols,
    /// Fields that pass to it and back.
    pub fields: UpstreamFields,
}

/// The upstreams by name.
#[derive(Debug, Default)]
pub struct Targets(HashMap<Box<str>, UpstreamTarget>);

impl Targets {
    /// Adds an upstream, in place of one of the same name.
    pub fn insert(&mut self, target: UpstreamTarget) {
        self.0.insert((&*target.name).into(), target);
    }

    /// Returns the upstream of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&UpstreamTarget> {
        self.0.get(name)
    }
}

impl UpstreamStates for Targets {
    fn state(&self, name: &str) -> UpstreamState {
        self.get(name).map_or(UpstreamState::Unknown, |target| target.upstream.state())
    }
}
