//! Every function of every interface: asked when granted, refused when not. The list is closed
//! against the files of the contract.

use std::collections::BTreeSet;

use conformance::{Table, function_of, functions_of_the_contract};
use tollgate_chain::{
    Access, Answer, Bucket, CertificateIdentity, Claimed, Content, CredentialHandle,
    CredentialsRead, Environment, HeldHandle, Hook, IdempotencyEffect, IdempotencyKey,
    IdempotencyRead, Identity, Interface, LogCommand, LogLevel, Member, NotesCommand, NotesRead,
    OriginKind, Partition, Presence, Presented, PrincipalCommand, PrincipalRead, Question,
    QuotaCommand, QuotaEffect, Rate, ReplyHeadersCommand, RequestRead, Resolution, ResponseRead,
    RouteMatch, RouteRead, Rule, ServerName, Source, Taken, Text, UpstreamState, UpstreamsRead,
    Verdict,
};
use tollgate_runtime::{Grants, LoadError};

use crate::world::{curious, load, run};

/// A question that the curious guest asks, the host's answer, and the answer as the guest saw it.
type Case = (Question, Answer, &'static str);

/// A command has no answer that could be seen.
const NOT_SEEN: &str = "";

fn text(text: &str) -> Text {
    text.into()
}

fn texts<const N: usize>(list: [&str; N]) -> Box<[Text]> {
    list.map(text).into()
}

fn read(read: impl Into<Question>, answer: Answer, seen: &'static str) -> Case {
    (read.into(), answer, seen)
}

fn command(command: impl Into<Question>) -> Case {
    (command.into(), Answer::Done, NOT_SEEN)
}

/// The interfaces that the curious guest asks; WASI has its own guest, and `wasi.rs`.
fn interfaces() -> impl Iterator<Item = Interface> {
    Interface::ALL.into_iter().filter(|interface| *interface != Interface::Wasi)
}

fn cases(interface: Interface) -> Vec<Case> {
    match interface {
        Interface::Wasi => Vec::new(),
        Interface::Request => request(),
        Interface::Route => vec![
            read(
                RouteRead::Matched,
                Answer::Matched(RouteMatch::OtherMethod),
                "RouteMatch::OtherMethod",
            ),
            read(RouteRead::Name, Answer::Text(None), "None"),
            read(
                RouteRead::Attribute(text("class")),
                Answer::Text(Some(text("slow"))),
                r#"Some("slow")"#,
            ),
            read(RouteRead::GrpcMethod, Answer::Text(Some(text("a.B/C"))), r#"Some("a.B/C")"#),
        ],
        Interface::Credentials => credentials(),
        Interface::Principal => vec![
            command(PrincipalCommand::Establish(CredentialHandle(7))),
            read(
                PrincipalRead::Environment,
                Answer::Environment(Some(Environment::Live)),
                "Some(EnvironmentKind::Live)",
            ),
            read(PrincipalRead::HasScope(text("deposits:read")), Answer::Bool(true), "true"),
            read(PrincipalRead::Tenant, Answer::Text(Some(text("t-1"))), r#"Some("t-1")"#),
        ],
        Interface::Quota => quota(),
        Interface::Upstreams => vec![read(
            UpstreamsRead::State(text("deposits")),
            Answer::Upstream(UpstreamState::Unavailable),
            "UpstreamState::Unavailable",
        )],
        Interface::Idempotency => vec![
            read(
                IdempotencyRead::Key,
                Answer::IdempotencyKey(IdempotencyKey::Valid),
                "KeyState::Valid",
            ),
            (
                Question::from(IdempotencyEffect::Claim),
                Answer::Claimed(Claimed::BodyRefused(HeldHandle(3))),
                "Claimed::BodyRefused(3)",
            ),
        ],
        Interface::ReplyHeaders => reply_headers(),
        Interface::Notes => vec![
            command(NotesCommand::Set(text("colour"), text("red"))),
            read(NotesRead::Is(text("colour"), text("red")), Answer::Bool(true), "true"),
            read(NotesRead::Get(text("colour")), Answer::Text(Some(text("red"))), r#"Some("red")"#),
        ],
        Interface::Log => vec![
            command(LogCommand::Write(LogLevel::Debug, text("one"))),
            command(LogCommand::Write(LogLevel::Info, text("two"))),
            command(LogCommand::Write(LogLevel::Warn, text("three"))),
            // 1,000 characters of two bytes, cut at 1,024 bytes.
            command(LogCommand::Write(LogLevel::Error, "é".repeat(512).into())),
        ],
        Interface::Response => vec![
            read(ResponseRead::Status, Answer::Status(503), "503"),
            read(
                ResponseRead::HeaderPresence(text("server")),
                Answer::Presence(Presence::Absent),
                "Presence::Absent",
            ),
            read(ResponseRead::HeaderIs(text("server"), text("x")), Answer::Bool(false), "false"),
        ],
    }
}

fn reply_headers() -> Vec<Case> {
    vec![
        command(ReplyHeadersCommand::Set(text("x-colour"), text("red"))),
        command(ReplyHeadersCommand::SetFrom(
            text("x-trace"),
            Source::RequestHeader(text("x-trace")),
        )),
        command(ReplyHeadersCommand::SetFrom(text("allow"), Source::RouteMethods)),
        command(ReplyHeadersCommand::SetFrom(text("retry-after"), Source::RetryAfter)),
        command(ReplyHeadersCommand::AddVary(texts(["origin"]))),
        command(ReplyHeadersCommand::DropUpstream(texts(["server", "x-powered-by"]).into())),
    ]
}

fn request() -> Vec<Case> {
    vec![
        read(RequestRead::MethodIs(text("GET")), Answer::Bool(true), "true"),
        read(RequestRead::SchemeIs(text("https")), Answer::Bool(true), "true"),
        read(
            RequestRead::HeaderPresence(text("origin")),
            Answer::Presence(Presence::Repeated),
            "Presence::Repeated",
        ),
        read(
            RequestRead::HeaderIs(text("accept"), text("text/plain")),
            Answer::Bool(false),
            "false",
        ),
        read(
            RequestRead::Header(text("user-agent")),
            Answer::Text(Some(text("curl"))),
            r#"Some("curl")"#,
        ),
        read(
            RequestRead::AuthorityIn(texts(["a.example", "b.example"])),
            Answer::Index(Some(1)),
            "Some(1)",
        ),
        read(
            RequestRead::ServerNameIn(texts(["a.example"])),
            Answer::ServerName(ServerName::Served),
            "ServerName::Served",
        ),
        read(RequestRead::Origin, Answer::Origin(OriginKind::Foreign), "OriginKind::Foreign"),
        read(RequestRead::OriginIn(texts(["https://a.example"])), Answer::Bool(true), "true"),
        read(
            RequestRead::ClientCertificate,
            Answer::ClientCertificate(Some(identity().into())),
            concat!(
                r#"Some(CertificateIdentity { dns-names: ["a.example"], uris: ["urn:b"], "#,
                r#"common-name: Some("a"), fingerprint: "00" })"#
            ),
        ),
        read(
            RequestRead::ClientCertificateIn(texts(["dns:a.example", "uri:urn:b"])),
            Answer::Index(Some(1)),
            "Some(1)",
        ),
    ]
}

fn identity() -> CertificateIdentity {
    CertificateIdentity {
        dns_names: texts(["a.example"]),
        uris: texts(["urn:b"]),
        common_name: Some(text("a")),
        fingerprint: text("00"),
    }
}

fn credentials() -> Vec<Case> {
    let key = CredentialHandle(2);
    let identity = Identity { environment: Environment::Sandbox, access: Access::NoMoneyOut };
    vec![
        read(
            CredentialsRead::Presented,
            Answer::Presented(Presented::One(key)),
            "Presentation::One(2)",
        ),
        read(
            CredentialsRead::Resolve(key),
            Answer::Resolution(Resolution::Resolved(identity)),
            concat!(
                "Resolution::Resolved(Identity { environment: EnvironmentKind::Sandbox, ",
                "access: Access::NoMoneyOut })"
            ),
        ),
        read(CredentialsRead::Permits(key, text("deposits:read")), Answer::Bool(true), "true"),
    ]
}

fn quota() -> Vec<Case> {
    let rate = Rate { quota: 100, window_seconds: 60, burst: 20, cost: 1 };
    let bucket = |name, partition, rule| Bucket { name: text(name), partition, rule };
    let buckets = [
        bucket("per-key", Partition::Key, Rule::Rate(rate)),
        bucket("in-flight", Partition::Tenant, Rule::Concurrency(8)),
        bucket("per-address", Partition::Address, Rule::Concurrency(9)),
    ];
    vec![
        (
            Question::from(QuotaEffect::TakeAll(buckets.into())),
            Answer::Taken(Taken::Denied(2)),
            "Taken::Denied(2)",
        ),
        command(QuotaCommand::Report),
    ]
}

fn hook(interface: Interface) -> Hook {
    if interface == Interface::Response { Hook::Response } else { Hook::Request }
}

fn answers(verdict: &Verdict) -> Vec<&str> {
    let Verdict::Reply(reply) = verdict else { panic!("{verdict:?}") };
    let Content::Problem(problem) = &reply.content else { panic!("{reply:?}") };
    assert_eq!((reply.status, &*problem.slug), (418, "told"));
    assert_eq!(problem.type_uri.as_deref(), Some("urn:told"));
    let [(name, Member::Texts(answers)), (_, count)] = &problem.members[..] else {
        panic!("{:?}", problem.members)
    };
    assert_eq!(&**name, "answers");
    assert_eq!(*count, Member::Number(i64::try_from(answers.len()).unwrap()));
    answers.iter().map(|answer| &**answer).collect()
}

#[tokio::test]
async fn a_granted_interface_carries_every_question_and_every_answer() {
    for interface in interfaces() {
        let cases = cases(interface);
        let host = Table::new(cases.iter().map(|(q, a, _)| (q.clone(), a.clone())));
        let (outcome, trace) = run(&curious(interface.as_str()), hook(interface), host).await;
        let expected: Vec<_> = cases.iter().map(|(q, a, _)| (q.clone(), a.clone())).collect();
        assert_eq!(trace.steps(), expected, "{interface}");
        let seen: Vec<_> =
            cases.iter().map(|case| case.2).filter(|seen| *seen != NOT_SEEN).collect();
        assert_eq!(answers(&outcome.unwrap()), seen, "{interface}");
    }
}

#[test]
fn an_interface_that_is_not_granted_is_refused_naming_import_and_grant() {
    for refused in interfaces() {
        let others = Interface::ALL.into_iter().filter(|other| *other != refused).collect();
        let error = load("curious", r#"{"interface":"none"}"#, &others).unwrap_err();
        let LoadError::Ungranted(imports) = &error else { panic!("{refused}: {error}") };
        assert_eq!(imports.len(), 1, "{refused}: {error}");
        assert_eq!(imports[0].grant, refused);
        let (import, grant) =
            (format!("tollgate:policy/{refused}@0.1.0"), format!("\"{refused}\""));
        let message = error.to_string();
        assert!(message.contains(&import) && message.contains(&grant), "{message}");
    }
}

#[test]
fn all_that_is_not_granted_is_named_at_once() {
    let error = load("curious", r#"{"interface":"none"}"#, &Grants::none()).unwrap_err();
    let LoadError::Ungranted(imports) = error else { panic!("{error}") };
    let named: BTreeSet<_> = imports.iter().map(|import| import.grant).collect();
    assert_eq!(named, interfaces().collect());
}

#[test]
fn the_contract_has_no_function_that_is_not_tried_here() {
    let tried: BTreeSet<_> = interfaces()
        .flat_map(cases)
        .map(|(question, ..)| function_of(&question).to_owned())
        .collect();
    assert_eq!(tried, functions_of_the_contract().unwrap());
}
