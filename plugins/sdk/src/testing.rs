//! Tests a decision natively: a host that answers from a table and writes down what was asked.
//!
//! Questions are written as `interface.function(argument, argument)`, lists in brackets, as in
//! `request.header-is(accept, text/html)` and `request.origin-in([https://a.example])`.

use crate::{
    Bucket, CertificateIdentity, Claimed, Content, Credential, Environment, Host, KeyState, Level,
    OriginKind, Partition, Presence, Presentation, Problem, Resolution, ResponseHost, RouteMatch,
    Rule, ServerName, Settings, Source, Taken, UpstreamState, Verdict,
};

/// An answer of the table to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the kind of answer that it wraps")]
pub enum Answer {
    /// None, for every question that may be answered with nothing.
    Nothing,
    Bool(bool),
    Text(String),
    Index(u32),
    Status(u16),
    Presence(Presence),
    ServerName(ServerName),
    Origin(OriginKind),
    Certificate(CertificateIdentity),
    Route(RouteMatch),
    Presentation(Presentation),
    Resolution(Resolution),
    Environment(Environment),
    Upstream(UpstreamState),
    Key(KeyState),
    Claimed(Claimed),
    Taken(Taken),
}

/// A host that answers from a table. It panics, and so fails the test, at a question that it
/// has no answer for; commands need none.
#[derive(Debug, Clone, Default)]
pub struct Table {
    answers: Vec<(String, Answer)>,
    asked: Vec<String>,
    commands: Vec<String>,
}

impl Table {
    /// A table without answers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the answer to a question: to the question with exactly these arguments, or, written
    /// without parentheses, to the function whatever its arguments. A later answer to the same
    /// replaces an earlier one.
    #[must_use]
    pub fn with(mut self, question: &str, answer: impl Into<Answer>) -> Self {
        self.answers.retain(|(known, _)| known != question);
        self.answers.push((question.to_owned(), answer.into()));
        self
    }

    /// The reads and effects that were asked, in order.
    #[must_use]
    pub fn asked(&self) -> &[String] {
        &self.asked
    }

    /// The commands that were given, in order.
    #[must_use]
    pub fn commands(&self) -> &[String] {
        &self.commands
    }

    /// Returns true if this was asked or commanded, with exactly these arguments or, written
    /// without parentheses, with any.
    #[must_use]
    pub fn saw(&self, question: &str) -> bool {
        self.asked
            .iter()
            .chain(&self.commands)
            .any(|line| line == question || function(line) == question)
    }

    fn answer(&mut self, question: String) -> Answer {
        let exact = self.answers.iter().find(|(known, _)| *known == question);
        let any = || self.answers.iter().find(|(known, _)| known == function(&question));
        let answer = exact.or_else(any).map(|(_, answer)| answer.clone());
        let Some(answer) = answer else {
            unanswered(&question);
        };
        self.asked.push(question);
        answer
    }

    fn command(&mut self, command: String) {
        self.commands.push(command);
    }
}

/// Reads settings for a test.
///
/// # Panics
/// When they are wrong.
#[must_use]
pub fn settings<S: Settings>(text: &str) -> S {
    #[expect(clippy::expect_used, reason = "fails the test that wrote the settings")]
    crate::settings::parse(text).expect("the settings of the test are right")
}

/// The paths of the keys that are refused, in order; empty when the settings are right.
#[must_use]
pub fn refused_keys<S: Settings>(text: &str) -> Vec<String> {
    match crate::settings::parse::<S>(text) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.into_iter().map(|problem| problem.key).collect(),
    }
}

/// A verdict in few words: `proceed`, `forward payments`, `204`, `403 cors-origin-denied` or
/// `held 0`.
#[must_use]
pub fn outcome(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Proceed => "proceed".to_owned(),
        Verdict::Forward(upstream) => format!("forward {upstream}"),
        Verdict::Reply(reply) => match &reply.content {
            Content::Empty => reply.status.to_string(),
            Content::Problem(problem) => format!("{} {}", reply.status, problem.slug),
            Content::Held(held) => format!("held {held}"),
        },
    }
}

/// The problem that a verdict refuses with.
///
/// # Panics
/// When the verdict is another.
#[must_use]
pub fn problem(verdict: &Verdict) -> Problem {
    if let Verdict::Reply(reply) = verdict
        && let Content::Problem(problem) = &reply.content
    {
        return problem.clone();
    }
    no_problem(verdict)
}

