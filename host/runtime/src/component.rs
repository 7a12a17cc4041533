//! A plugin that was loaded: compiled, linked against its grants, proven to accept its settings.

use std::fmt;
use std::pin::Pin;

use tollgate_chain::{Failure, Finished, Hook, Host, Plugin, Run};

use crate::inspect::describe;
use crate::instance::InstanceFactory;
use crate::prepare::{LoadRequest, Prepared, link};
use crate::{Engine, Grants, Inspection, LoadError, RunLimits};

/// Most bytes of a policy's settings.
const SETTINGS_BYTES_MAX: usize = 1 << 20;

/// A component that is ready to run, with its settings, grants and limits.
pub struct Component<H: Host> {
    factory: InstanceFactory<H>,
    inspection: Inspection,
    unconfigured: Option<String>,
    engine: Engine,
}

impl<H: Host> Component<H> {
    /// Loads a component: whatever is wrong with it, its grants or its settings is found here.
    ///
    /// `settings_json` is a JSON object. Compiling takes tens of milliseconds and configuring as
    /// long as its limit, and the thread is blocked for that time: to be called off the serving
    /// threads.
    ///
    /// # Errors
    /// See [`LoadError`]; nothing of a refused component stays behind.
    pub fn load(
        engine: &Engine,
        file: &[u8],
        settings_json: String,
        grants: &Grants,
        limits: RunLimits,
    ) -> Result<Self, LoadError> {
        if settings_json.len() > SETTINGS_BYTES_MAX {
            let bytes = settings_json.len();
            return Err(LoadError::SettingsTooLarge { bytes, most: SETTINGS_BYTES_MAX });
        }

        let request = LoadRequest { engine, file, settings: &settings_json, grants, limits };
        let Prepared { compiled, unconfigured } = request.prepare::<H>()?;
        let inspection = describe(&compiled);
        inspection.check(grants)?;

        let pre = link::<H>(&compiled, grants)?;
        let (slot, measured) = (engine.trial_slot(), engine.measure());
        let factory =
            InstanceFactory::new(pre, limits, unconfigured.is_some().then_some(settings_json))?;
        drop((slot, measured));
        Ok(Self { factory, inspection, unconfigured, engine: engine.clone() })
    }

    /// Returns true if `configure` ran once, at load, and each run starts from the memory it left.
    #[must_use]
    pub fn is_snapshotted(&self) -> bool {
        self.unconfigured.is_none()
    }

    /// Why `configure` runs in each instance; none when it ran once.
    #[must_use]
    pub fn why_not_snapshotted(&self) -> Option<&str> {
        self.unconfigured.as_deref()
    }

    /// Returns the imports and exports of the component.
    #[must_use]
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }
}

impl<H: Host> Plugin<H> for Component<H> {
    fn run<'a>(
        &'a self,
        hook: Hook,
        run: Run<H>,
    ) -> Pin<Box<dyn Future<Output = Finished<H>> + Send + 'a>> {
        Box::pin(async move {
            let Some(_slot) = self.engine.slot().await else {
                return (run, Err(Failure::NoInstance));
            };
            let _measured = self.engine.measure();
            self.factory.run(hook, run).await
        })
    }

    fn has(&self, hook: Hook) -> bool {
        self.factory.has(hook)
    }
}

impl<H: Host> fmt::Debug for Component<H> {
    /// Without the settings, which may say more than a log should.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Component")
            .field("inspection", &self.inspection)
            .field("unconfigured", &self.unconfigured)
            .finish_non_exhaustive()
    }
}
