//! The gRPC side: authorises a call, checks its fields, runs the command or the query, answers.
//!
//! Every RPC is one method in `keys` or `lookup`; its decision is one function of `store`.

mod convert;
mod keys;
mod lookup;

use sqlx::PgPool;
use tollgate_commons::principal::{Audience, ServedEnvironments, Verifier};
use tollgate_proto::identity::identity_lookup_service_server::IdentityLookupServiceServer;
use tollgate_proto::identity::identity_service_server::IdentityServiceServer;
use tonic::service::Routes;

use crate::pepper::Peppers;

/// The audience of principals: this service, which serves both environments.
pub const AUDIENCE: Audience =
    Audience { service: "identity", environments: ServedEnvironments::Both };

/// Returns both services, each behind the verifier.
#[must_use]
pub fn routes(pool: PgPool, peppers: Peppers, verifier: Verifier) -> Routes {
    let keys = keys::Keys::new(pool.clone(), peppers.clone());
    let lookup = lookup::Lookup::new(pool, peppers);
    Routes::new(IdentityServiceServer::with_interceptor(keys, verifier.clone()))
        .add_service(IdentityLookupServiceServer::with_interceptor(lookup, verifier))
}
