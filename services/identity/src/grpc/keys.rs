//! `IdentityService`: a tenant's own keys, in the environment of the key that it calls with.
//!
//! What is stored as an operation's answer never holds a key: a repeat of a mint gets everything but
//! the secret, and is told so.

use std::time::Duration;

use ring::rand::SystemRandom;
use secrecy::ExposeSecret as _;
use sqlx::PgPool;
use tollgate_commons::operation::{Operation, Scope, Unit};
use tollgate_commons::principal::{self, Effect, Principal};
use tollgate_commons::{Environment, Error};
use tollgate_proto::identity as proto;
use tollgate_proto::identity::identity_service_server::IdentityService;
use tonic::{Request, Response, Status};

use super::convert;
use crate::domain::key::{self, Minted};
use crate::domain::scope;
use crate::error;
use crate::pepper::Peppers;
use crate::store::keys::{self, Key, NewKey};

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

    async fn list(
        &self,
        request: Request<proto::ListApiKeysRequest>,
    ) -> Result<proto::ListApiKeysResponse, Error> {
        let principal = principal::tenant(&request)?;
        principal.require(READ, Effect::Read)?;
        let asked = request.get_ref();
        let size = convert::page_size(asked.page_size)?;
        let before = Some(asked.page_token.as_str()).filter(|token| !token.is_empty());
        let (tenant, environment) = (principal.tenant_id(), principal.environment());
        let mut found = keys::list(&self.pool, tenant, environment, before, size + 1).await?;
        let more = i64::try_from(found.len()).unwrap_or(i64::MAX) > size;
        if more {
            found.pop();
        }
        let last = found.last().filter(|_| more);
        Ok(proto::ListApiKeysResponse {
            next_page_token: last.map(|key| key.key_id.clone()).unwrap_or_default(),
            api_keys: found.iter().map(convert::api_key).collect(),
        })
    }

    async fn mint(
        &self,
        request: Request<proto::MintApiKeyRequest>,
    ) -> Result<proto::MintApiKeyResponse, Error> {
        let (principal, scope) = writer(&request)?;
        let asked = request.into_inner();
        let scopes =
            scope::check(asked.scopes.iter().map(String::as_str)).map_err(error::Error::from)?;
        within(&principal, scopes.iter())?;
        let label = convert::label(asked.label)?;
        let lifetime = convert::lifetime(asked.lifetime)?;

        let begun = Unit::begin(&self.pool, scope, "MintApiKey").await?;
        let mut unit = match begun.or_earlier()? {
            Ok(unit) => unit,
            Err(earlier) => return Ok(earlier),
        };
        let minted = mint(principal.environment())?;
        let new = self.new_key(&minted, scopes.into_iter().collect(), label, lifetime)?;
        let key = match keys::insert(&mut unit, new).await {
            Ok(key) => key,
            Err(refusal) => return Err(unit.refuse(refusal.into()).await),
        };
        let mut answer = proto::MintApiKeyResponse {
            api_key: Some(convert::api_key(&key)),
            secret: String::new(),
            secret_withheld: true,
        };
        unit.commit(&answer).await?;
        answer.secret = minted.secret.expose_secret().to_owned();
        answer.secret_withheld = false;
        Ok(answer)
    }

    async fn revoke(
        &self,
        request: Request<proto::RevokeApiKeyRequest>,
    ) -> Result<proto::RevokeApiKeyResponse, Error> {
        let (_, scope) = writer(&request)?;
        let asked = request.into_inner();
        let begun = Unit::begin(&self.pool, scope, "RevokeApiKey").await?;
        let mut unit = match begun.or_earlier()? {
            Ok(unit) => unit,
            Err(earlier) => return Ok(earlier),
        };
        let key = match keys::lock(&mut unit, &asked.key_id).await {
            Ok((key, _)) => keys::revoke(&mut unit, key).await?,
            Err(refusal) => return Err(unit.refuse(refusal.into()).await),
        };
        let answer = proto::RevokeApiKeyResponse { api_key: Some(convert::api_key(&key)) };
        unit.commit(&answer).await?;
        Ok(answer)
    }

    async fn rotate(
        &self,
        request: Request<proto::RotateApiKeyRequest>,
    ) -> Result<proto::RotateApiKeyResponse, Error> {
        let (principal, scope) = writer(&request)?;
        let asked = request.into_inner();
        let overlap = convert::overlap(asked.overlap)?;
        let begun = Unit::begin(&self.pool, scope, "RotateApiKey").await?;
        let mut unit = match begun.or_earlier()? {
            Ok(unit) => unit,
            Err(earlier) => return Ok(earlier),
        };
        let old = match rotatable(&mut unit, &principal, &asked.key_id).await {
            Ok(old) => old,
            Err(refusal) => return Err(unit.refuse(refusal.into()).await),
        };
        let minted = mint(principal.environment())?;
        let lifetime = old.expires_at.map(|end| end - old.created_at);
        let lifetime = lifetime.and_then(|lifetime| lifetime.try_into().ok());
        let new = NewKey {
            succeeds: Some(old.key_id.clone()),
            ..self.new_key(&minted, old.scopes.clone(), old.label.clone(), lifetime)?
        };
        // A second successor breaks a constraint, and with it the transaction: nothing to commit.
        let key = keys::insert(&mut unit, new).await?;
        let replaced = keys::retire(&mut unit, &old, overlap, &key.key_id).await?;
        let mut answer = proto::RotateApiKeyResponse {
            api_key: Some(convert::api_key(&key)),
            secret: String::new(),
            secret_withheld: true,
            replaced: Some(convert::api_key(&replaced)),
        };
        unit.commit(&answer).await?;
        answer.secret = minted.secret.expose_secret().to_owned();
        answer.secret_withheld = false;
        Ok(answer)
    }

    fn new_key(
        &self,
        minted: &Minted,
        scopes: Vec<String>,
        label: String,
        lifetime: Option<Duration>,
    ) -> Result<NewKey, Error> {
        let peppered = self.peppers.newest(&minted.sha256);
        let peppered = peppered.ok_or(Error::Internal { doing: "find a pepper" })?;
        let last_four = minted.last_four.clone();
        Ok(NewKey { peppered, last_four, scopes, label, lifetime, succeeds: None })
    }
}

