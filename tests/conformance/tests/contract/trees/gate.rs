//! A gateway without sockets: six policies, stores in memory, a clock that is turned by hand.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conformance::component;
use http::HeaderMap;
use tollgate_capability::idempotency::StoredReply;
use tollgate_capability::testing::ManualClock;
use tollgate_capability::{PolicyHost, RequestContext, Stores};
use tollgate_chain::{
    Chain, Class, Content, Decision, Growth, Hook, Interests, Payload, Plugin, Policy, Receipt,
    Tree, Trees, request,
};
use tollgate_runtime::{Component, Engine, EngineSettings, Grants, RunLimits};
use tollgate_stores::file::FileCredentials;
use tollgate_stores::memory::MemoryIdempotencyLimits;
use tollgate_stores::testing::in_memory;

use super::requests::{Keys, Request};

pub(super) type BoxedHost = Box<PolicyHost>;

/// The two settings between which reloads go to and fro.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Settings {
    Strict,
    Lax,
}

/// One gateway, with stores of its own.
pub(super) struct Gate {
    pub(super) clock: Arc<ManualClock>,
    pub(super) credentials: Arc<FileCredentials>,
    stores: Arc<Stores>,
    strict: Chain<BoxedHost>,
    lax: Chain<BoxedHost>,
    pub(super) serving: Settings,
    pub(super) upstreams: Upstreams,
}

/// The believed state of the two upstreams: true for one that works.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upstreams {
    pub(super) sandbox: bool,
    pub(super) live: bool,
}

/// The view of an exchange that a caller and the stores behind have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observation {
    pub(super) outcome: String,
    pub(super) headers: HeaderMap,
    principal: Option<String>,
    claim: Option<String>,
    held: Option<String>,
}

/// Counts of an exchange's decisions, by the way in which they were reached.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ways {
    pub(super) walked: usize,
    pub(super) ran: usize,
}

impl Gate {
    pub(super) fn new(growth: &Growth, keys: &Keys) -> Self {
        let clock = Arc::new(ManualClock::new());
        let credentials = FileCredentials::parse(&keys.file(), Arc::clone(&clock) as _).unwrap();
        let credentials = Arc::new(credentials);
        let stores = Arc::new(in_memory(
            Arc::clone(&clock) as _,
            Arc::clone(&credentials) as _,
            MemoryIdempotencyLimits::default(),
        ));

        let strict = chain(growth, Settings::Strict, None);
        let lax = chain(growth, Settings::Lax, Some(&strict));
        let upstreams = Upstreams { sandbox: true, live: true };
        Self { clock, credentials, stores, strict, lax, serving: Settings::Strict, upstreams }
    }

    pub(super) fn tree(&self, policy: &str) -> &Tree {
        let own = self.chain().policies.iter().find(|own| &*own.name == policy).unwrap();
        own.trees.of(Hook::Request)
    }

    pub(super) fn trees(&self) -> impl Iterator<Item = &Tree> {
        let policies = self.strict.policies.iter().chain(&self.lax.policies);
        policies.map(|policy| policy.trees.of(Hook::Request))
    }

    pub(super) fn chain(&self) -> &Chain<BoxedHost> {
        match self.serving {
            Settings::Strict => &self.strict,
            Settings::Lax => &self.lax,
        }
    }

    pub(super) fn exchange(&self, request: &Request, keys: &Keys) -> (BoxedHost, RequestContext) {
        let Upstreams { sandbox, live } = self.upstreams;
        let state = move |name: &str| {
            let ready = if name == "deposits-sandbox" { sandbox } else { live };
            if ready {
                tollgate_chain::UpstreamState::Ready
            } else {
                tollgate_chain::UpstreamState::Unavailable
            }
        };
        let context = RequestContext {
            head: Arc::new(request.head(keys)),
            matched: request.matched(),
            payload: Arc::new(request.body) as Arc<dyn Payload>,
            upstreams: Arc::new(state),
            hidden: [].into(),
        };
        (Box::new(PolicyHost::new(context.clone(), Arc::clone(&self.stores))), context)
    }

