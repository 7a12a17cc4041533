//! The engine: how components are compiled, where instances live, and who measures them.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::{Config, InstanceAllocationStrategy, PoolingAllocationConfig};

use crate::cache::Cache;
use crate::limits::{OutOfBounds, RunLimits, widen, within};
use crate::ticker::{Running, Ticker};
use crate::{ExceededLimit, LoadError};

/// The engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The settings do not suit the machine: too much address space, most of the time.
    #[error("set up the engine: {0}")]
    Setup(String),
    /// The thread that measures guests could not be started.
    #[error("start the thread that measures guests")]
    Thread(#[from] std::io::Error),
}

/// Sizes of the engine: instances, their stacks, and their core instances.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    instances: u32,
    instance_wait: Duration,
    stack_bytes: usize,
    core_instances: u32,
}

impl EngineSettings {
    /// Instances at one time. Each reserves 16 MiB of address space and, once used, keeps up to
    /// 384 KiB of memory.
    pub const INSTANCES: RangeInclusive<u64> = 1..=10_000;
    /// Milliseconds that a run may wait for a free instance.
    pub const INSTANCE_WAIT_MS: RangeInclusive<u64> = 0..=1_000;
    /// Bytes of stack of a guest.
    pub const STACK_BYTES: RangeInclusive<u64> = 65_536..=1_048_576;

    /// Core module instances of one component.
    pub const CORE_INSTANCES: RangeInclusive<u64> = 1..=64;
    /// A main module and up to three that glue it to its imports: what a Rust policy needs.
    const CORE_INSTANCES_DEFAULT: u32 = 4;

    /// Settings within their bounds, with room for 4 core module instances in each component.
    ///
    /// # Errors
    /// Names the first that is out of its bounds.
    pub fn new(
        instances: u32,
        instance_wait: Duration,
        stack_bytes: usize,
    ) -> Result<Self, OutOfBounds> {
        let wait_ms = u64::try_from(instance_wait.as_millis()).unwrap_or(u64::MAX);
        within("instances", u64::from(instances), Self::INSTANCES)?;
        within("instance wait (ms)", wait_ms, Self::INSTANCE_WAIT_MS)?;
        within("stack (bytes)", widen(stack_bytes), Self::STACK_BYTES)?;
        let core_instances = Self::CORE_INSTANCES_DEFAULT;
        Ok(Self { instances, instance_wait, stack_bytes, core_instances })
    }

    /// The same, with room for so many core module instances in each component. The runtime of
    /// a guest's language may bring a dozen of them.
    ///
    /// # Errors
    /// The number is out of its bounds.
    pub fn with_core_instances(self, core_instances: u32) -> Result<Self, OutOfBounds> {
        within("core instances", u64::from(core_instances), Self::CORE_INSTANCES)?;
        Ok(Self { core_instances, ..self })
    }
}

impl Default for EngineSettings {
    /// 1,000 instances, a wait of 20 ms, 256 KiB of stack.
    fn default() -> Self {
        Self {
            instances: 1_000,
            instance_wait: Duration::from_millis(20),
            stack_bytes: 256 << 10,
            core_instances: Self::CORE_INSTANCES_DEFAULT,
        }
    }
}

/// Compiles components and lends them instance slots. A cheap handle: clones share everything,
/// and the thread behind it ends when the last one is dropped.
#[derive(Debug, Clone)]
pub struct Engine(Arc<EngineState>);

#[derive(Debug)]
struct EngineState {
    engine: wasmtime::Engine,
    /// Where components are configured at load: it compiles the same code, and its instances take
    /// none of the slots.
    configuring: wasmtime::Engine,
    cache: Option<Cache>,
    compilations: AtomicU64,
    slots: Arc<Semaphore>,
    instance_wait: Duration,
    /// The slot beyond those of the semaphore, for trying out one component at a time, so that a
    /// reload succeeds under full load.
    trial: Mutex<()>,
    ticker: Ticker,
}

impl Engine {
    /// An engine, with its thread running.
    ///
    /// # Errors
    /// The address space or the thread cannot be had.
    pub fn new(settings: EngineSettings) -> Result<Self, EngineError> {
        Self::make(settings, None)
    }

