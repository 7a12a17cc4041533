//! A component with the memory that `configure` left behind: what Wizer does, behind one type.
//!
//! Wizer adds accessors to a component, through which its state can be read once `configure` has
//! run, and then writes that state into the component as it was. What it cannot do, or does not
//! survive, is a reason to configure each instance instead, never a reason to refuse a policy.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tollgate_chain::Host;
use wasmtime::Store;
use wasmtime::component::{ComponentNamedList, Instance, Lift, WasmList};
use wasmtime_wizer::{ComponentContext, ComponentInstanceState, Wizer};

use crate::instance::at_once;
use crate::state::State;

/// The instance that Wizer adds; no part of what a component exports.
pub(crate) const ACCESSORS: &str = "wasmtime:wizer/access";

/// The accessor of a memory needs one page to tell where the memory lies.
const ACCESSOR_BYTES: usize = 64 << 10;

/// Why a component is configured in each instance.
pub(crate) type Reason = String;

/// A component with accessors to its state.
pub(crate) struct Instrumented<'a> {
    wizer: Wizer,
    context: ComponentContext<'a>,
    file: Vec<u8>,
}

impl<'a> Instrumented<'a> {
    /// Adds the accessors.
    pub(crate) fn new(file: &'a [u8]) -> Result<Self, Reason> {
        let mut wizer = Wizer::new();
        wizer.keep_init_func(true);
        let (context, file) = guarded(|| wizer.instrument_component(file))?;
        Ok(Self { wizer, context, file })
    }

    /// The component as it is to be compiled and configured.
    pub(crate) fn file(&self) -> &[u8] {
        &self.file
    }

    /// The component with the state of this instance of the instrumented one.
    pub(crate) fn snapshot<H: Host>(
        &self,
        mut store: Store<State<H>>,
        instance: Instance,
    ) -> Result<Vec<u8>, Reason> {
        store.data_mut().wind_up();
        store.data_mut().set_aside(ACCESSOR_BYTES);
        store.set_hostcall_fuel(usize::MAX);
        let mut reader = Reader { store, instance, memory: None, failed: None };
        let snapshot = guarded(|| {
            at_once(self.wizer.snapshot_component(&self.context, &mut reader))
                .unwrap_or_else(|| Err(wasmtime::format_err!("it waits for something")))
        });
        reader.failed.map_or(snapshot, Err)
    }
}

/// Wizer takes what it does not know for a broken invariant and panics.
fn guarded<T>(step: impl FnOnce() -> wasmtime::Result<T>) -> Result<T, Reason> {
    match catch_unwind(AssertUnwindSafe(step)) {
        Ok(done) => done.map_err(|error| format!("{error:#}")),
        Err(_) => Err("it has parts that cannot be written back".into()),
    }
}

/// Reads an instance through its accessors. The trait leaves no room for errors: the first one is
/// kept, and the snapshot thrown away.
struct Reader<H: Host> {
    store: Store<State<H>>,
    instance: Instance,
    /// The memory by its accessor's name. Wizer asks twice, and each time the memory grows.
    memory: Option<(String, Vec<u8>)>,
    failed: Option<Reason>,
}

impl<H: Host> Reader<H> {
    async fn read<T>(&mut self, instance: &str, accessor: &str) -> Option<T>
    where
        T: Send + Sync + 'static,
        (T,): ComponentNamedList + Lift,
    {
        let called = self.call(instance, accessor).await;
        called.map_err(|error| self.failed = Some(format!("read {accessor}: {error:#}"))).ok()
    }

    async fn call<T>(&mut self, instance: &str, accessor: &str) -> wasmtime::Result<T>
    where
        T: Send + Sync + 'static,
        (T,): ComponentNamedList + Lift,
    {
        let missing = || wasmtime::format_err!("no such accessor");
        let store = &mut self.store;
        let accessors = self.instance.get_export_index(&mut *store, None, instance);
        let accessors = accessors.ok_or_else(missing)?;
        let accessor = self.instance.get_export_index(&mut *store, Some(&accessors), accessor);
        let accessor = accessor.ok_or_else(missing)?;
        let function = self.instance.get_typed_func::<(), (T,)>(&mut *store, accessor)?;
        Ok(function.call_async(&mut *store, ()).await?.0)
    }
}

impl<H: Host> ComponentInstanceState for Reader<H> {
    async fn call_func_ret_list_u8(
        &mut self,
        instance: &str,
        accessor: &str,
        contents: impl FnOnce(&[u8]) + Send,
    ) {
        if self.memory.as_ref().is_none_or(|(name, _)| name != accessor) {
            let read = self.read::<WasmList<u8>>(instance, accessor).await;
            let memory = read.map(|list| list.as_le_slice(&self.store).to_vec());
            self.memory = Some((accessor.to_owned(), memory.unwrap_or_default()));
        }
        contents(self.memory.as_ref().map_or(&[], |(_, memory)| memory.as_slice()));
    }

    async fn call_func_ret_s32(&mut self, instance: &str, accessor: &str) -> i32 {
        self.read(instance, accessor).await.unwrap_or_default()
    }

    async fn call_func_ret_s64(&mut self, instance: &str, accessor: &str) -> i64 {
        self.read(instance, accessor).await.unwrap_or_default()
    }

    async fn call_func_ret_f32(&mut self, instance: &str, accessor: &str) -> u32 {
        self.read::<f32>(instance, accessor).await.map_or(0, f32::to_bits)
    }

    async fn call_func_ret_f64(&mut self, instance: &str, accessor: &str) -> u64 {
        self.read::<f64>(instance, accessor).await.map_or(0, f64::to_bits)
    }
}
