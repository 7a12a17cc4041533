//! Between the contract's types and the core's. No decision is made here.

use tollgate_chain::Text;
use tollgate_chain::{
    Access, Bucket, CertificateIdentity, Claimed, Content, CredentialHandle, Environment,
    HeldHandle, IdempotencyKey, Identity, LogLevel, Member, OriginKind, Partition, Presence,
    Presented, Problem, Rate, Reply, Resolution, RouteMatch, Rule, ServerName, Source, Taken,
    UpstreamState, Verdict,
};

use crate::bindings::tollgate::policy::{
    credentials, idempotency, log, principal, quota, reply_headers, request, route, upstreams,
    verdicts,
};

/// One enumeration of the contract and its twin in the core, case by case.
macro_rules! twins {
    ($(from $from:ty => $to:ty { $($case:ident => $twin:ident),+ $(,)? })+) => {
        $(impl From<$from> for $to {
            fn from(value: $from) -> Self {
                match value {
                    $(<$from>::$case => <$to>::$twin,)+
                }
            }
        })+
    };
}

twins! {
    from Presence => request::Presence { Absent => Absent, Once => Once, Repeated => Repeated }
    from ServerName => request::ServerName { Absent => Absent, Served => Served, Other => Other }
    from OriginKind => request::OriginKind {
        Absent => Absent, Same => Same, Opaque => Opaque, Foreign => Foreign,
        Malformed => Malformed,
    }
    from RouteMatch => route::RouteMatch {
        Found => Found, OtherMethod => OtherMethod, None => None,
    }
    from Environment => principal::EnvironmentKind { Sandbox => Sandbox, Live => Live }
    from Access => credentials::Access {
        Full => Full, NoMoneyOut => NoMoneyOut, ReadOnly => ReadOnly, None => None,
    }
    from UpstreamState => upstreams::UpstreamState {
        Ready => Ready, Unavailable => Unavailable, Unknown => Unknown,
    }
    from IdempotencyKey => idempotency::KeyState {
        Absent => Absent, Valid => Valid, Malformed => Malformed,
    }
    from log::Level => LogLevel { Debug => Debug, Info => Info, Warn => Warn, Error => Error }
    from quota::Partition => Partition { Tenant => Tenant, Key => Key, Address => Address }
}

impl From<&CertificateIdentity> for request::CertificateIdentity {
    fn from(identity: &CertificateIdentity) -> Self {
        let all = |names: &[Text]| names.iter().map(|name| name.as_ref().to_owned()).collect();
        Self {
            dns_names: all(&identity.dns_names),
            uris: all(&identity.uris),
            common_name: identity.common_name.as_deref().map(str::to_owned),
            fingerprint: identity.fingerprint.as_ref().to_owned(),
        }
    }
}

impl From<Presented> for credentials::Presentation {
    fn from(value: Presented) -> Self {
        match value {
            Presented::None => Self::None,
            Presented::One(CredentialHandle(number)) => Self::One(number),
            Presented::Several => Self::Several,
            Presented::InQuery => Self::InQuery,
        }
    }
}

impl From<Identity> for credentials::Identity {
    fn from(Identity { environment, access }: Identity) -> Self {
        Self { environment: environment.into(), access: access.into() }
    }
}

impl From<Resolution> for credentials::Resolution {
    fn from(value: Resolution) -> Self {
        match value {
            Resolution::Resolved(identity) => Self::Resolved(identity.into()),
            Resolution::Invalid => Self::Invalid,
            Resolution::Throttled => Self::Throttled,
            Resolution::Unavailable => Self::Unavailable,
        }
    }
}

impl From<Claimed> for idempotency::Claimed {
    fn from(value: Claimed) -> Self {
        match value {
            Claimed::Claimed => Self::Claimed,
            Claimed::Completed(HeldHandle(number)) => Self::Completed(number),
            Claimed::InProgress => Self::InProgress,
            Claimed::Reused => Self::Reused,
            Claimed::Unavailable => Self::Unavailable,
            Claimed::BodyRefused(HeldHandle(number)) => Self::BodyRefused(number),
        }
    }
}

