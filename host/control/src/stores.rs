//! Back ends of the capabilities: opened once, shared by all Snapshots of the process, so that a
//! reload forgets no quota, no claim and no cached credential.

mod assumed;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_capability::credentials::{CredentialStore, Resolver, ResolverOptions};
use tollgate_capability::idempotency::IdempotencyStore;
use tollgate_capability::principal::{Audience, PrincipalSigner};
use tollgate_capability::{Clock, StoreHealth, Stores, SystemClock};
use tollgate_chain::{Environment, Principal};
use tollgate_config::{self as config, Config, ConfigProblem, with_causes};
use tollgate_stores::file::{FileCredentials, FileIdempotency, FileIdempotencyOptions, SealingKey};
use tollgate_stores::identity::{IdentityCredentials, IdentityEndpoint};
use tollgate_stores::memory::{
    AddressFailures, MemoryIdempotency, MemoryIdempotencyLimits, MemoryQuota, MemoryQuotaLimits,
};

use self::assumed::Assumed;
pub use self::assumed::AssumedCaller;

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
    /// A file cannot be read, or an address cannot be used; each at the key that names it.
    pub fn open(
        config: &Config,
        signer: Option<&Arc<PrincipalSigner>>,
    ) -> Result<Self, Vec<ConfigProblem>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let own = config.stores();
        let idempotency = idempotency(&own.idempotency, &clock);
        let credentials = credentials(&own.credentials, signer, &clock);

        let ((idempotency, file), (store, credentials)) = match (idempotency, credentials) {
            (Ok(idempotency), Ok(credentials)) => (idempotency, credentials),
            (idempotency, credentials) => {
                return Err([idempotency.err(), credentials.err()].into_iter().flatten().collect());
            }
        };

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

    /// Makes stores that begin empty and end with the process. Everything that [`open`](Self::open)
    /// reads is read, nothing of the configuration's own is written or locked, and no service is
    /// asked. With a `caller` every well-formed key is taken for it, and no store of keys is read.
    /// To be called within the runtime.
    ///
    /// # Errors
    /// The errors of [`open`](Self::open).
    pub fn in_memory(
        config: &Config,
        signer: Option<&Arc<PrincipalSigner>>,
        caller: Option<Arc<Principal>>,
    ) -> Result<Self, Vec<ConfigProblem>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let declared = config.stores();
        let idempotency = idempotency_readable(&declared.idempotency);
        let is_signer_refused = signer.is_none() && config.signing().is_some();

        let credentials = match caller {
            // The problem of the signer is told where it is compiled.
            None if is_signer_refused => Ok(Arc::new(Assumed(None)) as Arc<dyn CredentialStore>),
            Some(caller) => Ok(Arc::new(Assumed(Some(caller))) as Arc<dyn CredentialStore>),
            None => credentials(&declared.credentials, signer, &clock).map(|(store, _)| {
                match &declared.credentials {
                    // The service is known to be usable as declared, and is not asked.
                    config::CredentialStoreConfig::Identity { .. } => Arc::new(Assumed(None)),
                    config::CredentialStoreConfig::None
                    | config::CredentialStoreConfig::File { .. } => store,
                }
            }),
        };

        let store = match (idempotency, credentials) {
            (Ok(()), Ok(store)) => store,
            (idempotency, credentials) => {
                return Err([idempotency.err(), credentials.err()].into_iter().flatten().collect());
            }
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

    /// Returns the states of the stores that may fail while they are open.
    #[must_use]
    pub fn health(&self) -> Vec<StoreHealth> {
        self.idempotency.iter().map(FileIdempotency::health).collect()
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

type Idempotency = (Arc<dyn IdempotencyStore>, Option<FileIdempotency>);

fn idempotency(
    declared: &config::IdempotencyStoreConfig,
    clock: &Arc<dyn Clock>,
) -> Result<Idempotency, ConfigProblem> {
    idempotency_readable(declared)?;
    let clock = Arc::clone(clock);

    match declared {
        config::IdempotencyStoreConfig::Memory { entries_max, tenant_entries_max, ttl } => {
            let limits = MemoryIdempotencyLimits {
                records_max: *entries_max,
                owner_records_max: *tenant_entries_max,
                ttl: *ttl,
                ..MemoryIdempotencyLimits::default()
            };
            Ok((Arc::new(MemoryIdempotency::new(clock, limits)), None))
        }
        config::IdempotencyStoreConfig::File { path, entries_max, tenant_entries_max, ttl } => {
            let problem = |error: tollgate_stores::Error| {
                path.problem(&format!("idempotency records: {}", with_causes(&error)))
            };
            let sealing_key =
                SealingKey::load_or_create(&path.with_extension("key")).map_err(problem)?;

            let options = FileIdempotencyOptions {
                records_max: u64::try_from(*entries_max).unwrap_or(u64::MAX),
                owner_records_max: u64::try_from(*tenant_entries_max).unwrap_or(u64::MAX),
                ttl: *ttl,
                sealing_key: Some(sealing_key),
            };
            let file = FileIdempotency::open(path, clock, options).map_err(problem)?;
            Ok((Arc::new(file.clone()), Some(file)))
        }
    }
}

/// Checks the file of idempotency records as far as that neither makes nor locks it: a gateway that
/// runs may hold it.
fn idempotency_readable(declared: &config::IdempotencyStoreConfig) -> Result<(), ConfigProblem> {
    let config::IdempotencyStoreConfig::File { path, .. } = declared else { return Ok(()) };
    if path.is_dir() {
        return Err(path.problem(&format!("expected a file, found the folder {}", path.display())));
    }
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            let expected = "expected a folder for idempotency records at";
            Err(path.problem(&format!("{expected} {}", folder.display())))
        }
        _ => Ok(()),
    }?;

    // The key of the records exists from the first start on.
    let key = path.with_extension("key");
    if key.exists() {
        let loaded = SealingKey::load_or_create(&key);
        loaded.map_err(|error| {
            path.problem(&format!("idempotency records: {}", with_causes(&error)))
        })?;
    }
    Ok(())
}

