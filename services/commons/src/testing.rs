//! Helpers for tests of services: a gateway that signs principals, and digests of operations.
//!
//! The private key is made in the process and is worth nothing outside of it.

mod queries;

use prost::Message as _;
use ring::rand::SystemRandom;
use ring::signature::{Ed25519KeyPair, KeyPair as _};
use time::{Duration, OffsetDateTime};
use tollgate_proto::principal as proto;
use tollgate_terms::metadata as names;
use tonic::metadata::{MetadataMap, MetadataValue};

use crate::Environment;
use crate::events::timestamp;
use crate::principal::SIGNING_CONTEXT;

pub use queries::stale_queries;

/// A signer of principals, as the gateway has one.
pub struct Signer {
    id: String,
    pair: Ed25519KeyPair,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Signer").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Signer {
    /// Generates a key pair; none if the system gives no randomness.
    #[must_use]
    pub fn generate(id: &str) -> Option<Self> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).ok()?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).ok()?;
        Some(Self { id: id.into(), pair })
    }

    /// Returns its line in a file of public keys.
    #[must_use]
    pub fn public_line(&self) -> String {
        use base64::Engine as _;
        let key = base64::engine::general_purpose::STANDARD.encode(self.pair.public_key().as_ref());
        format!("{} {key}\n", self.id)
    }

    /// Signs a principal.
    #[must_use]
    pub fn sign(&self, principal: &proto::Principal) -> proto::SignedPrincipal {
        let principal = principal.encode_to_vec();
        let message = [SIGNING_CONTEXT, &principal].concat();
        let signature = self.pair.sign(&message).as_ref().to_vec();
        proto::SignedPrincipal { principal, signing_key_id: self.id.clone(), signature }
    }

    /// Signs a principal into a call's metadata.
    pub fn attach(&self, principal: &proto::Principal, metadata: &mut MetadataMap) {
        let value = MetadataValue::from_bytes(&self.sign(principal).encode_to_vec());
        metadata.insert_bin(names::PRINCIPAL, value);
    }
}

/// Makes a tenant's principal with full access, valid from now for 20 s.
#[must_use]
pub fn tenant(
    service: &str,
    tenant_id: &str,
    environment: Environment,
    scopes: &[&str],
) -> proto::Principal {
    let now = OffsetDateTime::now_utc();
    proto::Principal {
        tenant_id: tenant_id.into(),
        environment: proto::Environment::from(environment).into(),
        scopes: scopes.iter().map(|&scope| scope.into()).collect(),
        key_id: "key_test".into(),
        access: proto::Access::Full.into(),
        audience_service: service.into(),
        audience_environment: proto::Environment::from(environment).into(),
        issued_at: Some(timestamp(now)),
        expires_at: Some(timestamp(now + Duration::seconds(20))),
        issuer: "tollgate".into(),
        role: proto::Role::Tenant.into(),
    }
}

/// Makes the gateway's own principal, valid from now for 20 s.
#[must_use]
pub fn gateway(service: &str, environment: Environment) -> proto::Principal {
    proto::Principal {
        tenant_id: String::new(),
        key_id: String::new(),
        scopes: Vec::new(),
        role: proto::Role::Gateway.into(),
        ..tenant(service, "", environment, &[])
    }
}

/// Writes the metadata of an operation, both digests derived from short texts.
///
/// # Errors
/// None in practice: digests are always legal metadata.
pub fn operation(
    key: &str,
    body: &str,
    metadata: &mut MetadataMap,
) -> Result<(), tonic::metadata::errors::InvalidMetadataValue> {
    metadata.insert(names::OPERATION_KEY, digest(key).parse()?);
    metadata.insert(names::REQUEST_FINGERPRINT, digest(body).parse()?);
    Ok(())
}

/// Serves in this process, on a loopback port, until the runtime ends.
///
/// # Errors
/// If no port can be bound.
pub async fn serve(routes: tonic::service::Routes) -> std::io::Result<std::net::SocketAddr> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let incoming = tonic::transport::server::TcpIncoming::from(listener);
    let server = tonic::transport::Server::builder().add_routes(routes);
    tokio::spawn(server.serve_with_incoming(incoming));
    Ok(address)
}

/// Returns the paths of every RPC of a package, as `/package.Service/Method`.
///
/// # Errors
/// None in practice: the descriptor set is part of the build.
pub fn rpcs(package: &str) -> Result<Vec<String>, prost::DecodeError> {
    let set = prost_types::FileDescriptorSet::decode(tollgate_proto::FILE_DESCRIPTOR_SET)?;
    let files = set.file.iter().filter(|file| file.package() == package);
    Ok(files
        .flat_map(|file| &file.service)
        .flat_map(|service| service.method.iter().map(move |method| (service, method)))
        .map(|(service, method)| format!("/{package}.{}/{}", service.name(), method.name()))
        .collect())
}

/// Calls an RPC with an empty message and the given metadata.
///
/// # Errors
/// The status of the RPC.
pub async fn call_empty(
    channel: &tonic::transport::Channel,
    path: &str,
    metadata: MetadataMap,
) -> Result<(), tonic::Status> {
    let mut client = tonic::client::Grpc::new(channel.clone());
    let ready = client.ready().await;
    ready.map_err(|error| tonic::Status::unavailable(error.to_string()))?;
    let path = http::uri::PathAndQuery::try_from(path)
        .map_err(|error| tonic::Status::internal(error.to_string()))?;
    let mut request = tonic::Request::new(());
    *request.metadata_mut() = metadata;
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    client.unary(request, path, codec).await.map(drop)
}

fn digest(text: &str) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
    data_encoding::HEXLOWER.encode(digest.as_ref())
}