    /// The same, with compiled components kept in this folder. The folder is made when it is
    /// absent, and neither used nor touched when another user owns it or can write it.
    ///
    /// # Errors
    /// The address space or the thread cannot be had. Nothing that is wrong with the folder is an
    /// error.
    pub fn with_cache(settings: EngineSettings, folder: PathBuf) -> Result<Self, EngineError> {
        Self::make(settings, Some(Cache::new(folder, None)))
    }

    /// The same, with entries that are authenticated under the key of this file in place of one
    /// that is made beside the folder.
    ///
    /// # Errors
    /// The errors of [`Engine::with_cache`].
    pub fn with_keyed_cache(
        settings: EngineSettings,
        folder: PathBuf,
        key_file: PathBuf,
    ) -> Result<Self, EngineError> {
        Self::make(settings, Some(Cache::new(folder, Some(key_file))))
    }

    fn make(settings: EngineSettings, cache: Option<Cache>) -> Result<Self, EngineError> {
        let setup = |config: &Config| {
            wasmtime::Engine::new(config).map_err(|e| EngineError::Setup(format!("{e:#}")))
        };
        let mut config = config(settings);
        let configuring = setup(&config)?;
        let pool = InstanceAllocationStrategy::Pooling(pool(settings));
        let engine = setup(config.allocation_strategy(pool))?;
        let ticker = Ticker::start([engine.clone(), configuring.clone()])?;
        let slots = usize::try_from(settings.instances).unwrap_or(usize::MAX);
        Ok(Self(Arc::new(EngineState {
            engine,
            configuring,
            cache,
            compilations: AtomicU64::new(0),
            slots: Arc::new(Semaphore::new(slots.min(Semaphore::MAX_PERMITS))),
            instance_wait: settings.instance_wait,
            trial: Mutex::new(()),
            ticker,
        })))
    }

    /// Instances that could be made right now.
    #[must_use]
    pub fn instances_free(&self) -> usize {
        self.0.slots.available_permits()
    }

    /// Returns the number of components compiled so far. A new policy takes two, one to configure it in
    /// and one to run it; a cached one takes none.
    #[must_use]
    pub fn compilations(&self) -> u64 {
        self.0.compilations.load(Ordering::Relaxed)
    }

    /// Where runs happen.
    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.0.engine
    }

    /// Where components are configured at load.
    pub(crate) fn configuring(&self) -> &wasmtime::Engine {
        &self.0.configuring
    }

    pub(crate) fn cache(&self) -> Option<&Cache> {
        self.0.cache.as_ref()
    }

    /// Compiles for one of the two.
    pub(crate) fn compile(
        &self,
        engine: &wasmtime::Engine,
        file: &[u8],
    ) -> Result<wasmtime::component::Component, LoadError> {
        self.0.compilations.fetch_add(1, Ordering::Relaxed);
        wasmtime::component::Component::new(engine, file).map_err(|error| {
            match ExceededLimit::of_compilation(&error) {
                Some(exceeded) => LoadError::Limit(exceeded),
                None => LoadError::Compile(format!("{error:#}")),
            }
        })
    }

    /// A slot for one instance, if one becomes free in time. Must be called within tokio.
    pub(crate) async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        if let Ok(permit) = Arc::clone(&self.0.slots).try_acquire_owned() {
            return Some(permit);
        }
        let waiting = Arc::clone(&self.0.slots).acquire_owned();
        tokio::time::timeout(self.0.instance_wait, waiting).await.ok()?.ok()
    }

    /// Keeps the epoch ticker running while the returned guard lives, so that a guest is measured.
    pub(crate) fn measure(&self) -> Running {
        self.0.ticker.guest()
    }

    /// The slot for trying out a component. Blocks while another one is tried out.
    pub(crate) fn trial_slot(&self) -> MutexGuard<'_, ()> {
        self.0.trial.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Host functions run on the guest's stack, beyond what the guest may use.
