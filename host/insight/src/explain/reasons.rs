//! What an answer means for a request that was refused: "because …".

use tollgate_chain::{
    Access, Answer, Claimed, IdempotencyKey, OriginKind, Presence, Presented, Question, Read,
    Resolution, RouteMatch, ServerName, Taken, UpstreamState,
};

use super::words;
use crate::receipts::{PolicyForm, StepForm};

/// Why the policy refused: what the last answer that speaks against the request means.
pub(super) fn reason(policy: &PolicyForm) -> Option<String> {
    let asked = || policy.steps.iter().rev().filter(|step| step.answer != Answer::Done);
    let against = asked().find_map(against);
    against.or_else(|| {
        let last = asked().next()?;
        let answer = words::answer(&last.question, &last.answer)?;
        Some(format!("it {}, and the answer was: {answer}", words::question(&last.question)))
    })
}

fn against(step: &StepForm) -> Option<String> {
    let Question::Read(read) = &step.question else { return effect(step) };
    let reason = match (read, &step.answer) {
        (Read::MethodIs(method), Answer::Bool(false)) => format!("the method is not {method}"),
        (Read::HeaderPresence(name), Answer::Presence(Presence::Absent)) => {
            format!("the header {name} is missing")
        }
        (Read::HeaderPresence(name), Answer::Presence(Presence::Repeated)) => {
            format!("the header {name} occurs more than once")
        }
        (Read::HeaderIs(name, value), Answer::Bool(false)) => {
            format!("the header {name} is not \"{value}\"")
        }
        (Read::AuthorityIn(_), Answer::Index(None)) => {
            "the host is none of those that are served here".to_owned()
        }
        (Read::ServerNameIn(_), Answer::ServerName(ServerName::Other)) => {
            "the connection was made for another host than the request".to_owned()
        }
        (Read::OriginIn(_), Answer::Bool(false)) => "the origin is not allowed".to_owned(),
        (Read::Origin, Answer::Origin(OriginKind::Malformed)) => {
            "the origin cannot be read".to_owned()
        }
        (Read::RouteMatched, Answer::Matched(RouteMatch::None | RouteMatch::OtherMethod)) => {
            "no route has this path and method".to_owned()
        }
        (
            Read::CredentialsPermits(_, scope) | Read::PrincipalHasScope(scope),
            Answer::Bool(false),
        ) => {
            format!("the key does not have the scope {scope}")
        }
        (Read::NoteIs(name, value), Answer::Bool(true)) => {
            format!("an earlier policy noted {name} = \"{value}\"")
        }
        (Read::PrincipalEnvironment, Answer::Environment(None)) => {
            "nobody knows whom the request is from".to_owned()
        }
        (Read::UpstreamState(name), Answer::Upstream(UpstreamState::Unavailable)) => {
            format!("the upstream {name} is unavailable")
        }
        (Read::UpstreamState(name), Answer::Upstream(UpstreamState::Unknown)) => {
            format!("no upstream is called {name}")
        }
        (Read::IdempotencyKey, Answer::IdempotencyKey(IdempotencyKey::Absent)) => {
            "the request has no idempotency key".to_owned()
        }
        (Read::IdempotencyKey, Answer::IdempotencyKey(IdempotencyKey::Malformed)) => {
            "the idempotency key is malformed".to_owned()
        }
        (_, Answer::Presented(presented)) => presentation(*presented)?.to_owned(),
        (_, Answer::Resolution(resolution)) => resolved(*resolution)?.to_owned(),
        _ => return None,
    };
    Some(reason)
}

fn effect(step: &StepForm) -> Option<String> {
    if let Answer::Taken(Taken::Denied(index)) = &step.answer {
        return Some(format!("the quota {} is used up", words::denied(&step.question, *index)));
    }
    let Answer::Claimed(claimed) = &step.answer else { return None };
    let reason = match claimed {
        Claimed::Claimed => return None,
        Claimed::InProgress => {
            "another request with the same idempotency key is still being carried out"
        }
        Claimed::Reused => "the idempotency key was used before, with a different request",
        Claimed::Completed(_) => "the operation was carried out before, and its reply was kept",
        Claimed::Unavailable => "idempotency keys cannot be looked up now",
        Claimed::BodyRefused(_) => "the body is too large, too slow, or does not fit the route",
    };
    Some(reason.to_owned())
}

fn presentation(presented: Presented) -> Option<&'static str> {
    match presented {
        Presented::None => Some("the request presents no credential"),
        Presented::Several => Some("the request presents more than one credential"),
        Presented::InQuery => Some("the request presents a key in its query"),
        Presented::One(_) => None,
    }
}

fn resolved(resolution: Resolution) -> Option<&'static str> {
    match resolution {
        Resolution::Invalid => Some("the key is unknown, revoked or expired"),
        Resolution::Throttled => Some("too many attempts from this address failed"),
        Resolution::Unavailable => Some("keys cannot be looked up now"),
        Resolution::Resolved(identity) => match identity.access {
            Access::None => Some("the key's tenant may do nothing at present"),
            Access::ReadOnly => Some("the key's tenant may only read at present"),
            Access::NoMoneyOut => Some("the key's tenant may move no money out at present"),
            Access::Full => None,
        },
    }
}
