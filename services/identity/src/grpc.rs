//! The gRPC side: checks a request, asks the store within one unit, answers.

mod convert;
mod keys;
mod lookup;

use sqlx::PgPool;
use tollgate_commons::principal::{Audience, Verifier, Worlds};
use tollgate_proto::identity::identity_lookup_service_server::IdentityLookupServiceServer;
use tollgate_proto::identity::identity_service_server::IdentityServiceServer;
use tonic::service::Routes;

use crate::pepper::Peppers;

/// To whom principals must be addressed: this service, which serves both environments.
pub const AUDIENCE: Audience = Audience { service: "identity", worlds: Worlds::Both };

/// Both services, each behind the verifier.
#[must_use]
pub fn routes(pool: PgPool, peppers: Peppers, verifier: Verifier) -> Routes {
    let keys = keys::Keys::new(pool.clone(), peppers.clone());
    let lookup = lookup::Lookup::new(pool, peppers);
    Routes::new(IdentityServiceServer::with_interceptor(keys, verifier.clone()))
        .add_service(IdentityLookupServiceServer::with_interceptor(lookup, verifier))
}
