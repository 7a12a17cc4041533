//! Answers and verdicts in words. A question displays itself in words.

use tollgate_chain::{
    Access, Answer, Claimed, Content, IdempotencyKey, OriginKind, Presence, Presented, Question,
    Resolution, RouteMatch, ServerName, Taken, UpstreamState, Verdict,
};

/// Puts an answer in words; gives none for a command.
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
        Answer::ClientCertificate(Some(identity)) => identity.to_string(),
        Answer::ClientCertificate(None) => "there is none".to_owned(),
        Answer::Index(None) => "none of them".to_owned(),
        Answer::Index(Some(index)) => {
            question.choice(*index).unwrap_or_else(|| format!("number {}", index + 1))
        }
        Answer::Environment(Some(environment)) => environment.to_string(),
        Answer::Environment(None) => "there is no caller yet".to_owned(),
        Answer::Status(status) => status.to_string(),
        Answer::Nanoseconds(nanoseconds) => format!("{nanoseconds} ns"),
        Answer::Random(_) => "random bytes".to_owned(),
        Answer::Taken(Taken::Allowed) => "there was room in all".to_owned(),
        Answer::Taken(Taken::Denied(index)) => {
            let quota = question.choice(*index);
            let quota = quota.unwrap_or_else(|| format!("quota number {}", index + 1));
            format!("no room in {quota}")
        }
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
        | Answer::ClientCertificate(_)
        | Answer::Presence(_)
        | Answer::Index(_)
        | Answer::Environment(_)
        | Answer::Status(_)
        | Answer::Nanoseconds(_)
        | Answer::Random(_)
        | Answer::Taken(_) => "",
    }
}

/// Puts a verdict in words.
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