#[expect(clippy::panic, reason = "fails the test that expected a problem")]
fn no_problem(verdict: &Verdict) -> ! {
    panic!("{verdict:?} is no problem")
}

#[expect(clippy::panic, reason = "fails the test whose table has a gap")]
fn unanswered(question: &str) -> ! {
    panic!("the table has no answer to {question}")
}

#[expect(clippy::panic, reason = "fails the test whose table is wrong")]
fn misfit(question: &str, answer: &Answer) -> ! {
    panic!("{answer:?} is no answer to {question}")
}

fn function(question: &str) -> &str {
    question.split('(').next().unwrap_or(question)
}

fn list(texts: &[String]) -> String {
    format!("[{}]", texts.join(", "))
}

fn bucket(bucket: &Bucket) -> String {
    let rule = match bucket.rule {
        Rule::Concurrency(limit) => format!("{limit} in flight"),
        Rule::Rate(rate) => {
            let (quota, window) = (rate.quota, rate.window_seconds);
            format!("{quota}/{window}s burst {} cost {}", rate.burst, rate.cost)
        }
    };
    format!("{} {rule} by {}", bucket.name, partition_word(bucket.partition))
}

fn source(source: &Source) -> String {
    match source {
        Source::RequestHeader(name) => format!("request-header {name}"),
        Source::RouteMethods => "route-methods".to_owned(),
        Source::RetryAfter => "retry-after".to_owned(),
    }
}

fn level_word(level: Level) -> &'static str {
    match level {
        Level::Debug => "debug",
        Level::Info => "info",
        Level::Warn => "warn",
        Level::Error => "error",
    }
}

fn partition_word(partition: Partition) -> &'static str {
    match partition {
        Partition::Tenant => "tenant",
        Partition::Key => "key",
        Partition::Address => "address",
    }
}

macro_rules! kinds {
    ($($kind:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$kind> for Answer {
            fn from(answer: $kind) -> Self {
                Self::$variant(answer)
            }
        })+
    };
}

kinds! {
    bool => Bool,
    String => Text,
    u32 => Index,
    u16 => Status,
    Presence => Presence,
    ServerName => ServerName,
    OriginKind => Origin,
    RouteMatch => Route,
    Presentation => Presentation,
    Resolution => Resolution,
    Environment => Environment,
    UpstreamState => Upstream,
    KeyState => Key,
    Claimed => Claimed,
    Taken => Taken,
}

