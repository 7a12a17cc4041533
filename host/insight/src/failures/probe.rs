//! Runs a policy, without a gateway, on the answers of a good request to each Route of the folder,
//! one thing apart: what it relies on is down.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use tollgate_chain::{
    Access, Answer, Asked, Claimed, Command, Content, CredentialHandle, Effect, Environment, Hook,
    Host, IdempotencyKey, Identity, OriginKind, Plugin as _, Presence, Presented, Question, Read,
    Resolution, RouteMatch, Run, ServerName, Settlement, System, Taken, UpstreamState, Verdict,
};
use tollgate_config::{Config, PluginConfig, PolicyConfig, Problems, RouteConfig};
use tollgate_runtime::{Component, Engine, Inspection, compile_declared, read_component};

use crate::Error;

/// The outcome of a policy that lets the request pass.
pub(super) const GOES_ON: &str = "goes on";

/// What a policy may rely on that can be down. Quotas are kept in memory, and cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dependency {
    Credentials,
    Idempotency,
    Upstream,
}

impl Dependency {
    pub(super) const ALL: [Self; 3] = [Self::Credentials, Self::Idempotency, Self::Upstream];

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Credentials => "credentials down",
            Self::Idempotency => "idempotency down",
            Self::Upstream => "upstream down",
        }
    }

    /// Whether a component asks it.
    pub(super) fn is_used(self, inspection: &Inspection) -> bool {
        let (interface, function) = match self {
            Self::Credentials => ("credentials", "resolve"),
            Self::Idempotency => ("idempotency", "claim"),
            Self::Upstream => ("upstreams", "state"),
        };
        inspection.imports.iter().any(|import| {
            import.grant.is_some_and(|grant| grant.as_str() == interface)
                && import.functions.iter().any(|used| used == function)
        })
    }

    fn is_asked(self, question: &Question) -> bool {
        match self {
            Self::Credentials => matches!(question, Question::Read(Read::CredentialsResolve(_))),
            Self::Idempotency => matches!(question, Question::Effect(Effect::IdempotencyClaim)),
            Self::Upstream => matches!(question, Question::Read(Read::UpstreamState(_))),
        }
    }
}

/// A policy that is to be probed.
#[derive(Debug)]
pub(super) struct Probing<'a> {
    pub(super) config: &'a Config,
    pub(super) engine: &'a Engine,
    /// The policy's place in the configuration.
    pub(super) index: usize,
    pub(super) policy: &'a PolicyConfig,
    pub(super) plugin: &'a PluginConfig,
}

impl Probing<'_> {
    /// What the policy decides, over all Routes and both environments, when this is down.
    pub(super) fn outcomes(&self, down: Dependency) -> Result<BTreeSet<String>, Error> {
        let bytes = read_component(&self.plugin.file).map_err(Error::Component)?;
        let component =
            compile_declared::<Probe>(self.engine, &bytes, self.policy, &self.plugin.file)
                .map_err(Problems::from)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(Error::Runtime)?;
        let mut outcomes = BTreeSet::new();
        for route in self.routes() {
            for environment in [Environment::Sandbox, Environment::Live] {
                let probe = Probe::new(down, route, environment);
                outcomes.extend(runtime.block_on(self.run(&component, probe)));
            }
        }
        Ok(outcomes)
    }

    /// The Routes whose chain has the policy; none, where a listener's has it or nobody's.
    fn routes(&self) -> Vec<Option<&RouteConfig>> {
        let chains = self.config.chains();
        let has = |chain: usize| {
            chains.get(chain).is_some_and(|chain| chain.policies.contains(&self.index))
        };
        let routes = self.config.routes().iter().filter(|route| has(route.chain));
        let mut found: Vec<_> = routes.map(Some).collect();
        let listened = self.config.listeners().iter().any(|listener| has(listener.chain));
        if listened || found.is_empty() {
            found.push(None);
        }
        found
    }

    /// What is decided in one run; nothing when it was not asked about what is down.
    async fn run(&self, component: &Component<Probe>, probe: Probe) -> Option<String> {
        let (questions, bytes) = (self.policy.limits.questions, self.policy.limits.answer_bytes);
        let down = probe.down;
        let (run, outcome) = component.run(Hook::Request, Run::new(probe, questions, bytes)).await;
        let (_, trace) = run.finish(&outcome);
        let asked = trace.steps().iter().any(|(question, _)| down.is_asked(question));
        asked.then(|| match outcome {
            Ok(Verdict::Proceed | Verdict::Forward(_)) => GOES_ON.to_owned(),
            Ok(Verdict::Reply(reply)) => match reply.content {
                Content::Problem(problem) => {
                    format!("{} {}", reply.status, problem.slug.replace('-', "_"))
                }
                Content::Empty => reply.status.to_string(),
                Content::Held(_) => "a reply that the host holds".to_owned(),
            },
            Err(failure) => format!("failure: {failure}"),
        })
    }
}