#[tonic::async_trait]
impl IdentityService for Keys {
    async fn list_api_keys(
        &self,
        request: Request<proto::ListApiKeysRequest>,
    ) -> Result<Response<proto::ListApiKeysResponse>, Status> {
        Ok(Response::new(self.list(request).await?))
    }

    async fn mint_api_key(
        &self,
        request: Request<proto::MintApiKeyRequest>,
    ) -> Result<Response<proto::MintApiKeyResponse>, Status> {
        Ok(Response::new(self.mint(request).await?))
    }

    async fn revoke_api_key(
        &self,
        request: Request<proto::RevokeApiKeyRequest>,
    ) -> Result<Response<proto::RevokeApiKeyResponse>, Status> {
        Ok(Response::new(self.revoke(request).await?))
    }

    async fn rotate_api_key(
        &self,
        request: Request<proto::RotateApiKeyRequest>,
    ) -> Result<Response<proto::RotateApiKeyResponse>, Status> {
        Ok(Response::new(self.rotate(request).await?))
    }
}

fn writer<T>(request: &Request<T>) -> Result<(Principal, Scope), Error> {
    let principal = principal::tenant(request)?.clone();
    principal.require(WRITE, Effect::MoneyIn)?;
    let operation = Operation::optional(request.metadata())?;
    let scope = Scope::of_call(&principal, request.metadata(), operation);
    Ok((principal, scope))
}

/// Whoever could mint or rotate beyond its own scopes could give itself any.
fn within<'a>(
    principal: &Principal,
    mut scopes: impl Iterator<Item = &'a String>,
) -> Result<(), error::Error> {
    match scopes.all(|scope| principal.scopes().contains(scope)) {
        true => Ok(()),
        false => Err(error::Error::BeyondOwnScopes),
    }
}

async fn rotatable(
    unit: &mut Unit,
    principal: &Principal,
    key_id: &str,
) -> Result<Key, error::Error> {
    let (key, active) = keys::lock(unit, key_id).await?;
    within(principal, key.scopes.iter())?;
    if active { Ok(key) } else { Err(error::Error::KeyNotActive) }
}

fn mint(environment: Environment) -> Result<Minted, Error> {
    key::mint(environment, &SystemRandom::new()).map_err(|source| error::Error::from(source).into())
}
