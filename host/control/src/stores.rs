//! Back ends of the capabilities: opened once, shared by all Snapshots of the process, so that a
//! reload forgets no quota, no claim and no cached credential.

mod assumed;

use std::path::PathBuf;
use std::sync::Arc;

use tollgate_capability::credentials::{CredentialStore, Resolver, ResolverOptions};
use tollgate_capability::idempotency::IdempotencyStore;
use tollgate_capability::principal::{Audience, PrincipalSigner};
use tollgate_capability::{Clock, Stores, SystemClock};
use tollgate_chain::{Environment, Principal};
use tollgate_config::{self as config, Config, ConfigProblem, with_causes};
use tollgate_stores::file::{FileCredentials, FileIdempotency, FileIdempotencyOptions, SealingKey};
use tollgate_stores::identity::{IdentityCredentials, IdentityEndpoint};
use tollgate_stores::memory::{
    AddressFailures, MemoryIdempotency, MemoryIdempotencyLimits, MemoryQuota, MemoryQuotaLimits,
};

use self::assumed::Assumed;
pub use self::assumed::AssumedCaller;

/// The reason why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file of idempotency records.
    #[error("idempotency records")]
    Idempotency(#[source] tollgate_stores::Error),
    /// The file of credentials.
    #[error("credentials")]
    Credentials(#[source] tollgate_stores::Error),
    /// The identity service's address.
    #[error("identity service")]
    Identity(#[source] tollgate_stores::Error),
    /// The identity service's certificates.
    #[error("read {path}")]
    CaBundle {
        /// The file.
        path: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The identity service is asked in the gateway's own name.
    #[error("[stores.credentials] of kind \"identity\" needs [principal] to sign with")]
    NoSigner,
}

/// The open stores, and what must be closed or refreshed by hand.
#[derive(Debug, Clone)]
pub struct OpenStores {
    /// The stores as exchanges ask them.
    pub stores: Arc<Stores>,
    credentials: Option<(Arc<FileCredentials>, PathBuf)>,
    idempotency: Option<FileIdempotency>,
}

impl OpenStores {
    /// Opens the stores that the configuration names. To be called within the runtime.
    ///
    /// # Errors
    /// A file cannot be read, or an address cannot be used.
    pub fn open(config: &Config, signer: Option<&Arc<PrincipalSigner>>) -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let own = config.stores();
        let (idempotency, file) = idempotency(&own.idempotency, &clock)?;
        let (store, credentials) = credentials(&own.credentials, signer, &clock)?;
        let config::QuotaStoreConfig::Memory { entries_max } = own.quota;
        let limits = MemoryQuotaLimits {
            principal_buckets_max: entries_max,
            ..MemoryQuotaLimits::default()
        };
        let stores = Stores {
            clock: Arc::clone(&clock),
            quota: Arc::new(MemoryQuota::new(Arc::clone(&clock), limits)),
            idempotency,
            credentials: resolver(store, clock),
        };
        Ok(Self { stores: Arc::new(stores), credentials, idempotency: file })
    }

    /// Stores that begin empty and end with the process: nothing of the configuration's own is
    /// touched, beside the file of credentials, which is read. No service is asked.
    /// Every well-formed key is taken for `caller`, if there is one.
    pub fn in_memory(config: &Config, caller: Option<Arc<Principal>>) -> Result<Self, Error> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let store: Arc<dyn CredentialStore> = match (&config.stores().credentials, caller) {
            (config::CredentialStoreConfig::Identity { .. }, None) => Arc::new(Assumed(None)),
            (own, None) => credentials(own, None, &clock)?.0,
            (_, caller) => Arc::new(Assumed(caller)),
        };
        let limits = MemoryIdempotencyLimits::default();
        let stores = Stores {
            clock: Arc::clone(&clock),
            quota: Arc::new(MemoryQuota::new(Arc::clone(&clock), MemoryQuotaLimits::default())),
            idempotency: Arc::new(MemoryIdempotency::new(Arc::clone(&clock), limits)),
            credentials: resolver(store, clock),
        };
        Ok(Self { stores: Arc::new(stores), credentials: None, idempotency: None })
    }

    /// Reads the file of credentials again; the former keys stay where it is wrong.
    ///
    /// # Errors
    /// The file cannot be read, or a line of it is wrong.
    pub fn refresh(&self) -> Result<(), Vec<ConfigProblem>> {
        let Some((store, path)) = &self.credentials else { return Ok(()) };
        match store.reload(path) {
            Ok(keys) => {
                tracing::info!(keys, "credentials read");
                Ok(())
            }
            Err(error) => Err(vec![ConfigProblem {
                file: path.clone(),
                line: 0,
                key: String::new(),
                message: with_causes(&error),
            }]),
        }
    }

    /// Writes what is pending. Blocks.
    pub fn close(&self) {
        if let Some(file) = &self.idempotency {
            file.close();
        }
    }
}

fn resolver(store: Arc<dyn CredentialStore>, clock: Arc<dyn Clock>) -> Resolver {
    let rate = AddressFailures::DEFAULT_RATE;
    let failures = Arc::new(AddressFailures::new(Arc::clone(&clock), rate));
    Resolver::new(store, failures, clock, ResolverOptions::default())
}

/// The problem of the file of credentials, if there is one: for `check`, which opens no store.
pub(crate) fn credentials_problem(config: &Config) -> Option<ConfigProblem> {
    let config::CredentialStoreConfig::File { path } = &config.stores().credentials else {
        return None;
    };
    if let Err(error) = std::fs::metadata(path) {
        return Some(path.unreadable("a file of credentials", &error));
    }
    let opened = FileCredentials::open(path, Arc::new(SystemClock::new()));
    opened.err().map(|error| path.problem(&with_causes(&error)))
}

type Idempotency = (Arc<dyn IdempotencyStore>, Option<FileIdempotency>);

fn idempotency(
    own: &config::IdempotencyStoreConfig,
    clock: &Arc<dyn Clock>,
) -> Result<Idempotency, Error> {
    let clock = Arc::clone(clock);
    match own {
        config::IdempotencyStoreConfig::Memory { entries_max, ttl } => {
            let limits = MemoryIdempotencyLimits {
                records_max: *entries_max,
                ttl: *ttl,
                ..MemoryIdempotencyLimits::default()
            };
            Ok((Arc::new(MemoryIdempotency::new(clock, limits)), None))
        }
        config::IdempotencyStoreConfig::File { path, entries_max, ttl } => {
            let options = FileIdempotencyOptions {
                records_max: u64::try_from(*entries_max).unwrap_or(u64::MAX),
                ttl: *ttl,
                sealing_key: Some(
                    SealingKey::load_or_create(&path.with_extension("key"))
                        .map_err(Error::Idempotency)?,
                ),
            };
            let file = FileIdempotency::open(path, clock, options).map_err(Error::Idempotency)?;
            Ok((Arc::new(file.clone()), Some(file)))
        }
    }
}

type Credentials = (Arc<dyn CredentialStore>, Option<(Arc<FileCredentials>, PathBuf)>);

fn credentials(
    own: &config::CredentialStoreConfig,
    signer: Option<&Arc<PrincipalSigner>>,
    clock: &Arc<dyn Clock>,
) -> Result<Credentials, Error> {
    match own {
        config::CredentialStoreConfig::None => {
            let empty =
                FileCredentials::parse("", Arc::clone(clock)).map_err(Error::Credentials)?;
            Ok((Arc::new(empty), None))
        }
        config::CredentialStoreConfig::File { path } => {
            let file =
                FileCredentials::open(path, Arc::clone(clock)).map_err(Error::Credentials)?;
            let file = Arc::new(file);
            Ok((Arc::clone(&file) as _, Some((file, path.to_path_buf()))))
        }
        config::CredentialStoreConfig::Identity { endpoint, ca_bundle, .. } => {
            let signer = signer.ok_or(Error::NoSigner)?;
            let read = |path: &config::Located<PathBuf>| {
                let path_text = path.display().to_string();
                std::fs::read(path).map_err(|source| Error::CaBundle { path: path_text, source })
            };
            let endpoint = IdentityEndpoint {
                uri: endpoint.to_string(),
                ca_pem: ca_bundle.as_ref().map(read).transpose()?,
                server_name: None,
                audience: Audience { service: "identity".into(), environment: Environment::Live },
            };
            let identity =
                IdentityCredentials::new(&endpoint, Arc::clone(signer)).map_err(Error::Identity)?;
            Ok((Arc::new(identity), None))
        }
    }
}
