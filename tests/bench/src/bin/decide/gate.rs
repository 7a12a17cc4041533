//! A gateway without sockets: the six components, stores in memory, requests made up front.

use anyhow::{Context, Result, bail};
use bench::credentials;
use bench::rules::{SIX, settings};
use bench::world::{self, Dice, KEYS, ROUTES};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tollgate_capability::idempotency::StoredReply;
use tollgate_capability::{Clock, PolicyHost, RequestContext, Stores, SystemClock};
use tollgate_chain::{
    Authority, Chain, Class, Decision, Growth, Head, Interests, Matched, Payload, Plugin, Policy,
    Prepared, Receipt, Route, RouteLimits, Trees, UpstreamState, request,
};
use tollgate_runtime::{Component, Engine, EngineSettings, Grants, RunLimits};
use tollgate_stores::file::FileCredentials;
use tollgate_stores::memory::MemoryIdempotencyLimits;
use tollgate_stores::testing::in_memory;
use tollgate_terms::headers::IDEMPOTENCY_KEY;

type BoxedHost = Box<PolicyHost>;

/// Operations that are remembered, so that memory stays as it is.
const RECORDS: usize = 10_000;

/// The chain of six and all that it asks.
pub(super) struct Gate {
    chain: Chain<BoxedHost>,
    stores: Arc<Stores>,
    routes: Vec<Arc<Route>>,
    headers: HeaderMap,
}

/// Counts of verdicts, by the way in which they were reached.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) walked: u32,
    pub(super) ran: u32,
}

/// A body that was read before.
struct Body;

impl Payload for Body {
    fn prepare(&self) -> Prepared<'_> {
        Box::pin(std::future::ready(Ok([7; 32])))
    }
}

impl Gate {
    pub(super) fn new(components: &Path, trees: bool) -> Result<Self> {
        let engine = Engine::new(EngineSettings::default())?;
        let growth = Growth { on: trees, ..Growth::default() };
        let policy = |name: &&str| policy(&engine, components, name, &growth);
        let policies = SIX.iter().map(policy).collect::<Result<_>>()?;
        let mut headers = HeaderMap::new();
        for (name, value) in world::HEADERS {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        Ok(Self {
            chain: Chain { name: "six".into(), policies },
            stores: Arc::new(stores()?),
            routes: (0..ROUTES).map(|number| Arc::new(route(number))).collect(),
            headers,
        })
    }

    /// A request of some key for some route, with an operation of its own.
    pub(super) fn context(&self, dice: &mut Dice) -> Result<RequestContext> {
        let mut headers = self.headers.clone();
        let key = world::key(dice.below(KEYS));
        headers.insert(header::AUTHORIZATION, HeaderValue::try_from(format!("Bearer {key}"))?);

        let id = format!("{:016x}{:016x}", dice.roll(), dice.roll());
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::try_from(id.as_str())?);

        let number = dice.below(ROUTES);
        let route = self.routes.get(usize::try_from(number)?).context("a route")?;
        let head = Head {
            method: Method::POST,
            authority: Authority::from_canonical(world::HOST),
            path: world::path(number).into(),
            query: None,
            headers,
            server_name: None,
            client_certificate: None,
            secure: false,
            client: IpAddr::V4(Ipv4Addr::LOCALHOST),
            request_id: id.into(),
            websocket: false,
            source: 0,
        };

        Ok(RequestContext {
            head: Arc::new(head),
            matched: Matched::Found {
                route: Arc::clone(route),
                variables: Vec::new(),
                methods: "POST".into(),
            },
            payload: Arc::new(Body),
            upstreams: Arc::new(|_: &str| UpstreamState::Ready),
            hidden: [].into(),
        })
    }

    /// Lets the chain decide and completes the operation, as the gateway does.
    pub(super) async fn decide(&self, context: RequestContext, count: &mut Count) -> Result<()> {
        let head = Arc::clone(&context.head);
        let Matched::Found { route, .. } = &context.matched else { bail!("no route") };
        let route = Arc::clone(route);
        let host = Box::new(PolicyHost::new(context, Arc::clone(&self.stores)));
        let mut receipt = Receipt::default();
        let (mut host, outcome) =
            request::walk(&self.chain, &head, Some(&route), host, &mut receipt).await;
        let request::RequestOutcome::Passed { .. } = outcome else { bail!("refused: {outcome:?}") };
        for entry in &receipt.entries {
            match entry.decision {
                Decision::Walked { .. } => count.walked += 1,
                Decision::Ran { .. } => count.ran += 1,
                Decision::Skipped => {}
            }
        }
        let claim = host.take_claim().context("the operation was not claimed")?;
        let reply = StoredReply::new(StatusCode::OK, &HeaderMap::new(), Bytes::from_static(b"{}"));
        claim.complete(reply).await;
        Ok(())
    }
}

fn policy(
    engine: &Engine,
    components: &Path,
    name: &str,
    growth: &Growth,
) -> Result<Arc<Policy<BoxedHost>>> {
    let path = components.join(format!("{name}.wasm"));
    let file = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    let settings: toml::Table = toml::from_str(&settings(name))?;
    let settings = serde_json::to_string(&settings)?;
    let component = Component::load(engine, &file, settings, &Grants::all(), RunLimits::default())?;

    Ok(Arc::new(Policy {
        name: name.into(),
        class: Class::Security,
        interests: Interests::default(),
        plugin: Arc::new(component) as Arc<dyn Plugin<BoxedHost>>,
        trees: Arc::new(Trees::new(growth, &[])),
        questions_max: 64,
        answer_bytes_max: 65_536,
        rollout: None,
    }))
}

fn stores() -> Result<Stores> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let keys = FileCredentials::parse(&credentials::text(KEYS)?, Arc::clone(&clock))?;
    let records = MemoryIdempotencyLimits { records_max: RECORDS, ..Default::default() };
    Ok(in_memory(clock, Arc::new(keys), records))
}

fn route(number: u64) -> Route {
    let attributes = world::attributes(number).into_iter();
    Route {
        name: format!("r{number}").into(),
        template: world::path(number).into(),
        attributes: attributes.map(|(name, value)| (name.into(), value.into())).collect(),
        grpc: None,
        upstream: Some("origin".into()),
        binding: 0,
        chain: 0,
        limits: RouteLimits {
            body_bytes_max: 1 << 20,
            timeout: Duration::from_secs(30),
            stream_idle_timeout: Duration::from_secs(30),
        },
    }
}
