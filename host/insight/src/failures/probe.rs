//! Runs a policy, without a gateway, on the answers of a good request to each Route of the folder,
//! one thing apart: what it relies on is down.

use std::collections::{BTreeMap, BTreeSet};

use http::Method;
use tollgate_chain::{
    Access, Answer, Asked, Command, Content, CredentialsRead, Environment, Function, Hook, Host,
    Identity, Interface, Plugin as _, PrincipalRead, Question, Read, RequestRead, Resolution,
    RouteMatch, RouteRead, Run, Settlement, Verdict,
};
use tollgate_config::{Config, PluginConfig, PolicyConfig, Problems, RouteConfig};
use tollgate_runtime::{Component, Engine, Inspection, compile_declared, read_component};

use crate::Error;

/// The outcome of a policy that lets the request pass.
pub(super) const GOES_ON: &str = "goes on";

/// A back end that a policy may rely on and that can be down, by the interface that asks it.
/// Quotas are kept in memory, and cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dependency(Interface);

impl Dependency {
    /// Every back end that some question has an answer of *unavailable* for, by label.
    pub(super) fn all() -> Vec<Self> {
        let mut all: Vec<_> = Self::functions().map(|function| Self(function.interface)).collect();
        all.sort_by_key(|dependency| dependency.label());
        all.dedup();
        all
    }

    /// The case that it is down, in words.
    pub(super) fn label(self) -> String {
        if self.0 == Interface::Upstreams {
            return "upstream down".to_owned();
        }
        format!("{} down", self.0)
    }

    /// Returns whether a component asks it.
    pub(super) fn is_used(self, inspection: &Inspection) -> bool {
        let mut functions = Self::functions().filter(|function| function.interface == self.0);
        functions.any(|function| inspection.uses(function))
    }

    /// The answer to this question while it is down; none where the question does not ask it.
    fn answer(self, question: &Question) -> Option<&'static Answer> {
        let function = question.function();
        function.unavailable.as_ref().filter(|_| function.interface == self.0)
    }

    fn functions() -> impl Iterator<Item = &'static Function> {
        Function::all().filter(|function| function.unavailable.is_some())
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
    /// Collects what the policy decides, over all Routes and both environments, when this is down.
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

    /// Runs the policy once. Gives nothing where it did not ask for what is down.
    async fn run(&self, component: &Component<Probe>, probe: Probe) -> Option<String> {
        let (questions, bytes) = (self.policy.limits.questions, self.policy.limits.answer_bytes);
        let down = probe.down;
        let (run, outcome) = component.run(Hook::Request, Run::new(probe, questions, bytes)).await;
        let (_, trace) = run.finish(&outcome);
        let asked = trace.steps().iter().any(|(question, _)| down.answer(question).is_some());
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

    /// The answer, where it depends on the Route or the environment.
    fn own_answer(&self, question: &Question) -> Option<Answer> {
        let Question::Read(read) = question else { return None };
        if let Read::Request(RequestRead::MethodIs(method)) = read {
            return Some(Answer::Bool(self.method.as_str() == &**method));
        }
        if let Read::Route(read) = read {
            return Some(self.route_answer(read));
        }
        if let Read::Credentials(CredentialsRead::Resolve(_)) = read {
            let identity = Identity { environment: self.environment, access: Access::Full };
            return Some(Answer::Resolution(Resolution::Resolved(identity)));
        }
        if let Read::Principal(PrincipalRead::Environment) = read {
            return Some(Answer::Environment(Some(self.environment)));
        }
        None
    }

    fn route_answer(&self, read: &RouteRead) -> Answer {
        let text = |text: Option<&str>| Answer::Text(text.map(Into::into));
        match read {
            RouteRead::Matched if self.name.is_some() => Answer::Matched(RouteMatch::Found),
            RouteRead::Matched => Answer::Matched(RouteMatch::None),
            RouteRead::Name => text(self.name.as_deref()),
            RouteRead::Attribute(name) => text(self.attributes.get(&**name).map(String::as_str)),
            RouteRead::GrpcMethod => text(self.grpc.as_deref()),
        }
    }
}

impl Host for Probe {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        let down = self.down.answer(question).cloned();
        let answer = down.or_else(|| self.own_answer(question));
        Asked::Ready(answer.unwrap_or_else(|| question.typical_answer()))
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
