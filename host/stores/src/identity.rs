//! Keys in the identity service, looked up over gRPC by digest, in the gateway's own name.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use tollgate_capability::Later;
use tollgate_capability::credentials::{CredentialStore, KeyDigest, Lookup, Unreachable};
use tollgate_capability::principal::{Audience, PrincipalSigner};
use tollgate_chain::Principal;
use tollgate_proto::identity::identity_lookup_service_client::IdentityLookupServiceClient;
use tollgate_proto::identity::resolve_credential_response::Outcome;
use tollgate_proto::identity::{Credential, ResolveCredentialRequest};
use tollgate_terms::metadata;
use tonic::metadata::MetadataValue;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Code, Request, Status};

use crate::Error;

/// Deadline of a look-up; the resolver's own bound is about the same.
const DEADLINE: Duration = Duration::from_millis(250);
/// Longest time in which a connection is made.
const CONNECT: Duration = Duration::from_secs(1);
/// The interval of pings on an idle connection and the longest wait for their answer: a connection
/// whose packets vanish must be noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(5);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer, in bytes.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The address of the identity service and how it is trusted.
#[derive(Debug, Clone)]
pub struct IdentityEndpoint {
    /// `http://host:port` (h2c) or `https://host:port`.
    pub uri: Uri,
    /// Certificates of the private CA, PEM; for `https` they alone are trusted.
    pub ca_pem: Option<Vec<u8>>,
    /// The name in the service's certificate, if it is not the host.
    pub server_name: Option<String>,
    /// The audience of the gateway's signed principal.
    pub audience: Audience,
}

/// Credential store in the identity service.
#[derive(Clone)]
pub struct IdentityCredentials {
    client: IdentityLookupServiceClient<Channel>,
    signer: Arc<PrincipalSigner>,
    audience: Audience,
}

impl IdentityCredentials {
    /// Prepares a connection that is made at the first look-up and remade when it is lost.
    ///
    /// # Errors
    /// Fails if the address or the certificates cannot be parsed.
    pub fn new(endpoint: &IdentityEndpoint, signer: Arc<PrincipalSigner>) -> Result<Self, Error> {
        let failed = |source| Error::IdentityEndpoint { uri: endpoint.uri.clone(), source };
        let channel = channel(endpoint).map_err(failed)?.connect_lazy();
        let client =
            IdentityLookupServiceClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
        Ok(Self { client, signer, audience: endpoint.audience.clone() })
    }

    fn request(&self, digest: &KeyDigest) -> Request<ResolveCredentialRequest> {
        let mut request =
            Request::new(ResolveCredentialRequest { key_sha256: digest.0.0.to_vec() });
        request.set_timeout(DEADLINE);
        let token = self.signer.gateway(&self.audience);
        let mut value = MetadataValue::from_bytes(&token.bytes);
        value.set_sensitive(true);
        request.metadata_mut().insert_bin(metadata::PRINCIPAL, value);
        request
    }
}

impl CredentialStore for IdentityCredentials {
    fn look_up(&self, digest: KeyDigest) -> Later<'static, Result<Lookup, Unreachable>> {
        let mut client = self.client.clone();
        let request = self.request(&digest);
        Later::Pending(Box::pin(async move {
            let answer = client.resolve_credential(request).await.map_err(|s| unreachable(&s))?;
            match answer.into_inner().outcome {
                Some(Outcome::NotFound(_)) => Ok(Lookup::NotFound),
                Some(Outcome::Credential(credential)) => {
                    principal(credential).map(|principal| Lookup::Found(Arc::new(principal)))
                }
                None => Err(Unreachable("an answer without an outcome".into())),
            }
        }))
    }
}

impl fmt::Debug for IdentityCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IdentityCredentials")
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn channel(endpoint: &IdentityEndpoint) -> Result<Endpoint, tonic::transport::Error> {
    let channel = Endpoint::from(endpoint.uri.clone())
        .connect_timeout(CONNECT)
        .timeout(DEADLINE)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(KEEP_ALIVE)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true);
    if endpoint.uri.scheme() != Some(&Scheme::HTTPS) {
        return Ok(channel);
    }
    let mut tls = ClientTlsConfig::new();
    tls = match &endpoint.ca_pem {
        Some(pem) => tls.ca_certificate(Certificate::from_pem(pem)),
        None => tls.with_native_roots(),
    };
    if let Some(name) = &endpoint.server_name {
        tls = tls.domain_name(name);
    }
    channel.tls_config(tls)
}

/// Maps every failure to *unreachable*, never to *not found*: a 401 would make a caller throw away
/// a good key.
fn unreachable(status: &Status) -> Unreachable {
    if matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied) {
        tracing::error!(code = ?status.code(), "identity rejected the gateway's principal");
    }
    Unreachable(format!("identity: {:?}: {}", status.code(), status.message()).into())
}

/// Converts a credential to a principal, every fact of which must be present: an unknown word is
/// no permission.
fn principal(credential: Credential) -> Result<Principal, Unreachable> {
    let wrong = |what: &str| Unreachable(format!("identity: credential without {what}").into());
    let environment = credential.environment().to_terms().ok_or_else(|| wrong("environment"))?;
    let access = credential.access().to_terms().ok_or_else(|| wrong("access"))?;
    if credential.tenant_id.is_empty() || credential.key_id.is_empty() {
        return Err(wrong("tenant or key id"));
    }
    Ok(Principal {
        tenant: credential.tenant_id,
        environment,
        key_id: credential.key_id,
        scopes: credential.scopes.into_iter().collect(),
        access,
    })
}

#[cfg(test)]
mod tests;