/// Answers as the host would to a good request, but for one thing.
#[derive(Debug)]
struct Probe {
    down: Dependency,
    environment: Environment,
    name: Option<String>,
    method: Method,
    grpc: Option<String>,
    attributes: BTreeMap<String, String>,
}

impl Probe {
    fn new(down: Dependency, route: Option<&RouteConfig>, environment: Environment) -> Self {
        let matched = route.and_then(|route| route.matches.first());
        let grpc = route.and_then(|route| route.grpc.as_ref());
        Self {
            down,
            environment,
            name: route.map(|route| route.name.clone()),
            method: matched.map_or(Method::POST, |matched| matched.method.clone()),
            grpc: grpc.map(|grpc| grpc.full_name()),
            attributes: route.map(|route| route.attributes.clone()).unwrap_or_default(),
        }
    }

    fn read(&self, read: &Read) -> Answer {
        let text = |text: Option<&str>| Answer::Text(text.map(Into::into));
        match read {
            Read::MethodIs(method) => Answer::Bool(self.method.as_str() == &**method),
            Read::HeaderPresence(_) | Read::ResponseHeaderPresence(_) => {
                Answer::Presence(Presence::Absent)
            }
            Read::HeaderIs(..)
            | Read::OriginIn(_)
            | Read::NoteIs(..)
            | Read::ResponseHeaderIs(..) => Answer::Bool(false),
            Read::Header(_) | Read::Note(_) => text(None),
            Read::AuthorityIn(_) => Answer::Index(Some(0)),
            Read::ServerNameIn(_) => Answer::ServerName(ServerName::Absent),
            Read::Origin => Answer::Origin(OriginKind::Absent),
            Read::RouteMatched if self.name.is_some() => Answer::Matched(RouteMatch::Found),
            Read::RouteMatched => Answer::Matched(RouteMatch::None),
            Read::RouteName => text(self.name.as_deref()),
            Read::RouteAttribute(name) => text(self.attributes.get(&**name).map(String::as_str)),
            Read::RouteGrpcMethod => text(self.grpc.as_deref()),
            Read::CredentialsPresented => Answer::Presented(Presented::One(CredentialHandle(0))),
            Read::CredentialsResolve(_) if self.down == Dependency::Credentials => {
                Answer::Resolution(Resolution::Unavailable)
            }
            Read::CredentialsResolve(_) => {
                let identity = Identity { environment: self.environment, access: Access::Full };
                Answer::Resolution(Resolution::Resolved(identity))
            }
            Read::CredentialsPermits(..) | Read::PrincipalHasScope(_) => Answer::Bool(true),
            Read::PrincipalEnvironment => Answer::Environment(Some(self.environment)),
            Read::PrincipalTenant => text(Some("tenant")),
            Read::UpstreamState(_) if self.down == Dependency::Upstream => {
                Answer::Upstream(UpstreamState::Unavailable)
            }
            Read::UpstreamState(_) => Answer::Upstream(UpstreamState::Ready),
            Read::IdempotencyKey => Answer::IdempotencyKey(IdempotencyKey::Valid),
            Read::ResponseStatus => Answer::Status(200),
            Read::System(System::WallClock | System::MonotonicClock) => Answer::Nanoseconds(0),
            Read::System(System::Random(bytes)) => {
                Answer::Random(vec![0; usize::try_from(*bytes).unwrap_or_default()].into())
            }
        }
    }
}

impl Host for Probe {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        Asked::Ready(match question {
            Question::Read(read) => self.read(read),
            Question::Command(_) => Answer::Done,
            Question::Effect(Effect::QuotaTakeAll(_)) => Answer::Taken(Taken::Allowed),
            Question::Effect(Effect::IdempotencyClaim) if self.down == Dependency::Idempotency => {
                Answer::Claimed(Claimed::Unavailable)
            }
            Question::Effect(Effect::IdempotencyClaim) => Answer::Claimed(Claimed::Claimed),
        })
    }

    fn apply(&mut self, _: &Command) {}

    fn settle(&mut self, _: Settlement) {}

    fn tenant(&self) -> Option<(Environment, &str)> {
        None
    }

    fn sticky(&self) -> u64 {
        0
    }
}
