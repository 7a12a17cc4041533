//! One exchange, decided again: each policy of the candidate's chain beside what was recorded.

use std::collections::BTreeMap;
use std::sync::Arc;

use http::Method;
use tollgate_chain::{Content, Failure, Hook, Verdict};
use tollgate_config::{ChainConfig, Config, PolicyConfig};

use super::candidates::{Candidate, CandidatePolicies};
use super::fed::{Fed, RouteFacts, shared};
use super::report::{Report, Stance};
use crate::receipts::{PolicyForm, ReceiptForm, Way};

/// Decides recorded exchanges by a candidate's rules.
pub(super) struct Judge<'a> {
    config: &'a Config,
    candidates: &'a CandidatePolicies<Fed>,
    routes: BTreeMap<&'a str, (usize, Arc<RouteFacts>)>,
}

/// The facts of an exchange beside the policies' own steps.
struct Case<'a> {
    form: &'a ReceiptForm,
    shared: Arc<Vec<(tollgate_chain::Question, tollgate_chain::Answer)>>,
    route: Option<Arc<RouteFacts>>,
}

/// The decision of a policy of the candidate's.
enum Redecided {
    Stance(Stance),
    /// This is missing.
    Undecided(String),
}

impl<'a> Judge<'a> {
    pub(super) fn new(config: &'a Config, candidates: &'a CandidatePolicies<Fed>) -> Self {
        let route = |own: &'a tollgate_config::RouteConfig| {
            let grpc = own.grpc.as_ref().map(|grpc| grpc.full_name());
            let (name, attributes) = (own.name.clone(), own.attributes.clone());
            (own.name.as_str(), (own.chain, Arc::new(RouteFacts { name, attributes, grpc })))
        };
        let routes = config.routes().iter().map(route).collect();
        Self { config, candidates, routes }
    }

    /// Decides one exchange again and reports every policy's verdict.
    pub(super) async fn judge(&self, form: &ReceiptForm, report: &mut Report) {
        report.exchange();
        let Some((chain, route)) = self.place(form) else {
            let missing = form.route.as_deref().unwrap_or(&form.listener);
            let told = format!("the candidate has no route or listener {missing}");
            for own in form.policies.iter().filter(|own| own.way != Way::NotReached) {
                report.undecided(&own.policy, &told, &form.request_id);
            }
            return;
        };
        let case = Case { form, shared: shared(form), route };
        for own in form.policies.iter().filter(|own| own.way != Way::NotReached) {
            let before = stance(own);
            let found = match self.member(chain, &own.policy) {
                Some(policy) => self.decide(policy, own, &case).await,
                None => Redecided::Stance(Stance::open("removed")),
            };
            tell(report, own, before, found, form);
        }
        self.newcomers(chain, &case, report).await;
    }

    /// Policies that the recorded chain did not have.
    async fn newcomers(&self, chain: &ChainConfig, case: &Case<'_>, report: &mut Report) {
        for index in &chain.policies {
            let Some(policy) = self.config.policies().get(*index) else { continue };
            if case.form.policies.iter().any(|own| own.policy == policy.name) {
                continue;
            }
            let nothing = PolicyForm::absent(&policy.name, Hook::Request);
            let found = self.decide(policy, &nothing, case).await;
            tell(report, &nothing, Stance::open("proceed"), found, case.form);
        }
    }

    /// The chain that decides about such an exchange, and the candidate's Route.
    fn place(&self, form: &ReceiptForm) -> Option<(&'a ChainConfig, Option<Arc<RouteFacts>>)> {
        match &form.route {
            Some(name) => {
                let (chain, facts) = self.routes.get(name.as_str())?;
                Some((self.config.chains().get(*chain)?, Some(Arc::clone(facts))))
            }
            None => {
                let mut listeners = self.config.listeners().iter();
                let listener = listeners.find(|own| own.name == form.listener)?;
                Some((self.config.chains().get(listener.chain)?, None))
            }
        }
    }

    fn member(&self, chain: &ChainConfig, name: &str) -> Option<&'a PolicyConfig> {
        let policies = self.config.policies();
        chain.policies.iter().filter_map(|index| policies.get(*index)).find(|own| own.name == name)
    }

    async fn decide(&self, policy: &PolicyConfig, own: &PolicyForm, case: &Case<'_>) -> Redecided {
        match covers(policy, own, case) {
            Some(true) => {}
            Some(false) => return Redecided::Stance(Stance::open("skipped")),
            None => {
                return Redecided::Undecided("whether the policy applies to the request".into());
            }
        }
        let Some(candidate) = self.candidates.get(&policy.name) else {
            return Redecided::Undecided("the policy's component".to_owned());
        };
        run(candidate, own, case).await
    }
}

