//! The host as a component sees it: each question is an import.

use crate::bindings::policy::tollgate::policy::{
    credentials, idempotency, log, notes, principal, quota, reply_headers, request, route,
    upstreams,
};
use crate::bindings::policy_with_response::tollgate::policy::response;
use crate::{
    Bucket, CertificateIdentity, Claimed, Credential, Environment, Host, KeyState, Level,
    OriginKind, Presence, Presentation, Resolution, ResponseHost, RouteMatch, ServerName, Source,
    Taken, UpstreamState,
};

/// Asks through the component's imports. A question that a policy never asks is never imported.
#[derive(Debug)]
pub struct Imports;

macro_rules! asks {
    ($(fn $method:ident($($argument:ident: $kind:ty),*) $(-> $answer:ty)? = $import:path;)+) => {
        $(
            fn $method(&mut self, $($argument: $kind),*) $(-> $answer)? {
                $import($($argument),*)
            }
        )+
    };
}

impl Host for Imports {
    asks! {
        fn method_is(method: &str) -> bool = request::method_is;
        fn scheme_is(scheme: &str) -> bool = request::scheme_is;
        fn header_presence(name: &str) -> Presence = request::header_presence;
        fn header_is(name: &str, value: &str) -> bool = request::header_is;
        fn header(name: &str) -> Option<String> = request::header;
        fn authority_in(hosts: &[String]) -> Option<u32> = request::authority_in;
        fn server_name_in(hosts: &[String]) -> ServerName = request::server_name_in;
        fn origin() -> OriginKind = request::origin;
        fn origin_in(origins: &[String]) -> bool = request::origin_in;
        fn client_certificate() -> Option<CertificateIdentity> = request::client_certificate;
        fn client_certificate_in(names: &[String]) -> Option<u32> = request::client_certificate_in;
        fn route_matched() -> RouteMatch = route::matched;
        fn route_name() -> Option<String> = route::name;
        fn route_attribute(name: &str) -> Option<String> = route::attribute;
        fn route_grpc_method() -> Option<String> = route::grpc_method;
        fn credentials_presented() -> Presentation = credentials::presented;
        fn credentials_resolve(credential: Credential) -> Resolution = credentials::resolve;
        fn credentials_permits(credential: Credential, scope: &str) -> bool = credentials::permits;
        fn principal_establish(credential: Credential) = principal::establish;
        fn principal_environment() -> Option<Environment> = principal::environment;
        fn principal_has_scope(scope: &str) -> bool = principal::has_scope;
        fn principal_tenant() -> Option<String> = principal::tenant;
        fn quota_take_all(buckets: &[Bucket]) -> Taken = quota::take_all;
        fn quota_report() = quota::report;
        fn upstream_state(name: &str) -> UpstreamState = upstreams::state;
        fn idempotency_key() -> KeyState = idempotency::key;
        fn idempotency_claim() -> Claimed = idempotency::claim;
        fn reply_header_set(name: &str, value: &str) = reply_headers::set;
        fn reply_header_set_from(name: &str, source: &Source) = reply_headers::set_from;
        fn reply_add_vary(names: &[String]) = reply_headers::add_vary;
        fn reply_drop_upstream(names: &[String]) = reply_headers::drop_upstream;
        fn note_set(name: &str, value: &str) = notes::set;
        fn note_is(name: &str, value: &str) -> bool = notes::is;
        fn note(name: &str) -> Option<String> = notes::get;
        fn log(level: Level, message: &str) = log::write;
    }
}

impl ResponseHost for Imports {
    asks! {
        fn response_status() -> u16 = response::status;
        fn response_header_presence(name: &str) -> Presence = response::header_presence;
        fn response_header_is(name: &str, value: &str) -> bool = response::header_is;
    }
}
