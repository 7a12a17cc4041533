//! `IdentityLookupService`, for the gateway alone.

use sqlx::PgPool;
use tollgate_commons::{Error, principal};
use tollgate_proto::identity as proto;
use tollgate_proto::identity::identity_lookup_service_server::IdentityLookupService;
use tollgate_proto::identity::resolve_credential_response::Outcome;
use tonic::{Request, Response, Status};

use super::convert;
use crate::pepper::Peppers;
use crate::store;

#[derive(Debug)]
pub(super) struct Lookup {
    pool: PgPool,
    peppers: Peppers,
}

impl Lookup {
    pub(super) fn new(pool: PgPool, peppers: Peppers) -> Self {
        Self { pool, peppers }
    }
}

#[tonic::async_trait]
impl IdentityLookupService for Lookup {
    async fn resolve_credential(
        &self,
        request: Request<proto::ResolveCredentialRequest>,
    ) -> Result<Response<proto::ResolveCredentialResponse>, Status> {
        principal::gateway(&request)?;
        let digest = request.into_inner().key_sha256;
        if digest.len() != 32 {
            return Err(Error::invalid("key_sha256", "NOT_A_DIGEST", "32 bytes").into());
        }

        let candidates = self.peppers.candidates(&digest);
        let outcome = match store::lookup::resolve(&self.pool, &candidates).await? {
            Some(credential) => Outcome::Credential(convert::credential(credential)),
            None => Outcome::NotFound(proto::CredentialNotFound {}),
        };
        Ok(Response::new(proto::ResolveCredentialResponse { outcome: Some(outcome) }))
    }
}