/// Runs the candidate's component on what was recorded.
async fn run(candidate: &Candidate<Fed>, own: &PolicyForm, case: &Case<'_>) -> Redecided {
    let fed = Fed::new(&own.steps, &case.shared, case.route.as_ref());
    let (host, outcome) = candidate.run(own.hook, fed).await;
    if let Some(question) = host.unrecorded {
        return Redecided::Undecided(question.to_string());
    }
    match outcome {
        Ok(verdict) => Redecided::Stance(Stance::of_verdict(&verdict)),
        // The machine's fault, not the rule's.
        Err(failure @ (Failure::NoInstance | Failure::Time)) => {
            Redecided::Undecided(format!("the run did not end: {failure}"))
        }
        Err(failure) => {
            Redecided::Stance(Stance::of_failure(&failure.to_string(), candidate.class))
        }
    }
}

fn tell(
    report: &mut Report,
    own: &PolicyForm,
    before: Stance,
    found: Redecided,
    form: &ReceiptForm,
) {
    match found {
        Redecided::Undecided(missing) => report.undecided(&own.policy, &missing, &form.request_id),
        Redecided::Stance(after) => report.verdict(&own.policy, &before, &after, &form.request_id),
    }
}

/// Returns the recorded decision.
fn stance(own: &PolicyForm) -> Stance {
    if own.way == Way::Skipped {
        return Stance::open("skipped");
    }
    match (&own.verdict, &own.failure) {
        (Some(verdict), _) if own.verdict_hidden => Stance::of_verdict(verdict).with_hidden_words(),
        (Some(verdict), _) => Stance::of_verdict(verdict),
        (None, failure) => {
            Stance::of_failure(failure.as_deref().unwrap_or("no verdict"), own.class)
        }
    }
}

/// Returns whether the candidate's policy applies to the request; none where that is not recorded.
fn covers(policy: &PolicyConfig, own: &PolicyForm, case: &Case<'_>) -> Option<bool> {
    let interests = &policy.interests;
    let method = Method::from_bytes(case.form.method.as_bytes()).ok()?;
    let by_method = interests.methods.is_empty() || interests.methods.contains(&method);
    let class = case.route.as_ref().and_then(|route| route.attributes.get("class"));
    let by_class = interests.route_classes.is_empty()
        || class.is_some_and(|class| interests.route_classes.iter().any(|own| **own == **class));
    if !by_method || !by_class {
        return Some(false);
    }
    if interests.headers.is_empty() {
        return Some(true);
    }
    let names: Vec<&str> = interests.headers.iter().map(http::HeaderName::as_str).collect();
    // The header's presence is not recorded, but what it came to is, where the same was asked.
    let same = own.interest_headers.iter().map(String::as_str).eq(names);
    let is_header = own.way != Way::Skipped || own.skipped_by_header;
    (same && is_header).then_some(own.way != Way::Skipped)
}

impl Stance {
    fn of_verdict(verdict: &Verdict) -> Self {
        let words = format!("{verdict:?}");
        let (label, is_denial) = match verdict {
            Verdict::Proceed => ("proceed".to_owned(), false),
            Verdict::Forward(upstream) => (format!("forward to {upstream}"), false),
            Verdict::Reply(reply) => match &reply.content {
                Content::Empty => (format!("reply {}", reply.status), reply.status >= 400),
                Content::Problem(problem) => (format!("{} {}", reply.status, problem.slug), true),
                // A stored reply is no denial, a refusal of the body is; which, the host knows.
                Content::Held(_) => ("reply held by the gateway".to_owned(), true),
            },
        };
        Self { label, words: Some(words), is_denial }
    }

    fn of_failure(failure: &str, class: tollgate_chain::Class) -> Self {
        let is_denial = class != tollgate_chain::Class::Observe;
        Self { label: format!("failed ({failure})"), words: None, is_denial }
    }
}