    /// Lets the chain decide, and carries a claimed operation out as the request says.
    pub(super) async fn serve(&self, request: &Request, keys: &Keys) -> (Observation, Ways) {
        let (host, context) = self.exchange(request, keys);
        let mut receipt = Receipt::default();
        let (mut host, outcome) =
            request::walk(self.chain(), &context.head, None, host, &mut receipt).await;

        let mut headers = HeaderMap::new();
        headers.insert("vary", "accept-encoding".parse().unwrap());
        host.write_reply_headers(&mut headers);

        let held = if let request::RequestOutcome::Replied { reply, .. } = &outcome
            && let Content::Held(handle) = reply.content
        {
            Some(format!("{:?}", host.held(handle)))
        } else {
            None
        };

        let principal = host.principal().map(|principal| format!("{principal:?}"));
        let claim = host.take_claim();
        let view = Observation {
            outcome: format!("{outcome:?}"),
            headers,
            principal,
            claim: claim.as_ref().map(|claim| claim.operation().hex()),
            held,
        };

        if let Some(claim) = claim {
            if request.completes {
                let body = format!("stored for {:?}", request.body).into();
                let stored = StoredReply::new(http::StatusCode::OK, &HeaderMap::new(), body);
                claim.complete(stored).await;
            } else {
                claim.retryable().await;
            }
        }
        (view, ways(&receipt))
    }

    pub(super) fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }
}

fn ways(receipt: &Receipt<'_>) -> Ways {
    let walked = |entry: &&tollgate_chain::ReceiptEntry<'_>| {
        matches!(entry.decision, Decision::Walked { .. })
    };
    let walked = receipt.entries.iter().filter(walked).count();
    Ways { walked, ran: receipt.entries.len() - walked }
}

/// The chain of the six. What does not differ from `other` keeps its trees, as in a reload.
fn chain(
    growth: &Growth,
    settings: Settings,
    other: Option<&Chain<BoxedHost>>,
) -> Chain<BoxedHost> {
    let policies = NAMES.iter().enumerate().map(|(index, name)| {
        let shared = other.filter(|_| text(name, Settings::Strict) == text(name, settings));
        let trees = shared.and_then(|chain| chain.policies.get(index)).map(|own| &own.trees);
        Arc::new(Policy {
            name: (*name).into(),
            class: Class::Security,
            interests: Interests::default(),
            plugin: plugin(index, settings),
            trees: trees.map_or_else(|| Arc::new(Trees::new(growth, &[])), Arc::clone),
            questions_max: 64,
            answer_bytes_max: 65_536,
            rollout: None,
        })
    });
    Chain { name: "six".into(), policies: policies.collect() }
}

/// An engine for these tests alone. Limits of time belong to the tests of hostile guests, which
/// share an engine of few instances: a policy that met one on a busy machine would be refused with
/// trees or without, and the comparison would fail for it.
fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let settings = EngineSettings::new(64, Duration::from_secs(1), 256 << 10);
        Engine::new(settings.unwrap()).unwrap()
    })
}

/// The longest time that a guest can be given, and the memory that the six need.
fn limits() -> RunLimits {
    RunLimits::new(Duration::from_millis(*RunLimits::TIME_MS.end()), 8 << 20, 2_000).unwrap()
}

/// Each component is compiled once for all tests.
fn plugin(index: usize, settings: Settings) -> Arc<dyn Plugin<BoxedHost>> {
    static COMPILED: OnceLock<Vec<[Arc<Component<BoxedHost>>; 2]>> = OnceLock::new();
    let compiled = COMPILED.get_or_init(|| {
        let load = |name: &str, settings| {
            let file = component(name).unwrap();
            let text = text(name, settings).to_owned();
            Arc::new(Component::load(engine(), &file, text, &Grants::all(), limits()).unwrap())
        };
        NAMES.map(|name| [Settings::Strict, Settings::Lax].map(|own| load(name, own))).into()
    });
    let of = usize::from(settings == Settings::Lax);
    Arc::clone(&compiled[index][of]) as _
}

const NAMES: [&str; 6] = ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"];

fn text(policy: &str, settings: Settings) -> &'static str {
    match (policy, settings) {
        ("allowed-hosts", _) => {
            r#"{"hosts":[{"name":"sandbox.example.com","environment":"sandbox"},{"name":"api.example.com"}]}"#
        }
        ("cors", Settings::Strict) => r#"{"origins":["https://app.example.com"]}"#,
        ("cors", Settings::Lax) => {
            r#"{"origins":["https://app.example.com","https://*.example.org"],"disallowed":"ignore"}"#
        }
        ("rate-limit", Settings::Strict) => {
            r#"{"policies":[{"name":"tenant","quota":30,"window_seconds":60,"burst":3},{"name":"money","quota":6,"window_seconds":60,"burst":2,"classes":["money"]}],"concurrency":[{"name":"flights","limit":2}]}"#
        }
        ("rate-limit", Settings::Lax) => {
            r#"{"policies":[{"name":"tenant","quota":60,"window_seconds":60,"burst":6}]}"#
        }
        ("routing", _) => {
            r#"{"services":{"deposits":{"sandbox":"deposits-sandbox","live":"deposits-live"},"payouts":{"live":"deposits-live"}}}"#
        }
        _ => "{}",
    }
}
