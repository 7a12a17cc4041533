//! Verification of a signed principal: signature, time, audience, role.

use prost::Message as _;
use time::{Duration, OffsetDateTime};
use tollgate_proto::principal as proto;
use tollgate_terms::{Environment, metadata as names};
use tonic::metadata::MetadataMap;
use tonic::service::Interceptor;
use tonic::{Request, Status};

use super::{Caller, Principal, PublicKeys, SIGNING_CONTEXT};
use crate::error::Error;

/// A source of the time, passed in so that tests can hold it still.
pub type Clock = fn() -> OffsetDateTime;

/// The environments that a deployment serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServedEnvironments {
    /// One; the other is refused.
    One(Environment),
    /// Both, each caller in its own.
    Both,
}

/// The audience that a principal must be addressed to.
#[derive(Debug, Clone, Copy)]
pub struct Audience {
    /// The service's name.
    pub service: &'static str,
    /// The environments it serves.
    pub environments: ServedEnvironments,
}

/// Verifies the principal of every call.
#[derive(Debug, Clone)]
pub struct Verifier {
    keys: PublicKeys,
    audience: Audience,
    clock: Clock,
}

/// The system's clock.
#[must_use]
pub fn system_clock() -> OffsetDateTime {
    OffsetDateTime::now_utc()
}

/// Longest lifetime of a principal.
const LIFETIME_MAX: Duration = Duration::seconds(30);

/// Tolerated difference between the clocks of gateway and service.
const LEEWAY: Duration = Duration::seconds(5);

/// Longest signed principal: larger than any genuine one, and a bound on bytes decoded unverified.
const BYTES_MAX: usize = 8 * 1024;

impl Verifier {
    /// Makes a verifier that trusts these keys, for this audience.
    #[must_use]
    pub fn new(keys: PublicKeys, audience: Audience, clock: Clock) -> Self {
        Self { keys, audience, clock }
    }

    /// Verifies the principal in a call's metadata.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], or [`Error::PermissionDenied`] for a genuine principal of the
    /// other environment.
    pub fn verify(&self, metadata: &MetadataMap) -> Result<Caller, Error> {
        let signed = signed(metadata)?;
        let principal = self.open(&signed)?;
        self.in_time(&principal)?;
        if principal.audience_service != self.audience.service {
            return Err(refuse("the principal is addressed to another service"));
        }
        match principal.role() {
            proto::Role::Tenant => self.tenant(principal),
            proto::Role::Gateway => self.gateway(&principal),
            proto::Role::Unspecified => Err(refuse("the principal has no role")),
        }
    }

    fn open(&self, signed: &proto::SignedPrincipal) -> Result<proto::Principal, Error> {
        let key =
            self.keys.get(&signed.signing_key_id).ok_or(refuse("the signing key is unknown"))?;
        let message = [SIGNING_CONTEXT, &signed.principal].concat();
        key.verify(&message, &signed.signature).map_err(|_| refuse("the signature is forged"))?;
        proto::Principal::decode(signed.principal.as_slice())
            .map_err(|_| refuse("the principal cannot be decoded"))
    }

    fn in_time(&self, principal: &proto::Principal) -> Result<(), Error> {
        let issued = moment(principal.issued_at).ok_or(refuse("the principal has no beginning"))?;
        let expires = moment(principal.expires_at).ok_or(refuse("the principal has no end"))?;
        let now = (self.clock)();
        if expires <= issued || expires - issued > LIFETIME_MAX {
            return Err(refuse("the principal's lifetime is out of bounds"));
        }
        if now < issued - LEEWAY || now >= expires + LEEWAY {
            return Err(refuse("the principal is not valid now"));
        }
        Ok(())
    }

    fn tenant(&self, principal: proto::Principal) -> Result<Caller, Error> {
        let environment =
            principal.environment().to_terms().ok_or(refuse("the principal has no environment"))?;
        let addressed = principal.audience_environment().to_terms();

        let served = match self.audience.environments {
            ServedEnvironments::One(served) => served == environment,
            ServedEnvironments::Both => true,
        };
        if !served || addressed != Some(environment) {
            return Err(other_environment());
        }

        if principal.tenant_id.is_empty() || principal.key_id.is_empty() {
            return Err(refuse("the principal has no tenant"));
        }
        let access = principal.access().to_terms();
        Ok(Caller::Tenant(Principal {
            tenant_id: principal.tenant_id,
            environment,
            key_id: principal.key_id,
            scopes: principal.scopes.into_iter().collect(),
            access: access.ok_or(refuse("the principal has no access"))?,
        }))
    }

    fn gateway(&self, principal: &proto::Principal) -> Result<Caller, Error> {
        if !principal.tenant_id.is_empty() {
            return Err(refuse("the gateway's own principal names a tenant"));
        }
        match self.audience.environments {
            ServedEnvironments::Both => Ok(Caller::Gateway),
            ServedEnvironments::One(served)
                if principal.audience_environment().to_terms() == Some(served) =>
            {
                Ok(Caller::Gateway)
            }
            ServedEnvironments::One(_) => Err(other_environment()),
        }
    }
}

impl Interceptor for Verifier {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let caller = self.verify(request.metadata())?;
        request.extensions_mut().insert(caller);
        Ok(request)
    }
}

fn signed(metadata: &MetadataMap) -> Result<proto::SignedPrincipal, Error> {
    let mut values = metadata.get_all_bin(names::PRINCIPAL).iter();
    let value = values.next().ok_or(refuse("no principal was sent"))?;
    if values.next().is_some() {
        return Err(refuse("more than one principal was sent"));
    }
    let bytes = value.to_bytes().map_err(|_| refuse("the principal is not base64"))?;
    if bytes.len() > BYTES_MAX {
        return Err(refuse("the principal is too large"));
    }
    proto::SignedPrincipal::decode(bytes).map_err(|_| refuse("the principal cannot be decoded"))
}

fn moment(timestamp: Option<prost_types::Timestamp>) -> Option<OffsetDateTime> {
    let timestamp = timestamp?;
    let nanos = u32::try_from(timestamp.nanos).ok()?;
    OffsetDateTime::from_unix_timestamp(timestamp.seconds).ok()?.replace_nanosecond(nanos).ok()
}

fn refuse(description: &'static str) -> Error {
    Error::Unauthenticated { description }
}

fn other_environment() -> Error {
    Error::PermissionDenied {
        reason: "ENVIRONMENT_MISMATCH",
        description: "the principal belongs to another environment".into(),
    }
}

#[cfg(test)]
mod tests;
