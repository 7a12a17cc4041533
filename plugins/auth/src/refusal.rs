//! Refusals, as the caller reads them.

use tollgate_sdk::{Access, Environment, Host, Source, Verdict, problems};

use crate::Settings;

/// Why a caller may not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    Missing,
    Several,
    InQuery,
    /// Malformed, unknown, revoked or expired: one refusal, so that none can be told apart.
    Invalid,
    Throttled,
    Unavailable,
    OtherEnvironment(Environment),
    Scope(String),
    Access(Access),
    /// The Route's attribute `movement` is not read, in or out.
    Misconfigured,
}

impl Refusal {
    /// The reply, with the fields that go with it.
    pub(crate) fn verdict(self, settings: &Settings, host: &mut impl Host) -> Verdict {
        match self {
            Self::Missing => {
                challenge(settings, host, "");
                unauthenticated("Send your API key as `Authorization: Bearer <key>`.")
            }
            Self::InQuery => {
                challenge(settings, host, ", error=\"invalid_token\"");
                unauthenticated(
                    "A key in the query string is never accepted, and should be revoked: \
                     addresses end up in logs. Send it as `Authorization: Bearer <key>`.",
                )
            }
            Self::Invalid => {
                challenge(settings, host, ", error=\"invalid_token\"");
                unauthenticated("The API key is not valid.")
            }

            Self::Several => several(),
            Self::Throttled => throttled(host),
            Self::Unavailable => unavailable(host),
            Self::OtherEnvironment(environment) => other_environment(environment),
            Self::Scope(scope) => {
                challenge(
                    settings,
                    host,
                    &format!(", error=\"insufficient_scope\", scope=\"{scope}\""),
                );
                insufficient_scope(&scope)
            }
            Self::Access(access) => live_access(access),
            Self::Misconfigured => Verdict::misconfigured(),
        }
    }
}

/// RFC 6750 §3: an error only where a credential was presented.
fn challenge(settings: &Settings, host: &mut impl Host, error: &str) {
    let challenge = format!("Bearer realm=\"{}\"{error}", settings.realm);
    host.reply_header_set("www-authenticate", &challenge);
}

fn unauthenticated(detail: &str) -> Verdict {
    problems::UNAUTHENTICATED.refuse(detail)
}

fn several() -> Verdict {
    problems::MALFORMED_REQUEST.refuse(
        "The request presents more than one credential. Send one, either as `Authorization: \
         Bearer <key>` or as `X-Api-Key: <key>`, on one line.",
    )
}

fn throttled(host: &mut impl Host) -> Verdict {
    host.reply_header_set_from("retry-after", &Source::RetryAfter);
    problems::ABNORMAL_USAGE.refuse(
        "Too many failed attempts to authenticate came from this address. Check the key, and \
             wait as long as Retry-After says.",
    )
}

/// Never 401: a client would throw a good key away.
fn unavailable(host: &mut impl Host) -> Verdict {
    host.reply_header_set("retry-after", "1");
    problems::IDENTITY_UNAVAILABLE.refuse(
        "The key cannot be checked at the moment. Nothing is known to be wrong with it; retry \
         shortly.",
    )
}

fn other_environment(environment: Environment) -> Verdict {
    let (own, host) = (environment.as_str(), environment.other().as_str());
    let detail = format!("A {own} key was sent to a {host} host. Use a {host} key here.");
    problems::ENVIRONMENT_MISMATCH.refuse(detail)
}

fn insufficient_scope(scope: &str) -> Verdict {
    let detail = format!("This route needs the scope `{scope}`, which the key does not have.");
    problems::INSUFFICIENT_SCOPE.refuse_with(detail, "scope", scope)
}

fn live_access(access: Access) -> Verdict {
    let detail = match access {
        Access::ReadOnly => "Live access is limited to reading for this account.",
        Access::NoMoneyOut => "Live access does not include moving money out for this account.",
        Access::None | Access::Full => "This account has no live access yet.",
    };
    problems::LIVE_ACCESS_REQUIRED.refuse(detail)
}