impl From<Taken> for quota::Taken {
    fn from(value: Taken) -> Self {
        match value {
            Taken::Allowed => Self::Allowed,
            Taken::Denied(index) => Self::Denied(index),
        }
    }
}

impl From<quota::Bucket> for Bucket {
    fn from(quota::Bucket { name, partition, rule }: quota::Bucket) -> Self {
        let rule = match rule {
            quota::Rule::Concurrency(most) => Rule::Concurrency(most),
            quota::Rule::Rate(quota::Rate { quota, window_seconds, burst, cost }) => {
                Rule::Rate(Rate { quota, window_seconds, burst, cost })
            }
        };
        Self { name: name.into(), partition: partition.into(), rule }
    }
}

impl From<reply_headers::Source> for Source {
    fn from(value: reply_headers::Source) -> Self {
        match value {
            reply_headers::Source::RequestHeader(name) => Self::RequestHeader(name.into()),
            reply_headers::Source::RouteMethods => Self::RouteMethods,
            reply_headers::Source::RetryAfter => Self::RetryAfter,
        }
    }
}

impl From<verdicts::Verdict> for Verdict {
    fn from(value: verdicts::Verdict) -> Self {
        match value {
            verdicts::Verdict::Proceed => Self::Proceed,
            verdicts::Verdict::Reply(reply) => Self::Reply(reply.into()),
            verdicts::Verdict::Forward(upstream) => Self::Forward(upstream.into()),
        }
    }
}

impl From<verdicts::ResponseVerdict> for Verdict {
    fn from(value: verdicts::ResponseVerdict) -> Self {
        match value {
            verdicts::ResponseVerdict::Proceed => Self::Proceed,
            verdicts::ResponseVerdict::Reply(reply) => Self::Reply(reply.into()),
        }
    }
}

impl From<verdicts::Reply> for Reply {
    fn from(verdicts::Reply { status, content }: verdicts::Reply) -> Self {
        let content = match content {
            verdicts::Content::Empty => Content::Empty,
            verdicts::Content::Problem(problem) => Content::Problem(problem.into()),
            verdicts::Content::Held(number) => Content::Held(HeldHandle(number)),
        };
        Self { status, content }
    }
}

impl From<verdicts::Problem> for Problem {
    fn from(problem: verdicts::Problem) -> Self {
        let member = |(name, member): (String, _)| (name.into(), Member::from(member));
        Self {
            slug: problem.slug.into(),
            type_uri: problem.type_uri.map(Into::into),
            title: problem.title.into(),
            detail: problem.detail.into(),
            members: problem.members.into_iter().map(member).collect(),
        }
    }
}

impl From<verdicts::Member> for Member {
    fn from(value: verdicts::Member) -> Self {
        match value {
            verdicts::Member::Text(text) => Self::Text(text.into()),
            verdicts::Member::Texts(list) => {
                Self::Texts(list.into_iter().map(Into::into).collect())
            }
            verdicts::Member::Number(number) => Self::Number(number),
        }
    }
}

/// Text of the guest as text of the core, without a copy.
pub(crate) fn texts(list: Vec<String>) -> Box<[Text]> {
    list.into_iter().map(Into::into).collect()
}

/// Text of an answer as text for the guest, without a copy.
pub(crate) fn owned(text: Option<Text>) -> Option<String> {
    text.map(Into::into)
}

/// The beginning of a log line, cut at its bound without breaking a character.
pub(crate) fn log_line(mut line: String) -> Text {
    const BYTES_MAX: usize = 1_024;
    line.truncate(line.floor_char_boundary(BYTES_MAX));
    line.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_line_is_cut_between_characters() {
        let line = format!("{}é and more", "x".repeat(1_023));
        assert_eq!(&*log_line(line), "x".repeat(1_023));
        assert_eq!(&*log_line("short".into()), "short");
    }
}
