//! One question of each function, with its serialised form and its words. The forms are those of
//! receipts that were recorded long ago: they never change.

use tollgate_chain::{
    Bucket, CredentialHandle, CredentialsRead, IdempotencyEffect, IdempotencyRead, LogCommand,
    LogLevel, NotesCommand, NotesRead, Partition, PrincipalCommand, PrincipalRead, Question,
    QuotaCommand, QuotaEffect, Rate, ReplyHeadersCommand, RequestRead, ResponseRead, RouteRead,
    Rule, Source, Text, UpstreamsRead, WasiRead,
};

/// A question, its serialised form, and its words.
pub(crate) type Case = (Question, &'static str, &'static str);

pub(crate) fn cases() -> Vec<Case> {
    [request(), route(), exchange(), response(), commands(), effects()].concat()
}

pub(crate) fn text(text: &str) -> Text {
    text.into()
}

pub(crate) fn buckets() -> Box<[Bucket]> {
    let rate = Rule::Rate(Rate { quota: 9, window_seconds: 60, burst: 3, cost: 1 });
    let bucket = |name, partition, rule| Bucket { name: text(name), partition, rule };
    let in_flight = Rule::Concurrency(4);
    [bucket("rate", Partition::Tenant, rate), bucket("flight", Partition::Key, in_flight)].into()
}

fn texts<List: FromIterator<Text>>(list: &str) -> List {
    list.split_whitespace().map(text).collect()
}

fn case(question: impl Into<Question>, form: &'static str, words: &'static str) -> Case {
    (question.into(), form, words)
}

