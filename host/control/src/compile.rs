//! Config → Snapshot. Start-up, reload and `check` walk this one road.
//!
//! Unchanged parts are carried over from the Snapshot before: components by file, settings, grants
//! and limits; upstreams with their connections; stores with what they hold.

mod chain_infos;
mod classes;
mod components;
mod routes;
mod start_values;
mod targets;

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tollgate_capability::principal::PrincipalSigner;
use tollgate_chain::{Chain, Principal};
use tollgate_config::{Config, ConfigProblem, DescriptorsConfig, Problems};
use tollgate_edge::Responder;
use tollgate_proxy::{BoxedHost, Ledger, ReceiptLog, Snapshot, Targets};
use tollgate_runtime::{CompiledCache, DeclaredEngineError, Engine, declared_engine};

use crate::rollouts::Rollouts;
use crate::stores::OpenStores;
use components::Components;
use start_values::StartValues;

/// Makes Snapshots of one policies folder.
#[derive(Debug)]
pub struct SnapshotBuilder {
    folder: PathBuf,
    engine: Engine,
    stores: OpenStores,
    components: Components,
    ledger: Ledger,
    receipts: ReceiptLog,
    rollouts: Rollouts,
    generation: u64,
    /// The values that no reload changes.
    start_values: StartValues,
    /// The configuration that was last read without a problem.
    config: Config,
}

/// The back ends that a Snapshot is built on.
#[derive(Debug)]
pub enum BuildMode {
    /// Caches, stores and everything else that the configuration names and that outlives the
    /// process.
    Serve(ReceiptLog, Rollouts),
    /// Memory alone: nothing is left behind and nobody is asked. Keys are this principal's, if
    /// there is one.
    DryRun(Option<Arc<Principal>>),
}

/// The compiled parts of a Snapshot that has no stores and no number yet.
#[derive(Debug)]
struct Compiled {
    routes: routes::Routes,
    chains: Vec<Chain<BoxedHost>>,
    targets: Arc<Targets>,
    signer: Option<Arc<PrincipalSigner>>,
}

impl SnapshotBuilder {
    /// Compiles the folder for the first time and opens its stores. Blocks for as long as compiling
    /// takes; to be called within the runtime, off its serving threads.
    ///
    /// # Errors
    /// Everything that is wrong with the configuration and with what it names, or the engine cannot
    /// be started.
    pub fn open(
        folder: &Path,
        config: Config,
        ledger: Ledger,
        mode: BuildMode,
    ) -> Result<(Self, Snapshot), Error> {
        let (cached, rollouts) = match &mode {
            BuildMode::Serve(_, rollouts) => (CompiledCache::Configured, rollouts.clone()),
            BuildMode::DryRun(_) => (CompiledCache::Off, Rollouts::default()),
        };
        let engine = declared_engine(&config, cached)?;
        let mut components = Components::default();
        let compiled = compile(&config, &engine, &mut components, &rollouts, None);

        // Stores may need the signer; without one because of another problem, theirs are told too.
        let signer = compiled.as_ref().ok().and_then(|compiled| compiled.signer.as_ref());
        let (stores, receipts) = match mode {
            BuildMode::Serve(receipts, _) => match &compiled {
                Ok(_) => (OpenStores::open(&config, signer), receipts),
                // Nothing is opened for a configuration that is refused.
                Err(_) => (OpenStores::in_memory(&config, signer, None), receipts),
            },
            BuildMode::DryRun(caller) => {
                let receipts = ReceiptLog::new(config.receipts());
                (OpenStores::in_memory(&config, signer, caller), receipts)
            }
        };
        let (compiled, stores) = both(compiled, stores)?;

        let (folder, generation) = (folder.to_owned(), 0);
        let start_values = StartValues::of(&config);
        let mut builder = Self {
            folder,
            engine,
            stores,
            components,
            ledger,
            receipts,
            rollouts,
            generation,
            start_values,
            config,
        };
        let snapshot = builder.number(compiled);
        Ok((builder, snapshot))
    }

    /// Compiles the folder again.
    ///
    /// # Errors
    /// Everything that is wrong; what was built before is unchanged.
    pub fn rebuild(&mut self, current: &Snapshot) -> Result<Snapshot, Problems> {
        let config = tollgate_config::load(&self.folder)?;
        let stage = config.stage();
        if **stage != **self.config.stage() {
            let message = "expected the stage of the start; a process keeps its stage";
            return Err(Problems::from(vec![stage.problem(message)]));
        }

        let mut components = self.components.clone();
        let targets = Some(&current.targets);
        let compiled = compile(&config, &self.engine, &mut components, &self.rollouts, targets)?;
        self.stores.refresh().map_err(Problems::from)?;
        components.forget_unused();
        self.components = components;
        self.config = config;

        let keys = self.start_values.differing(&self.config);
        if !keys.is_empty() {
            let keys = keys.join(", ");
            tracing::warn!(
                keys,
                "changed values take effect after a restart; until then the previous ones stay in force"
            );
        }
        Ok(self.number(compiled))
    }