const HOST_STACK_BYTES: usize = 256 << 10;
const PAGE_BYTES: u64 = 64 << 10;

fn config(settings: EngineSettings) -> Config {
    let mut config = Config::new();

    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .epoch_interruption(true)
        .wasm_backtrace_max_frames(None)
        .max_wasm_stack(settings.stack_bytes)
        .async_stack_size(settings.stack_bytes + HOST_STACK_BYTES);

    // A verdict must depend on nothing but the answers.

    config
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        .relaxed_simd_deterministic(true)
        .shared_memory(false)
        .wasm_memory64(false);
    config
        .memory_init_cow(true)
        .memory_may_move(false)
        .memory_reservation(*RunLimits::MEMORY_BYTES.end())
        .memory_guard_size(PAGE_BYTES);
    config
}

/// Slots whose pages stay resident: what makes a fresh instance cost microseconds and no system
/// call.
fn pool(settings: EngineSettings) -> PoolingAllocationConfig {
    const TABLES: u32 = 4;
    let slots = settings.instances + 1;
    let bound = |limit: RangeInclusive<u64>| usize::try_from(*limit.end()).unwrap_or(usize::MAX);

    let mut pool = PoolingAllocationConfig::new();

    pool.total_component_instances(slots)
        .total_core_instances(slots * settings.core_instances)
        .total_memories(slots)
        .total_tables(slots * TABLES)
        .total_stacks(slots)
        .max_core_instances_per_component(settings.core_instances)
        .max_memories_per_component(1)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_memory_size(bound(RunLimits::MEMORY_BYTES))
        .table_elements(bound(RunLimits::TABLE_ELEMENTS))
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(64 << 10)
        .async_stack_keep_resident(64 << 10)
        .max_unused_warm_slots(200);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_outside_their_bounds_are_refused_by_name() {
        let name = |instances, wait_ms, stack| {
            EngineSettings::new(instances, Duration::from_millis(wait_ms), stack)
                .map_err(|error| error.name)
        };
        assert_eq!(name(0, 0, 65_536), Err("instances"));
        assert_eq!(name(10_001, 0, 65_536), Err("instances"));
        assert_eq!(name(1, 1_001, 65_536), Err("instance wait (ms)"));
        assert_eq!(name(1, 0, 65_535), Err("stack (bytes)"));
        assert!(name(10_000, 1_000, 1_048_576).is_ok());
    }

    #[test]
    fn the_thread_ends_with_the_last_handle() {
        let settings = EngineSettings::new(1, Duration::ZERO, 65_536).unwrap();
        let engine = Engine::new(settings).unwrap();
        let wasm = engine.wasm().weak();
        let other = engine.clone();
        drop(engine);
        assert!(wasm.upgrade().is_some());
        drop(other);
        assert!(wasm.upgrade().is_none(), "the thread still holds the engine");
    }

    #[tokio::test]
    async fn a_run_waits_for_a_slot_no_longer_than_its_bound() {
        let settings = EngineSettings::new(1, Duration::from_millis(5), 65_536).unwrap();
        let engine = Engine::new(settings).unwrap();
        let held = engine.slot().await;
        assert!(held.is_some());
        assert!(engine.slot().await.is_none());
        drop(held);
        assert!(engine.slot().await.is_some());
    }

    #[test]
    fn more_core_instances_than_the_engine_has_room_for_are_counted() {
        let allowing = |most| {
            let settings = EngineSettings::new(1, Duration::ZERO, 65_536).unwrap();
            Engine::new(settings.with_core_instances(most).unwrap()).unwrap()
        };
        let module = b"\x01\x08\0asm\x01\0\0\0";
        let instances = b"\x02\x10\x05\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
        let file = [&b"\0asm\x0d\0\x01\0"[..], module, instances].concat();
        let compiled = |engine: &Engine| engine.compile(engine.wasm(), &file).map(drop);

        let refused = LoadError::Limit(ExceededLimit::CoreInstances { asked: 5, allowed: 4 });
        assert_eq!(compiled(&allowing(4)), Err(refused));
        assert_eq!(compiled(&allowing(5)), Ok(()));
    }
}
