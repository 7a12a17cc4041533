//! `IdentityService`: a tenant's own keys, in the environment of the key that it calls with.
//!
//! The stored answer of an operation never holds a key: a repeat of a mint gets everything except the
//! secret, and `secret_withheld`.

use std::time::Duration;

use ring::rand::SystemRandom;
use secrecy::{ExposeSecret as _, SecretString};
use sqlx::PgPool;
use tollgate_commons::Error;
use tollgate_commons::operation::{self, CommandContext, Operation, UnitOfWork};
use tollgate_commons::principal::{self, Effect, Principal};
use tollgate_commons::request::{PageRequest, label};
use tollgate_proto::identity as proto;
use tollgate_proto::identity::identity_service_server::IdentityService;
use tonic::{Request, Response, Status};

use super::convert;
use crate::domain::key::{self, MintedKey};
use crate::domain::scope;
use crate::error;
use crate::pepper::Peppers;
use crate::store::keys::{self, NewApiKey};
use crate::store::rows::ApiKey;

const READ: &str = "api-keys:read";
const WRITE: &str = "api-keys:write";

#[derive(Debug)]
pub(super) struct Keys {
    pool: PgPool,
    peppers: Peppers,
}

impl Keys {
    pub(super) fn new(pool: PgPool, peppers: Peppers) -> Self {
        Self { pool, peppers }
    }

    fn new_key(
        &self,
        minted: &MintedKey,
        scopes: Vec<String>,
        label: String,
        lifetime: Option<Duration>,
    ) -> Result<NewApiKey, Error> {
        let peppered = self.peppers.newest(&minted.sha256);
        let peppered = peppered.ok_or(Error::Internal { doing: "find a pepper" })?;
        let last_four = minted.last_four.clone();
        Ok(NewApiKey { peppered, last_four, scopes, label, lifetime, succeeds: None })
    }
}

#[tonic::async_trait]
impl IdentityService for Keys {
    async fn list_api_keys(
        &self,
        request: Request<proto::ListApiKeysRequest>,
    ) -> Result<Response<proto::ListApiKeysResponse>, Status> {
        let principal = principal::tenant(&request)?.clone();
        principal.require(READ, Effect::Read)?;
        let message = request.into_inner();
        let page = PageRequest::read(message.page_size, message.page_token)?;

        let (tenant_id, environment) = (principal.tenant_id(), principal.environment());
        let keys = keys::list(&self.pool, tenant_id, environment, &page).await?;
        let page = page.page(keys, |key| &key.key_id);
        Ok(Response::new(proto::ListApiKeysResponse {
            api_keys: page.rows.iter().map(convert::api_key).collect(),
            next_page_token: page.next_token,
        }))
    }

    async fn mint_api_key(
        &self,
        request: Request<proto::MintApiKeyRequest>,
    ) -> Result<Response<proto::MintApiKeyResponse>, Status> {
        let (principal, context) = authorise_write(&request)?;
        let message = request.into_inner();
        let scopes = message.scopes.iter().map(String::as_str);
        let scopes = scope::check(scopes).map_err(error::Error::from)?;
        require_own_scopes(&principal, scopes.iter())?;
        let label = label(message.label)?;
        let lifetime = convert::lifetime(message.lifetime)?;

        // Set if this call mints; a replay leaves it empty, and the secret withheld.
        let mut secret: Option<SecretString> = None;
        let answer = operation::run(&self.pool, context, "MintApiKey", async |unit| {
            let minted = key::mint(principal.environment(), &SystemRandom::new())?;
            let new = self.new_key(&minted, scopes.into_iter().collect(), label, lifetime)?;
            let key = keys::insert(unit, new).await?;
            secret = Some(minted.secret);
            Ok::<_, error::Error>(proto::MintApiKeyResponse {
                api_key: Some(convert::api_key(&key)),
                secret: String::new(),
                secret_withheld: true,
            })
        });
        let mut answer = answer.await?;
        if let Some(secret) = secret {
            answer.secret = secret.expose_secret().to_owned();
            answer.secret_withheld = false;
        }
        Ok(Response::new(answer))
    }

    async fn revoke_api_key(
        &self,
        request: Request<proto::RevokeApiKeyRequest>,
    ) -> Result<Response<proto::RevokeApiKeyResponse>, Status> {
        let (_, context) = authorise_write(&request)?;
        let message = request.into_inner();

        let answer = operation::run(&self.pool, context, "RevokeApiKey", async |unit| {
            let (key, _) = keys::lock(unit, &message.key_id).await?;
            let key = keys::revoke(unit, key).await?;
            let api_key = Some(convert::api_key(&key));
            Ok::<_, error::Error>(proto::RevokeApiKeyResponse { api_key })
        });
        Ok(Response::new(answer.await?))
    }

    async fn rotate_api_key(
        &self,
        request: Request<proto::RotateApiKeyRequest>,
    ) -> Result<Response<proto::RotateApiKeyResponse>, Status> {
        let (principal, context) = authorise_write(&request)?;
        let message = request.into_inner();
        let overlap = convert::overlap(message.overlap)?;

        // Set if this call rotates; a replay leaves it empty, and the secret withheld.
        let mut secret: Option<SecretString> = None;
        let answer = operation::run(&self.pool, context, "RotateApiKey", async |unit| {
            let old = lock_rotatable(unit, &principal, &message.key_id).await?;
            let minted = key::mint(principal.environment(), &SystemRandom::new())?;
            let lifetime = old.expires_at.map(|end| end - old.created_at);
            let lifetime = lifetime.and_then(|lifetime| lifetime.try_into().ok());
            let new = NewApiKey {
                succeeds: Some(old.key_id.clone()),
                ..self.new_key(&minted, old.scopes.clone(), old.label.clone(), lifetime)?
            };

            let key = keys::insert(unit, new).await?;
            let replaced = keys::retire(unit, &old, overlap, &key.key_id).await?;
            secret = Some(minted.secret);
            Ok::<_, error::Error>(proto::RotateApiKeyResponse {
                api_key: Some(convert::api_key(&key)),
                secret: String::new(),
                secret_withheld: true,
                replaced: Some(convert::api_key(&replaced)),
            })
        });
        let mut answer = answer.await?;
        if let Some(secret) = secret {
            answer.secret = secret.expose_secret().to_owned();
            answer.secret_withheld = false;
        }
        Ok(Response::new(answer))
    }
}

fn authorise_write<T>(request: &Request<T>) -> Result<(Principal, CommandContext), Error> {
    let principal = principal::tenant(request)?.clone();
    principal.require(WRITE, Effect::MoneyIn)?;
    let operation = Operation::optional(request.metadata())?;
    let context = CommandContext::for_call(&principal, request.metadata(), operation);
    Ok((principal, context))
}

/// Requires that the caller has the scopes that it gives. It could otherwise give itself any.
fn require_own_scopes<'a>(
    principal: &Principal,
    mut scopes: impl Iterator<Item = &'a String>,
) -> Result<(), error::Error> {
    match scopes.all(|scope| principal.scopes().contains(scope)) {
        true => Ok(()),
        false => Err(error::Error::BeyondOwnScopes),
    }
}

async fn lock_rotatable(
    unit: &mut UnitOfWork,
    principal: &Principal,
    key_id: &str,
) -> Result<ApiKey, error::Error> {
    let (key, is_active) = keys::lock(unit, key_id).await?;
    require_own_scopes(principal, key.scopes.iter())?;
    if is_active { Ok(key) } else { Err(error::Error::KeyNotActive) }
}
