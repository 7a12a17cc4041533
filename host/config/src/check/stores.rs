//! Back ends of stores.

use std::time::Duration;

use http::Uri;

use super::Checker;
use crate::keys::ConfigKey;
use crate::keys::stores::{STORES, credentials, idempotency, quota};
use crate::keys::{CredentialBackEnd, IdempotencyBackEnd, QuotaBackEnd};
use crate::reader::ItemReader;
use crate::types::{CredentialStoreConfig, IdempotencyStoreConfig, QuotaStoreConfig, StoresConfig};

pub(super) fn stores(checker: &Checker<'_>) -> Option<StoresConfig> {
    let [quota, idempotency, credentials] =
        ["quota", "idempotency", "credentials"].map(|name| checker.reader(&STORES, name));
    // All three are read before the first that is wrong decides.
    let quota = quota_store(checker, quota);
    let idempotency = idempotency_store(checker, idempotency);
    let credentials = match credentials {
        Some(reader) => credential_store(&reader),
        None => Some(CredentialStoreConfig::None),
    };
    Some(StoresConfig { quota: quota?, idempotency: idempotency?, credentials: credentials? })
}

fn quota_store(checker: &Checker<'_>, reader: Option<ItemReader<'_>>) -> Option<QuotaStoreConfig> {
    let back_end = match &reader {
        Some(reader) => reader.word(&quota::KIND)?,
        None => QuotaBackEnd::Memory,
    };
    let reader = reader.unwrap_or_else(|| ItemReader::absent(checker.sink));
    match back_end {
        QuotaBackEnd::Memory => {
            Some(QuotaStoreConfig::Memory { entries_max: reader.size(&quota::ENTRIES_MAX) })
        }
    }
}

fn idempotency_store(
    checker: &Checker<'_>,
    reader: Option<ItemReader<'_>>,
) -> Option<IdempotencyStoreConfig> {
    let back_end = match &reader {
        Some(reader) => reader.word(&idempotency::KIND)?,
        None => IdempotencyBackEnd::Memory,
    };
    let reader = reader.unwrap_or_else(|| ItemReader::absent(checker.sink));

    let entries_max = reader.size(&idempotency::ENTRIES_MAX);
    let tenant_entries_max = reader.size(&idempotency::TENANT_ENTRIES_MAX);
    let ttl = Duration::from_hours(reader.integer(&idempotency::TTL_HOURS));
    match back_end {
        IdempotencyBackEnd::Memory => {
            Some(IdempotencyStoreConfig::Memory { entries_max, tenant_entries_max, ttl })
        }
        IdempotencyBackEnd::File => {
            let path = reader.path(&idempotency::PATH);
            let path = needed(&reader, &idempotency::PATH, "file", path)?;
            Some(IdempotencyStoreConfig::File { path, entries_max, tenant_entries_max, ttl })
        }
    }
}

fn credential_store(reader: &ItemReader<'_>) -> Option<CredentialStoreConfig> {
    match reader.word(&credentials::KIND)? {
        CredentialBackEnd::None => Some(CredentialStoreConfig::None),
        CredentialBackEnd::File => {
            let path = reader.path(&credentials::PATH);
            let path = needed(reader, &credentials::PATH, "file", path)?;
            Some(CredentialStoreConfig::File { path })
        }
        CredentialBackEnd::Identity => {
            let written = reader.text(&credentials::ENDPOINT);
            needed(reader, &credentials::ENDPOINT, "identity", written)?;
            let endpoint = reader.parse(&credentials::ENDPOINT, identity_endpoint)?;
            Some(CredentialStoreConfig::Identity {
                endpoint,
                ca_bundle: reader.path(&credentials::CA_BUNDLE),
                entries_max: reader.size(&credentials::ENTRIES_MAX),
            })
        }
    }
}

fn identity_endpoint(text: &str) -> Result<Uri, Option<String>> {
    let uri: Uri = text.parse().map_err(|_| None)?;
    let known = uri.scheme_str().is_some_and(|scheme| ["http", "https"].contains(&scheme));
    if known && uri.host().is_some() { Ok(uri) } else { Err(None) }
}

/// The value of a key that this kind of store needs.
fn needed<T>(
    reader: &ItemReader<'_>,
    key: &ConfigKey,
    kind: &str,
    written: Option<T>,
) -> Option<T> {
    if written.is_none() {
        reader.problem_at(key, &format!("expected with kind {kind:?}"));
    }
    written
}
