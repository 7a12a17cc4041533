//! A host and guests for the tests of this crate.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::host::Asked;
use crate::{
    Answer, Authority, Class, Command, Departure, Environment, Failure, Finished, Growth, Head,
    Hook, Host, Interests, Plugin, Policy, Question, Read, RequestRead, RouteRead, Run, Settlement,
    Trees, Verdict,
};

/// Answers `request.method-is(x)` from a list of yeses, `request.header(x)` and
/// `route.attribute(x)` from a table, and keeps all that happens.
#[derive(Debug, Default, Clone)]
pub(crate) struct Script {
    pub(crate) yes: Vec<String>,
    pub(crate) texts: HashMap<String, String>,
    pub(crate) tenant: Option<String>,
    pub(crate) sticky: u64,
    pub(crate) asked: Vec<Question>,
    pub(crate) applied: Vec<Command>,
    pub(crate) settled: Vec<Settlement>,
}

impl Script {
    pub(crate) fn saying(yes: &[&str]) -> Self {
        Self { yes: yes.iter().map(|one| (*one).to_owned()).collect(), ..Self::default() }
    }
}

impl Host for Script {
    fn ask<'a>(&'a mut self, question: &'a Question) -> Asked<'a> {
        self.asked.push(question.clone());
        let text = |name: &str| self.texts.get(name).map(|text| text.as_str().into());
        let answer = if let Question::Read(Read::Request(RequestRead::MethodIs(one))) = question {
            Answer::Bool(self.yes.iter().any(|yes| **yes == **one))
        } else if let Question::Read(
            Read::Request(RequestRead::Header(name)) | Read::Route(RouteRead::Attribute(name)),
        ) = question
        {
            Answer::Text(text(name))
        } else {
            panic!("the script has no answer to {question:?}")
        };
        // Every other answer is one that has to be waited for.
        if self.asked.len().is_multiple_of(2) {
            return Asked::Pending(Box::pin(async move { answer }));
        }
        Asked::Ready(answer)
    }

    fn apply(&mut self, command: &Command) {
        self.applied.push(command.clone());
    }

    fn settle(&mut self, settlement: Settlement) {
        self.settled.push(settlement);
    }

    fn tenant(&self) -> Option<(Environment, &str)> {
        self.tenant.as_deref().map(|tenant| (Environment::Sandbox, tenant))
    }

    fn sticky(&self) -> u64 {
        self.sticky
    }
}

pub(crate) type Asking<'a> = Pin<Box<dyn Future<Output = Result<Verdict, Departure>> + Send + 'a>>;

/// A policy as an async function over its run.
pub(crate) struct Guest<F> {
    decide: F,
    pub(crate) runs: AtomicU64,
}

impl<F> Guest<F> {
    pub(crate) fn new(decide: F) -> Self
    where
        F: for<'a> Fn(&'a mut Run<Script>) -> Asking<'a> + Send + Sync,
    {
        Self { decide, runs: AtomicU64::new(0) }
    }
}

impl<F> std::fmt::Debug for Guest<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guest")
    }
}

impl<F> Plugin<Script> for Guest<F>
where
    F: for<'a> Fn(&'a mut Run<Script>) -> Asking<'a> + Send + Sync,
{
    fn run<'a>(
        &'a self,
        _hook: Hook,
        mut run: Run<Script>,
    ) -> Pin<Box<dyn Future<Output = Finished<Script>> + Send + 'a>> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        Box::pin(async move {
            let outcome = (self.decide)(&mut run).await.map_err(Failure::Question);
            (run, outcome)
        })
    }

    fn has(&self, hook: Hook) -> bool {
        hook == Hook::Request
    }
}

/// A policy of the guest, with a tree of its own.
pub(crate) fn policy(plugin: Arc<dyn Plugin<Script>>, growth: &Growth) -> Policy<Script> {
    Policy {
        name: "guest".into(),
        class: Class::Security,
        interests: Interests::default(),
        plugin,
        trees: Arc::new(Trees::new(growth, &[])),
        questions_max: 64,
        answer_bytes_max: 4_096,
        rollout: None,
    }
}

/// Returns true if the host says yes to the word.
pub(crate) async fn is(run: &mut Run<Script>, word: &str) -> Result<bool, Departure> {
    let answer = run.ask(Question::from(RequestRead::MethodIs(word.into()))).await?;
    Ok(answer == Answer::Bool(true))
}

/// A request without anything special.
pub(crate) fn head() -> Head {
    Head {
        method: http::Method::GET,
        authority: Authority::from_canonical("a.example"),
        path: "/".into(),
        query: None,
        headers: http::HeaderMap::new(),
        server_name: None,
        client_certificate: None,
        secure: false,
        client: IpAddr::V4(Ipv4Addr::LOCALHOST),
        request_id: "request-1".into(),
        websocket: false,
        source: 0,
    }
}