type Credentials = (Arc<dyn CredentialStore>, Option<(Arc<FileCredentials>, PathBuf)>);

fn credentials(
    declared: &config::CredentialStoreConfig,
    signer: Option<&Arc<PrincipalSigner>>,
    clock: &Arc<dyn Clock>,
) -> Result<Credentials, ConfigProblem> {
    match declared {
        config::CredentialStoreConfig::None => {
            let empty = FileCredentials::parse("", Arc::clone(clock)).map_err(|error| {
                ConfigProblem::of_file(Path::new("[stores.credentials]"), &with_causes(&error))
            })?;
            Ok((Arc::new(empty), None))
        }
        config::CredentialStoreConfig::File { path } => {
            if let Err(error) = std::fs::metadata(path) {
                return Err(path.unreadable("a file of credentials", &error));
            }

            let file = FileCredentials::open(path, Arc::clone(clock))
                .map_err(|error| path.problem(&with_causes(&error)))?;
            let file = Arc::new(file);
            Ok((Arc::clone(&file) as _, Some((file, path.to_path_buf()))))
        }
        config::CredentialStoreConfig::Identity { endpoint, ca_bundle, .. } => {
            let signer = signer.ok_or_else(|| {
                endpoint.problem("a store of kind \"identity\" needs [principal] to sign with")
            })?;
            let read = |path: &config::Located<PathBuf>| {
                std::fs::read(path).map_err(|error| path.unreadable("a PEM file", &error))
            };

            let identity = IdentityEndpoint {
                uri: (**endpoint).clone(),
                ca_pem: ca_bundle.as_ref().map(read).transpose()?,
                server_name: None,
                audience: Audience { service: "identity".into(), environment: Environment::Live },
            };

            let identity = IdentityCredentials::new(&identity, Arc::clone(signer))
                .map_err(|error| endpoint.problem(&with_causes(&error)))?;
            Ok((Arc::new(identity), None))
        }
    }
}
