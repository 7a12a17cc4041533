//! The decision: who is calling, and is the Route theirs to call?

use tollgate_sdk::{
    Access, Credential, Host, Identity, Presentation, Resolution, RouteMatch, Verdict,
};

use crate::Settings;
use crate::refusal::Refusal;

/// Decides about a request.
pub fn decide(settings: &Settings, host: &mut impl Host) -> Verdict {
    match authenticate(host) {
        Ok(credential) => {
            host.principal_establish(credential);
            if host.route_attribute("cache").as_deref() != Some("upstream") {
                host.reply_header_set("cache-control", "no-store");
            }
            Verdict::Proceed
        }
        Err(refusal) => {
            host.reply_header_set("cache-control", "no-store");
            refusal.verdict(settings, host)
        }
    }
}

/// Resolves the credential that the caller presented, or refuses.
fn authenticate(host: &mut impl Host) -> Result<Credential, Refusal> {
    let credential = match host.credentials_presented() {
        Presentation::One(credential) => credential,
        Presentation::None => return Err(Refusal::Missing),
        Presentation::Several => return Err(Refusal::Several),
        Presentation::InQuery => return Err(Refusal::InQuery),
    };

    let identity = match host.credentials_resolve(credential) {
        Resolution::Resolved(identity) => identity,
        Resolution::Invalid => return Err(Refusal::Invalid),
        Resolution::Throttled => return Err(Refusal::Throttled),
        Resolution::Unavailable => return Err(Refusal::Unavailable),
    };

    if host.note_is("host-environment", identity.environment.other().as_str()) {
        return Err(Refusal::OtherEnvironment(identity.environment));
    }

    // The host answers unmatched requests itself, now that the caller is known: 404, 405 or 204.
    if host.route_matched() == RouteMatch::Found {
        authorise(host, credential, identity)?;
    }
    Ok(credential)
}

/// Refuses a caller to whom the Route is not open.
fn authorise(
    host: &mut impl Host,
    credential: Credential,
    identity: Identity,
) -> Result<(), Refusal> {
    if let Some(scope) = host.route_attribute("scope")
        && !host.credentials_permits(credential, &scope)
    {
        return Err(Refusal::Scope(scope));
    }
    match identity.access {
        Access::Full => Ok(()),
        Access::None => Err(Refusal::Access(Access::None)),
        restricted @ (Access::NoMoneyOut | Access::ReadOnly) => allow_movement(host, restricted),
    }
}

/// Refuses an access that does not permit the Route's movement of money.
fn allow_movement(host: &mut impl Host, access: Access) -> Result<(), Refusal> {
    match (host.route_attribute("movement").as_deref(), access) {
        (None | Some("read"), _) | (Some("in"), Access::NoMoneyOut) => Ok(()),
        (Some("in" | "out"), _) => Err(Refusal::Access(access)),
        (Some(_), _) => Err(Refusal::Misconfigured),
    }
}
