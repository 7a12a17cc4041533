//! The contract as its files say it, and as the core's questions say it.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use tollgate_chain::{Command, Effect, Question, Read, System};

/// All functions of `wit/`, as `interface.function`, read from the files themselves.
///
/// # Errors
/// A file cannot be read.
pub fn functions_of_the_contract() -> Result<BTreeSet<String>> {
    let folder = crate::components::package().join("../../wit");
    let mut functions = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).context("read wit/")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "wit") {
            functions.extend(functions_of(&std::fs::read_to_string(&path)?));
        }
    }
    Ok(functions)
}

fn functions_of(file: &str) -> Vec<String> {
    let mut interface = "";
    let mut functions = Vec::new();
    for line in file.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("interface ") {
            interface = rest.trim_end_matches('{').trim();
        } else if line.starts_with("world ") {
            interface = "";
        }
        let name = line.split_once(": func(").map(|(name, _)| name);
        if let Some(name) = name.filter(|_| !interface.is_empty()) {
            functions.push(format!("{interface}.{name}"));
        }
    }
    functions
}

/// The function of the contract that asks this question.
#[must_use]
pub fn function_of(question: &Question) -> &'static str {
    match question {
        Question::Read(read) => function_of_read(read),
        Question::Command(command) => match command {
            Command::ReplyHeaderSet(..) => "reply-headers.set",
            Command::ReplyHeaderSetFrom(..) => "reply-headers.set-from",
            Command::ReplyVary(_) => "reply-headers.add-vary",
            Command::ReplyDropUpstream(_) => "reply-headers.drop-upstream",
            Command::PrincipalEstablish(_) => "principal.establish",
            Command::QuotaReport => "quota.report",
            Command::NoteSet(..) => "notes.set",
            Command::Log(..) => "log.write",
        },
        Question::Effect(Effect::QuotaTakeAll(_)) => "quota.take-all",
        Question::Effect(Effect::IdempotencyClaim) => "idempotency.claim",
    }
}

fn function_of_read(read: &Read) -> &'static str {
    match read {
        Read::MethodIs(_) => "request.method-is",
        Read::HeaderPresence(_) => "request.header-presence",
        Read::HeaderIs(..) => "request.header-is",
        Read::Header(_) => "request.header",
        Read::AuthorityIn(_) => "request.authority-in",
        Read::ServerNameIn(_) => "request.server-name-in",
        Read::Origin => "request.origin",
        Read::OriginIn(_) => "request.origin-in",
        Read::RouteMatched => "route.matched",
        Read::RouteName => "route.name",
        Read::RouteAttribute(_) => "route.attribute",
        Read::RouteGrpcMethod => "route.grpc-method",
        Read::CredentialsPresented => "credentials.presented",
        Read::CredentialsResolve(_) => "credentials.resolve",
        Read::CredentialsPermits(..) => "credentials.permits",
        Read::PrincipalEnvironment => "principal.environment",
        Read::PrincipalHasScope(_) => "principal.has-scope",
        Read::PrincipalTenant => "principal.tenant",
        Read::UpstreamState(_) => "upstreams.state",
        Read::IdempotencyKey => "idempotency.key",
        Read::NoteIs(..) => "notes.is",
        Read::Note(_) => "notes.get",
        Read::ResponseStatus => "response.status",
        Read::ResponseHeaderPresence(_) => "response.header-presence",
        Read::ResponseHeaderIs(..) => "response.header-is",
        Read::System(System::WallClock) => "wasi:clocks/wall-clock.now",
        Read::System(System::MonotonicClock) => "wasi:clocks/monotonic-clock.now",
        Read::System(System::Random(_)) => "wasi:random/random.get-random-bytes",
    }
}