fn request() -> Vec<Case> {
    use RequestRead::{
        AuthorityIn, ClientCertificate, ClientCertificateIn, Header, HeaderIs, HeaderPresence,
        MethodIs, Origin, OriginIn, SchemeIs, ServerNameIn,
    };

    let (a, b) = (|| text("a"), || text("b"));

    vec![
        case(
            MethodIs(text("GET")),
            r#"{"read":{"method-is":"GET"}}"#,
            "asked whether the method is GET",
        ),
        case(
            SchemeIs(text("https")),
            r#"{"read":{"scheme-is":"https"}}"#,
            "asked whether the scheme is https",
        ),
        case(
            HeaderPresence(a()),
            r#"{"read":{"header-presence":"a"}}"#,
            "asked how often the header a occurs",
        ),
        case(
            HeaderIs(a(), b()),
            r#"{"read":{"header-is":["a","b"]}}"#,
            r#"asked whether the header a is "b""#,
        ),
        case(Header(a()), r#"{"read":{"header":"a"}}"#, "asked for the header a"),
        case(
            AuthorityIn(texts("a b")),
            r#"{"read":{"authority-in":["a","b"]}}"#,
            "asked which of a, b the request is for",
        ),
        case(
            ServerNameIn(texts("")),
            r#"{"read":{"server-name-in":[]}}"#,
            "asked whether the TLS server name is among nothing",
        ),
        case(Origin, r#"{"read":"origin"}"#, "asked what kind of origin the request names"),
        case(
            OriginIn(texts("a b c d e f g")),
            r#"{"read":{"origin-in":["a","b","c","d","e","f","g"]}}"#,
            "asked whether the origin is among a, b, c, d, e and 2 more",
        ),
        case(
            ClientCertificate,
            r#"{"read":"client-certificate"}"#,
            "asked for the certificate of the connection's peer",
        ),
        case(
            ClientCertificateIn(texts("dns:a uri:b")),
            r#"{"read":{"client-certificate-in":["dns:a","uri:b"]}}"#,
            "asked which of dns:a, uri:b the certificate of the connection's peer is for",
        ),
    ]
}

fn route() -> Vec<Case> {
    use RouteRead::{Attribute, GrpcMethod, Matched, Name};

    vec![
        case(
            Matched,
            r#"{"read":"route-matched"}"#,
            "asked whether a route has the path and method",
        ),
        case(Name, r#"{"read":"route-name"}"#, "asked for the route's name"),
        case(
            Attribute(text("a")),
            r#"{"read":{"route-attribute":"a"}}"#,
            "asked for the route's attribute a",
        ),
        case(GrpcMethod, r#"{"read":"route-grpc-method"}"#, "asked for the route's gRPC method"),
        case(
            UpstreamsRead::State(text("a")),
            r#"{"read":{"upstream-state":"a"}}"#,
            "asked how the upstream a is",
        ),
    ]
}

fn exchange() -> Vec<Case> {
    vec![
        case(
            CredentialsRead::Presented,
            r#"{"read":"credentials-presented"}"#,
            "asked what the request presents as a credential",
        ),
        case(
            CredentialsRead::Resolve(CredentialHandle(3)),
            r#"{"read":{"credentials-resolve":3}}"#,
            "asked whom the credential stands for",
        ),
        case(
            CredentialsRead::Permits(CredentialHandle(3), text("a:b")),
            r#"{"read":{"credentials-permits":[3,"a:b"]}}"#,
            "asked whether the credential has the scope a:b",
        ),
        case(
            PrincipalRead::Environment,
            r#"{"read":"principal-environment"}"#,
            "asked for the caller's environment",
        ),
        case(
            PrincipalRead::HasScope(text("a:b")),
            r#"{"read":{"principal-has-scope":"a:b"}}"#,
            "asked whether the caller has the scope a:b",
        ),
        case(
            PrincipalRead::Tenant,
            r#"{"read":"principal-tenant"}"#,
            "asked for the caller's tenant",
        ),
        case(
            IdempotencyRead::Key,
            r#"{"read":"idempotency-key"}"#,
            "asked what the idempotency key looks like",
        ),
        case(
            NotesRead::Is(text("a"), text("b")),
            r#"{"read":{"note-is":["a","b"]}}"#,
            r#"asked whether the note a is "b""#,
        ),
        case(NotesRead::Get(text("a")), r#"{"read":{"note":"a"}}"#, "asked for the note a"),
    ]
}

fn response() -> Vec<Case> {
    vec![
        case(
            ResponseRead::Status,
            r#"{"read":"response-status"}"#,
            "asked for the response's status",
        ),
        case(
            ResponseRead::HeaderPresence(text("a")),
            r#"{"read":{"response-header-presence":"a"}}"#,
            "asked how often the response's header a occurs",
        ),
        case(
            ResponseRead::HeaderIs(text("a"), text("b")),
            r#"{"read":{"response-header-is":["a","b"]}}"#,
            r#"asked whether the response's header a is "b""#,
        ),
        case(WasiRead::WallClock, r#"{"read":{"system":"wall-clock"}}"#, "asked what time it is"),
        case(
            WasiRead::MonotonicClock,
            r#"{"read":{"system":"monotonic-clock"}}"#,
            "asked how much time has passed",
        ),
        case(
            WasiRead::Random(8),
            r#"{"read":{"system":{"random":8}}}"#,
            "asked for 8 random bytes",
        ),
    ]
}

fn commands() -> Vec<Case> {
    use ReplyHeadersCommand::{AddVary, DropUpstream, Set, SetFrom};

    vec![
        case(
            Set(text("a"), text("b")),
            r#"{"command":{"reply-header-set":["a","b"]}}"#,
            r#"set the reply's a to "b""#,
        ),
        case(
            SetFrom(text("a"), Source::RequestHeader(text("b"))),
            r#"{"command":{"reply-header-set-from":["a",{"request-header":"b"}]}}"#,
            "set the reply's a to the request's b",
        ),
        case(
            SetFrom(text("a"), Source::RouteMethods),
            r#"{"command":{"reply-header-set-from":["a","route-methods"]}}"#,
            "set the reply's a to the methods of the path",
        ),
        case(
            SetFrom(text("a"), Source::RetryAfter),
            r#"{"command":{"reply-header-set-from":["a","retry-after"]}}"#,
            "set the reply's a to the seconds to wait",
        ),
        case(
            AddVary(texts("a b")),
            r#"{"command":{"reply-vary":["a","b"]}}"#,
            "added a, b to the reply's Vary",
        ),
        case(
            DropUpstream(texts("a b")),
            r#"{"command":{"reply-drop-upstream":["a","b"]}}"#,
            "dropped a, b from the upstream's response",
        ),
        case(
            PrincipalCommand::Establish(CredentialHandle(3)),
            r#"{"command":{"principal-establish":3}}"#,
            "established the credential as the caller",
        ),
        case(
            QuotaCommand::Report,
            r#"{"command":"quota-report"}"#,
            "reported the quotas in the reply",
        ),
        case(
            NotesCommand::Set(text("a"), text("b")),
            r#"{"command":{"note-set":["a","b"]}}"#,
            r#"left the note a = "b""#,
        ),
        case(
            LogCommand::Write(LogLevel::Warn, text("a")),
            r#"{"command":{"log":["warn","a"]}}"#,
            r#"logged "a""#,
        ),
    ]
}

fn effects() -> Vec<Case> {
    vec![
        case(
            QuotaEffect::TakeAll(buckets()),
            concat!(
                r#"{"effect":{"quota-take-all":["#,
                r#"{"name":"rate","partition":"tenant","rule":{"rate":"#,
                r#"{"quota":9,"window-seconds":60,"burst":3,"cost":1}}},"#,
                r#"{"name":"flight","partition":"key","rule":{"concurrency":4}}]}}"#,
            ),
            concat!(
                r#"took from the quotas "rate" (9 in 60 s, 3 at once, for each tenant), "#,
                r#""flight" (4 in flight, for each key)"#,
            ),
        ),
        case(
            IdempotencyEffect::Claim,
            r#"{"effect":"idempotency-claim"}"#,
            "claimed the operation of the idempotency key",
        ),
    ]
}
