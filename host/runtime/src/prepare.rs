//! From a file to what is run: configured once and snapshotted where that can be, compiled, and
//! found compiled when an earlier process left it behind.

use tollgate_chain::Host;
use wasmtime::component::{Component as Compiled, InstancePre};

use crate::cache::CacheKey;
use crate::inspect::describe;
use crate::instance::{self, Exports};
use crate::snapshot::{Instrumented, Reason};
use crate::state::State;
use crate::{Engine, Grants, LoadError, RunLimits, imports, sections};

/// A component to be loaded, with everything that it is loaded with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadRequest<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) file: &'a [u8],
    pub(crate) settings: &'a str,
    pub(crate) grants: &'a Grants,
    pub(crate) limits: RunLimits,
}

/// A compiled component, and whether its settings are in its memory.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) compiled: Compiled,
    /// Why it must be configured in each instance; none when it is a snapshot.
    pub(crate) unconfigured: Option<Reason>,
}

impl LoadRequest<'_> {
    /// Takes the compiled component from the cache, or makes it and leaves it there. A component
    /// from the cache is checked against its grants like any other, by whoever links it.
    pub(crate) fn prepare<H: Host>(self) -> Result<Prepared, LoadError> {
        sections::check(self.file)?;
        let Some(cache) = self.engine.cache() else { return self.make::<H>() };
        let key = CacheKey::new(self.engine.wasm(), self.file, self.settings);
        if let Some(found) = cache.get(&key, self.engine.wasm()) {
            return Ok(found);
        }
        let prepared = self.make::<H>()?;
        cache.put(&key, &prepared);
        Ok(prepared)
    }

    fn make<H: Host>(self) -> Result<Prepared, LoadError> {
        match self.snapshot::<H>()? {
            Ok(snapshot) => {
                let compiled = self.engine.compile(self.engine.wasm(), &snapshot)?;
                Ok(Prepared { compiled, unconfigured: None })
            }
            Err(reason) => {
                let compiled = self.engine.compile(self.engine.wasm(), self.file)?;
                Ok(Prepared { compiled, unconfigured: Some(reason) })
            }
        }
    }

    /// The component with its settings in memory, or why that cannot be. What is wrong with the
    /// component or its settings is an error all the same.
    fn snapshot<H: Host>(self) -> Result<Result<Vec<u8>, Reason>, LoadError> {
        let instrumented = match Instrumented::new(self.file) {
            Ok(instrumented) => instrumented,
            Err(reason) => return Ok(Err(reason)),
        };
        let engine = self.engine.configuring();
        // Its error would be about a component that nobody wrote.
        let Ok(compiled) = self.engine.compile(engine, instrumented.file()) else {
            return Ok(Err("it does not compile with accessors to its state".into()));
        };
        describe(&compiled).check(self.grants)?;
        let pre = link::<H>(&compiled, self.grants)?;
        let configure = Exports::of(&compiled)?.configure;
        let _measured = self.engine.measure();
        let (store, instance) =
            instance::configure_once(&pre, configure, self.limits, self.settings)?;
        Ok(instrumented.snapshot(store, instance))
    }
}

/// Links a component against what it was granted.
pub(crate) fn link<H: Host>(
    compiled: &Compiled,
    grants: &Grants,
) -> Result<InstancePre<State<H>>, LoadError> {
    let link = |error: wasmtime::Error| LoadError::Link(format!("{error:#}"));
    let linker = imports::linker::<H>(compiled, grants).map_err(link)?;
    linker.instantiate_pre(compiled).map_err(link)
}
