//! Questions and answers in words: "asked …: …".

use tollgate_chain::{
    Access, Answer, Bucket, Claimed, Command, Content, Effect, IdempotencyKey, OriginKind,
    Partition, Presence, Presented, Question, Read, Resolution, RouteMatch, Rule, ServerName,
    Source, System, Taken, Text, UpstreamState, Verdict,
};

/// What was asked, or done.
pub(crate) fn question(question: &Question) -> String {
    match question {
        Question::Read(own) => format!("asked {}", read(own)),
        Question::Command(own) => command(own),
        Question::Effect(Effect::QuotaTakeAll(buckets)) => {
            let names: Vec<String> = buckets.iter().map(bucket).collect();
            format!("took from the quotas {}", some(&names))
        }
        Question::Effect(Effect::IdempotencyClaim) => {
            "claimed the operation of the idempotency key".to_owned()
        }
    }
}

fn read(read: &Read) -> String {
    match read {
        Read::MethodIs(method) => format!("whether the method is {method}"),
        Read::HeaderPresence(name) => format!("how often the header {name} occurs"),
        Read::HeaderIs(name, value) => format!("whether the header {name} is \"{value}\""),
        Read::Header(name) => format!("for the header {name}"),
        Read::AuthorityIn(hosts) => format!("which of {} the request is for", listed(hosts)),
        Read::ServerNameIn(hosts) => {
            format!("whether the TLS server name is among {}", listed(hosts))
        }
        Read::Origin => "what kind of origin the request names".to_owned(),
        Read::OriginIn(origins) => format!("whether the origin is among {}", listed(origins)),
        Read::RouteMatched => "whether a route has the path and method".to_owned(),
        Read::RouteName => "for the route's name".to_owned(),
        Read::RouteAttribute(name) => format!("for the route's attribute {name}"),
        Read::RouteGrpcMethod => "for the route's gRPC method".to_owned(),
        Read::CredentialsPresented => "what the request presents as a credential".to_owned(),
        Read::CredentialsResolve(_) => "whom the credential stands for".to_owned(),
        Read::CredentialsPermits(_, scope) => {
            format!("whether the credential has the scope {scope}")
        }
        Read::PrincipalEnvironment => "for the caller's environment".to_owned(),
        Read::PrincipalHasScope(scope) => format!("whether the caller has the scope {scope}"),
        Read::PrincipalTenant => "for the caller's tenant".to_owned(),
        Read::UpstreamState(name) => format!("how the upstream {name} is"),
        Read::IdempotencyKey => "what the idempotency key looks like".to_owned(),
        Read::NoteIs(name, value) => format!("whether the note {name} is \"{value}\""),
        Read::Note(name) => format!("for the note {name}"),
        Read::ResponseStatus => "for the response's status".to_owned(),
        Read::ResponseHeaderPresence(name) => {
            format!("how often the response's header {name} occurs")
        }
        Read::ResponseHeaderIs(name, value) => {
            format!("whether the response's header {name} is \"{value}\"")
        }
        Read::System(System::WallClock) => "what time it is".to_owned(),
        Read::System(System::MonotonicClock) => "how much time has passed".to_owned(),
        Read::System(System::Random(bytes)) => format!("for {bytes} random bytes"),
    }
}

fn command(command: &Command) -> String {
    match command {
        Command::ReplyHeaderSet(name, value) => format!("set the reply's {name} to \"{value}\""),
        Command::ReplyHeaderSetFrom(name, source) => {
            let source = match source {
                Source::RequestHeader(other) => format!("the request's {other}"),
                Source::RouteMethods => "the methods of the path".to_owned(),
                Source::RetryAfter => "the seconds to wait".to_owned(),
            };
            format!("set the reply's {name} to {source}")
        }
        Command::ReplyVary(names) => format!("added {} to the reply's Vary", listed(names)),
        Command::ReplyDropUpstream(names) => {
            format!("dropped {} from the upstream's response", listed(names))
        }
        Command::PrincipalEstablish(_) => "established the credential as the caller".to_owned(),
        Command::QuotaReport => "reported the quotas in the reply".to_owned(),
        Command::NoteSet(name, value) => format!("left the note {name} = \"{value}\""),
        Command::Log(_, text) => format!("logged \"{text}\""),
    }
}

/// What was answered; nothing for a command.
pub(super) fn answer(question: &Question, answer: &Answer) -> Option<String> {
    let words = match answer {
        Answer::Done => return None,
        Answer::Bool(true) => "yes".to_owned(),
        Answer::Bool(false) => "no".to_owned(),
        Answer::Text(Some(text)) => text.to_string(),
        Answer::Text(None) => "there is none".to_owned(),
        Answer::Presence(presence) => match presence {
            Presence::Absent => "not at all".to_owned(),
            Presence::Once => "once".to_owned(),
            Presence::Repeated => "more than once".to_owned(),
        },
        Answer::Index(index) => chosen(question, *index),
        Answer::Environment(Some(environment)) => environment.to_string(),
        Answer::Environment(None) => "there is no caller yet".to_owned(),
        Answer::Status(status) => status.to_string(),
        Answer::Nanoseconds(nanoseconds) => format!("{nanoseconds} ns"),
        Answer::Random(_) => "random bytes".to_owned(),
        Answer::Taken(Taken::Allowed) => "there was room in all".to_owned(),
        Answer::Taken(Taken::Denied(index)) => format!("no room in {}", denied(question, *index)),
        Answer::ServerName(_)
        | Answer::Origin(_)
        | Answer::Matched(_)
        | Answer::Presented(_)
        | Answer::Resolution(_)
        | Answer::Upstream(_)
        | Answer::IdempotencyKey(_)
        | Answer::Claimed(_) => word(answer).to_owned(),
    };
    Some(words)
}

fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::ServerName(ServerName::Absent) => "there is none",
        Answer::ServerName(ServerName::Served) => "yes",
        Answer::ServerName(ServerName::Other) => "no, it is another host's",
        Answer::Origin(OriginKind::Absent) => "none",
        Answer::Origin(OriginKind::Same) => "its own",
        Answer::Origin(OriginKind::Opaque) => "an opaque one",
        Answer::Origin(OriginKind::Foreign) => "a foreign one",
        Answer::Origin(OriginKind::Malformed) => "none that can be read",
        Answer::Matched(RouteMatch::Found) => "yes",
        Answer::Matched(RouteMatch::OtherMethod) => "the path, with other methods",
        Answer::Matched(RouteMatch::None) => "no",
        Answer::Presented(Presented::None) => "nothing",
        Answer::Presented(Presented::One(_)) => "one key",
        Answer::Presented(Presented::Several) => "more than one",
        Answer::Presented(Presented::InQuery) => "a key in the query",
        Answer::Resolution(Resolution::Resolved(identity)) => match identity.access {
            Access::Full => "a known key, with full access",
            Access::NoMoneyOut => "a known key, that may move no money out",
            Access::ReadOnly => "a known key, that may only read",
            Access::None => "a known key, whose tenant may do nothing",
        },
        Answer::Resolution(Resolution::Invalid) => "nobody: unknown, revoked or expired",
        Answer::Resolution(Resolution::Throttled) => "too many failures from this address",
        Answer::Resolution(Resolution::Unavailable) => "the keys cannot be looked up now",
        Answer::Upstream(UpstreamState::Ready) => "ready",
        Answer::Upstream(UpstreamState::Unavailable) => "unavailable",
        Answer::Upstream(UpstreamState::Unknown) => "not declared",
        Answer::IdempotencyKey(IdempotencyKey::Absent) => "there is none",
        Answer::IdempotencyKey(IdempotencyKey::Valid) => "valid",
        Answer::IdempotencyKey(IdempotencyKey::Malformed) => "malformed",
        Answer::Claimed(Claimed::Claimed) => "it is this request's to carry out",
        Answer::Claimed(Claimed::Completed(_)) => "it was carried out before; the reply is kept",
        Answer::Claimed(Claimed::InProgress) => "another request is carrying it out",
        Answer::Claimed(Claimed::Reused) => "the key belongs to a different request",
        Answer::Claimed(Claimed::Unavailable) => "the keys cannot be looked up now",
        Answer::Claimed(Claimed::BodyRefused(_)) => "the body is refused",
        Answer::Done
        | Answer::Bool(_)
        | Answer::Text(_)
        | Answer::Presence(_)
        | Answer::Index(_)
        | Answer::Environment(_)
        | Answer::Status(_)
        | Answer::Nanoseconds(_)
        | Answer::Random(_)
        | Answer::Taken(_) => "",
    }
}

fn chosen(question: &Question, index: Option<u32>) -> String {
    let Some(index) = index else { return "none of them".to_owned() };
    let found = if let Question::Read(Read::AuthorityIn(texts)) = question {
        usize::try_from(index).ok().and_then(|index| texts.get(index))
    } else {
        None
    };
    found.map_or_else(|| format!("number {}", index + 1), ToString::to_string)
}

/// The quota that had no room.
pub(super) fn denied(question: &Question, index: u32) -> String {
    let Question::Effect(Effect::QuotaTakeAll(buckets)) = question else {
        return format!("quota number {}", index + 1);
    };
    let found = usize::try_from(index).ok().and_then(|index| buckets.get(index));
    found.map_or_else(|| format!("quota number {}", index + 1), bucket)
}

fn bucket(bucket: &Bucket) -> String {
    let whose = match bucket.partition {
        Partition::Tenant => "tenant",
        Partition::Key => "key",
        Partition::Address => "address",
    };
    let rule = match bucket.rule {
        Rule::Rate(rate) => {
            let (quota, seconds, burst) = (rate.quota, rate.window_seconds, rate.burst);
            format!("{quota} in {seconds} s, {burst} at once")
        }
        Rule::Concurrency(most) => format!("{most} in flight"),
    };
    format!("\"{}\" ({rule}, for each {whose})", bucket.name)
}

/// What was decided.
pub(super) fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Proceed => "let it pass".to_owned(),
        Verdict::Forward(upstream) => format!("let it pass, to the upstream {upstream}"),
        Verdict::Reply(reply) => match &reply.content {
            Content::Empty => format!("answered {}", reply.status),
            Content::Problem(problem) => format!("refused: {} {}", reply.status, problem.slug),
            Content::Held(_) => "answered with a reply that the gateway holds".to_owned(),
        },
    }
}

fn listed(texts: &[Text]) -> String {
    some(&texts.iter().map(ToString::to_string).collect::<Vec<_>>())
}

/// The first few of a list.
fn some(texts: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = texts.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match texts.len().checked_sub(SHOWN) {
        Some(more @ 1..) => format!("{shown} and {more} more"),
        _ if shown.is_empty() => "nothing".to_owned(),
        _ => shown,
    }
}