    /// Names the policies that are configured in each instance, and why.
    #[must_use]
    pub fn unsnapshotted(&self) -> &BTreeMap<String, String> {
        self.components.unsnapshotted()
    }

    /// Returns the configuration that serves.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the stores, which outlive Snapshots.
    #[must_use]
    pub fn stores(&self) -> &OpenStores {
        &self.stores
    }

    /// Lists every file and folder that a Snapshot is made of.
    #[must_use]
    pub fn inputs(&self) -> Vec<PathBuf> {
        inputs(&self.config)
    }

    fn number(&mut self, compiled: Compiled) -> Snapshot {
        self.generation += 1;
        let config = &self.config;
        self.receipts.configure(config.receipts());
        self.rollouts.settle(config, &compiled.chains);

        let identity = |policy: &str| self.components.identity(policy);
        let listeners = config.listeners().iter();

        Snapshot {
            meters: self.ledger.open(&compiled.chains),
            receipts: self.receipts.clone(),
            chain_infos: chain_infos::chain_infos(config, &compiled.chains, identity),
            generation: self.generation,
            routes: compiled.routes.table,
            bindings: compiled.routes.bindings,
            chains: compiled.chains,
            listener_chains: listeners
                .map(|listener| (listener.name.clone(), listener.chain))
                .collect::<HashMap<_, _>>(),
            targets: compiled.targets,
            stores: Arc::clone(&self.stores.stores),
            signer: compiled.signer,
            responder: Arc::new(Responder::new(config.problem_type_base())),
            hidden_headers: config.hidden_headers().into(),
        }
    }
}

/// Compiles everything that needs neither sockets nor stores.
fn compile(
    config: &Config,
    engine: &Engine,
    components: &mut Components,
    rollouts: &Rollouts,
    current: Option<&Arc<Targets>>,
) -> Result<Compiled, Problems> {
    let mut problems = Vec::new();
    let routes = routes::routes(config, &mut problems);
    let chains = components::chains(config, engine, components, rollouts, &mut problems);
    let targets = targets::targets(config, current, &mut problems);
    let signer = targets::signer(config, &mut problems);
    match (routes, chains, targets, signer) {
        (Some(routes), Some(chains), Some(targets), Some(signer)) if problems.is_empty() => {
            Ok(Compiled { routes, chains, targets, signer })
        }
        _ => Err(Problems::from(problems)),
    }
}

/// Joins what was compiled with the stores, or the problems of both.
fn both(
    compiled: Result<Compiled, Problems>,
    stores: Result<OpenStores, Vec<ConfigProblem>>,
) -> Result<(Compiled, OpenStores), Problems> {
    match (compiled, stores) {
        (Ok(compiled), Ok(stores)) => Ok((compiled, stores)),
        (compiled, stores) => {
            let compiled = compiled.err().unwrap_or_default();
            let problems = compiled.iter().cloned().chain(stores.err().unwrap_or_default());
            Err(Problems::from(problems.collect::<Vec<_>>()))
        }
    }
}

/// The reason why there is no first Snapshot.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration, or something it names, is wrong.
    #[error("the configuration was refused\n{0}")]
    Problems(#[from] Problems),
    /// The engine cannot be started as configured.
    #[error(transparent)]
    Engine(#[from] DeclaredEngineError),
}

/// Every file and folder that a Snapshot of this configuration is made of.
pub fn inputs(config: &Config) -> Vec<PathBuf> {
    let mut inputs = config.folders().to_vec();
    for folder in config.folders() {
        inputs.extend(tollgate_config::files(folder));
    }

    inputs.extend(config.plugins().iter().map(|plugin| plugin.file.to_path_buf()));

    inputs
        .extend(config.upstreams().iter().filter_map(|one| one.tls.ca_bundle.as_deref().cloned()));
    for client in config.upstreams().iter().filter_map(|one| one.tls.client.as_ref()) {
        inputs.extend([client.certificate.to_path_buf(), client.key.to_path_buf()]);
    }
    inputs.extend(config.signing().map(|signing| signing.key_file.to_path_buf()));
    inputs.extend(config.admin_token().map(|token| token.to_path_buf()));

    match config.descriptors() {
        Some(DescriptorsConfig::Set(path)) => inputs.push(path.to_path_buf()),
        Some(DescriptorsConfig::Sources { files, .. }) => {
            inputs.extend(files.iter().map(|file| file.to_path_buf()))
        }
        None => {}
    }

    for tls in config.listeners().iter().filter_map(|listener| listener.tls.as_ref()) {
        inputs.extend([tls.certificate.to_path_buf(), tls.key.to_path_buf()]);
        let clients = tls.clients.iter();
        inputs.extend(
            clients.flat_map(|one| one.crl.iter().chain([&one.ca])).map(|path| path.to_path_buf()),
        );
    }

    if let tollgate_config::CredentialStoreConfig::File { path } = &config.stores().credentials {
        inputs.push(path.to_path_buf());
    }
    inputs
}