impl From<&str> for Answer {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// Answers a question that has an answer of one kind.
macro_rules! ask {
    ($table:ident, $question:expr, $variant:ident) => {{
        let question = $question;
        match $table.answer(question.clone()) {
            Answer::$variant(answer) => answer,
            other => misfit(&question, &other),
        }
    }};
}

/// Answers a question that may be answered with nothing.
macro_rules! ask_maybe {
    ($table:ident, $question:expr, $variant:ident) => {{
        let question = $question;
        match $table.answer(question.clone()) {
            Answer::$variant(answer) => Some(answer),
            Answer::Nothing => None,
            other => misfit(&question, &other),
        }
    }};
}

impl Host for Table {
    fn method_is(&mut self, method: &str) -> bool {
        ask!(self, format!("request.method-is({method})"), Bool)
    }
    fn scheme_is(&mut self, scheme: &str) -> bool {
        ask!(self, format!("request.scheme-is({scheme})"), Bool)
    }
    fn header_presence(&mut self, name: &str) -> Presence {
        ask!(self, format!("request.header-presence({name})"), Presence)
    }
    fn header_is(&mut self, name: &str, value: &str) -> bool {
        ask!(self, format!("request.header-is({name}, {value})"), Bool)
    }
    fn header(&mut self, name: &str) -> Option<String> {
        ask_maybe!(self, format!("request.header({name})"), Text)
    }
    fn authority_in(&mut self, hosts: &[String]) -> Option<u32> {
        ask_maybe!(self, format!("request.authority-in({})", list(hosts)), Index)
    }
    fn server_name_in(&mut self, hosts: &[String]) -> ServerName {
        ask!(self, format!("request.server-name-in({})", list(hosts)), ServerName)
    }
    fn origin(&mut self) -> OriginKind {
        ask!(self, "request.origin()".to_owned(), Origin)
    }
    fn origin_in(&mut self, origins: &[String]) -> bool {
        ask!(self, format!("request.origin-in({})", list(origins)), Bool)
    }
    fn client_certificate(&mut self) -> Option<CertificateIdentity> {
        ask_maybe!(self, "request.client-certificate()".to_owned(), Certificate)
    }
    fn client_certificate_in(&mut self, names: &[String]) -> Option<u32> {
        ask_maybe!(self, format!("request.client-certificate-in({})", list(names)), Index)
    }
    fn route_matched(&mut self) -> RouteMatch {
        ask!(self, "route.matched()".to_owned(), Route)
    }
    fn route_name(&mut self) -> Option<String> {
        ask_maybe!(self, "route.name()".to_owned(), Text)
    }
    fn route_attribute(&mut self, name: &str) -> Option<String> {
        ask_maybe!(self, format!("route.attribute({name})"), Text)
    }
    fn route_grpc_method(&mut self) -> Option<String> {
        ask_maybe!(self, "route.grpc-method()".to_owned(), Text)
    }
    fn credentials_presented(&mut self) -> Presentation {
        ask!(self, "credentials.presented()".to_owned(), Presentation)
    }
    fn credentials_resolve(&mut self, credential: Credential) -> Resolution {
        ask!(self, format!("credentials.resolve({credential})"), Resolution)
    }
    fn credentials_permits(&mut self, credential: Credential, scope: &str) -> bool {
        ask!(self, format!("credentials.permits({credential}, {scope})"), Bool)
    }
    fn principal_establish(&mut self, credential: Credential) {
        self.command(format!("principal.establish({credential})"));
    }
    fn principal_environment(&mut self) -> Option<Environment> {
        ask_maybe!(self, "principal.environment()".to_owned(), Environment)
    }
    fn principal_has_scope(&mut self, scope: &str) -> bool {
        ask!(self, format!("principal.has-scope({scope})"), Bool)
    }
    fn principal_tenant(&mut self) -> Option<String> {
        ask_maybe!(self, "principal.tenant()".to_owned(), Text)
    }
    fn quota_take_all(&mut self, buckets: &[Bucket]) -> Taken {
        let buckets: Vec<String> = buckets.iter().map(bucket).collect();
        ask!(self, format!("quota.take-all({})", list(&buckets)), Taken)
    }
    fn quota_report(&mut self) {
        self.command("quota.report()".to_owned());
    }
    fn upstream_state(&mut self, name: &str) -> UpstreamState {
        ask!(self, format!("upstreams.state({name})"), Upstream)
    }
    fn idempotency_key(&mut self) -> KeyState {
        ask!(self, "idempotency.key()".to_owned(), Key)
    }
    fn idempotency_claim(&mut self) -> Claimed {
        ask!(self, "idempotency.claim()".to_owned(), Claimed)
    }
    fn reply_header_set(&mut self, name: &str, value: &str) {
        self.command(format!("reply-headers.set({name}, {value})"));
    }
    fn reply_header_set_from(&mut self, name: &str, from: &Source) {
        self.command(format!("reply-headers.set-from({name}, {})", source(from)));
    }
    fn reply_add_vary(&mut self, names: &[String]) {
        self.command(format!("reply-headers.add-vary({})", list(names)));
    }
    fn reply_drop_upstream(&mut self, names: &[String]) {
        self.command(format!("reply-headers.drop-upstream({})", list(names)));
    }
    fn note_set(&mut self, name: &str, value: &str) {
        self.command(format!("notes.set({name}, {value})"));
    }
    fn note_is(&mut self, name: &str, value: &str) -> bool {
        ask!(self, format!("notes.is({name}, {value})"), Bool)
    }
    fn note(&mut self, name: &str) -> Option<String> {
        ask_maybe!(self, format!("notes.get({name})"), Text)
    }
    fn log(&mut self, level: Level, message: &str) {
        self.command(format!("log.write({}, {message})", level_word(level)));
    }
}

impl ResponseHost for Table {
    fn response_status(&mut self) -> u16 {
        ask!(self, "response.status()".to_owned(), Status)
    }
    fn response_header_presence(&mut self, name: &str) -> Presence {
        ask!(self, format!("response.header-presence({name})"), Presence)
    }
    fn response_header_is(&mut self, name: &str, value: &str) -> bool {
        ask!(self, format!("response.header-is({name}, {value})"), Bool)
    }
}
