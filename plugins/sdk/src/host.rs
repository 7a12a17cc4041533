//! The questions of the contract as a trait, one method for each function of `wit/`.
//!
//! A decision is written over `impl Host`, so that it runs natively against a
//! [`Table`](crate::testing::Table) and in a component against the host. What each question
//! means is documented in `wit/`; the methods here are named `<interface>_<function>`, shortened
//! where the interface's name adds nothing.

use crate::{
    Bucket, CertificateIdentity, Claimed, Credential, Environment, KeyState, Level, OriginKind,
    Presence, Presentation, Resolution, RouteMatch, ServerName, Source, Taken, UpstreamState,
};

/// Answers a policy's questions about a request.
pub trait Host {
    /// `request.method-is`: whether the method is this one.
    fn method_is(&mut self, method: &str) -> bool;
    /// `request.scheme-is`: whether the caller used this scheme, `http` or `https`.
    fn scheme_is(&mut self, scheme: &str) -> bool;
    /// `request.header-presence`: how often the field occurs.
    fn header_presence(&mut self, name: &str) -> Presence;
    /// `request.header-is`: whether the field occurs once, with exactly this value.
    fn header_is(&mut self, name: &str, value: &str) -> bool;
    /// `request.header`: the field's value. Free text: ask narrower where you can.
    fn header(&mut self, name: &str) -> Option<String>;
    /// `request.authority-in`: index of the host that the request is addressed to.
    fn authority_in(&mut self, hosts: &[String]) -> Option<u32>;
    /// `request.server-name-in`: whether the TLS server name is among these hosts.
    fn server_name_in(&mut self, hosts: &[String]) -> ServerName;
    /// `request.origin`: the kind of origin that the request names.
    fn origin(&mut self) -> OriginKind;
    /// `request.origin-in`: whether the origin is one of these.
    fn origin_in(&mut self, origins: &[String]) -> bool;
    /// `request.client-certificate`: the names of the certificate that the connection's peer
    /// showed. Free text: ask narrower where you can.
    fn client_certificate(&mut self) -> Option<CertificateIdentity>;
    /// `request.client-certificate-in`: index of the first name (`dns:…`, `uri:…`, `sha256:…`) that
    /// is the certificate's.
    fn client_certificate_in(&mut self, names: &[String]) -> Option<u32>;

    /// `route.matched`: how the request fared against the route table.
    fn route_matched(&mut self) -> RouteMatch;
    /// `route.name`: the Route's name.
    fn route_name(&mut self) -> Option<String>;
    /// `route.attribute`: the value of one of the Route's attributes.
    fn route_attribute(&mut self, name: &str) -> Option<String>;
    /// `route.grpc-method`: the gRPC method behind the Route.
    fn route_grpc_method(&mut self) -> Option<String>;

    /// `credentials.presented`: what the request presents.
    fn credentials_presented(&mut self) -> Presentation;
    /// `credentials.resolve`: what became of looking the credential up.
    fn credentials_resolve(&mut self, credential: Credential) -> Resolution;
    /// `credentials.permits`: whether the resolved credential carries the scope.
    fn credentials_permits(&mut self, credential: Credential, scope: &str) -> bool;

    /// `principal.establish`: command: this credential is who the request is from.
    fn principal_establish(&mut self, credential: Credential);
    /// `principal.environment`: the principal's environment.
    fn principal_environment(&mut self) -> Option<Environment>;
    /// `principal.has-scope`: whether the principal carries the scope.
    fn principal_has_scope(&mut self, scope: &str) -> bool;
    /// `principal.tenant`: the tenant's identifier.
    fn principal_tenant(&mut self) -> Option<String>;

    /// `quota.take-all`: effect: takes from all buckets, or from none.
    fn quota_take_all(&mut self, buckets: &[Bucket]) -> Taken;
    /// `quota.report`: command: writes the rate-limit fields on the reply.
    fn quota_report(&mut self);

    /// `upstreams.state`: what is believed of an upstream.
    fn upstream_state(&mut self, name: &str) -> UpstreamState;

    /// `idempotency.key`: what the request's key looks like.
    fn idempotency_key(&mut self) -> KeyState;
    /// `idempotency.claim`: effect: claims the key for the request.
    fn idempotency_claim(&mut self) -> Claimed;

    /// `reply-headers.set`: command: sets a field of the reply.
    fn reply_header_set(&mut self, name: &str, value: &str);
    /// `reply-headers.set-from`: command: the same, with a value of the host's.
    fn reply_header_set_from(&mut self, name: &str, source: &Source);
    /// `reply-headers.add-vary`: command: adds names to `Vary`.
    fn reply_add_vary(&mut self, names: &[String]);
    /// `reply-headers.drop-upstream`: command: strips fields of the upstream's response.
    fn reply_drop_upstream(&mut self, names: &[String]);

    /// `notes.set`: command: leaves a note for later runs.
    fn note_set(&mut self, name: &str, value: &str);
    /// `notes.is`: whether the note has this value.
    fn note_is(&mut self, name: &str, value: &str) -> bool;
    /// `notes.get`: the note. Free text: ask narrower where you can.
    fn note(&mut self, name: &str) -> Option<String>;

    /// `log.write`: command: a line for the operator.
    fn log(&mut self, level: Level, message: &str);
}

/// Answers a policy's questions about a response, beside those about the request.
pub trait ResponseHost: Host {
    /// `response.status`: the status about to be written.
    fn response_status(&mut self) -> u16;
    /// `response.header-presence`: how often the field occurs.
    fn response_header_presence(&mut self, name: &str) -> Presence;
    /// `response.header-is`: whether the field occurs once, with exactly this value.
    fn response_header_is(&mut self, name: &str, value: &str) -> bool;
}
