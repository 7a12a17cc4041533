//! One fresh instance for one run: made, asked once, thrown away. How an instance comes to its
//! settings is known here alone: they are in the memory that it starts with, or, where a component
//! cannot be snapshotted, it is configured first.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tollgate_chain::{Failure, Finished, Hook, Host, Run, Verdict};
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift};

use crate::bindings::tollgate::policy::verdicts;
use crate::inspect::{CONFIGURE, ON_REQUEST, ON_RESPONSE};
use crate::state::{State, failure};
use crate::{LoadError, RunLimits, SettingProblem};

/// Most bytes that one call may hand to the host, as arguments or as a verdict.
const CALL_BYTES_MAX: usize = 1 << 20;

/// A linked component, and what is needed to make instances of it.
pub(crate) struct InstanceFactory<H: Host> {
    pre: InstancePre<State<H>>,
    exports: Exports,
    limits: RunLimits,
    /// Settings that each instance is configured with; none when it starts with its settings.
    settings: Option<String>,
}

/// Where the exports of a component are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) configure: ComponentExportIndex,
    on_request: ComponentExportIndex,
    on_response: Option<ComponentExportIndex>,
}

type Configured = Result<(), Vec<verdicts::SettingProblem>>;

impl<H: Host> InstanceFactory<H> {
    /// A factory that is proven to give configured instances with its exports as they should be.
    pub(crate) fn new(
        pre: InstancePre<State<H>>,
        limits: RunLimits,
        settings: Option<String>,
    ) -> Result<Self, LoadError> {
        let exports = Exports::of(pre.component())?;
        let factory = Self { pre, exports, limits, settings };
        at_once(factory.try_out()).unwrap_or_else(|| Err(waits()))?;
        Ok(factory)
    }

    pub(crate) fn has(&self, hook: Hook) -> bool {
        match hook {
            Hook::Request => true,
            Hook::Response => self.exports.on_response.is_some(),
        }
    }

    /// Runs the hook in an instance of its own.
    pub(crate) async fn run(&self, hook: Hook, run: Run<H>) -> Finished<H> {
        let mut store = store(&self.pre, self.limits, true);
        let instance = match self.instance(&mut store).await {
            Ok(instance) => instance,
            Err(failure) => return (run, Err(failure)),
        };
        store.data_mut().run = Some(run);
        let verdict = self.decide(hook, &mut store, &instance).await;
        #[expect(
            clippy::expect_used,
            reason = "it was put in above, and nothing else takes it out"
        )]
        let run = store.into_data().run.expect("the run of the store");
        (run, verdict)
    }

    /// A fresh instance with its settings, and the whole of its time before it.
    async fn instance(&self, store: &mut Store<State<H>>) -> Result<Instance, Failure> {
        let Some(settings) = &self.settings else {
            return self.pre.instantiate_async(store).await.map_err(|e| failure(&e));
        };
        let configure = self.exports.configure;
        let (instance, configured) = configured(store, &self.pre, configure, settings).await?;
        let refused = |_| Failure::Start("settings refused that were accepted at load".into());
        configured.map_err(refused)?;
        store.data_mut().wind_up();
        Ok(instance)
    }

    async fn decide(
        &self,
        hook: Hook,
        store: &mut Store<State<H>>,
        instance: &Instance,
    ) -> Result<Verdict, Failure> {
        match hook {
            Hook::Request => {
                let export = &self.exports.on_request;
                call::<H, verdicts::Verdict>(store, instance, export).await.map(Into::into)
            }
            Hook::Response => {
                let export = self.exports.on_response.as_ref();
                let export = export.ok_or_else(|| Failure::Start("no on-response".into()))?;
                call::<H, verdicts::ResponseVerdict>(store, instance, export).await.map(Into::into)
            }
        }
    }

    /// Makes one instance as each run does, and looks at the types of its hooks.
    async fn try_out(&self) -> Result<(), LoadError> {
        let mut store = store(&self.pre, self.limits, false);
        let instance = match &self.settings {
            None => self.instance(&mut store).await.map_err(|f| store.data().load_error(f))?,
            Some(settings) => {
                let configure = self.exports.configure;
                let configured = configured(&mut store, &self.pre, configure, settings).await;
                accepted(configured, &store)?
            }
        };

        instance
            .get_typed_func::<(), (verdicts::Verdict,)>(&mut store, &self.exports.on_request)
            .map_err(|_| LoadError::Exports(vec![ON_REQUEST]))?;
        if let Some(export) = &self.exports.on_response {
            instance
                .get_typed_func::<(), (verdicts::ResponseVerdict,)>(&mut store, export)
                .map_err(|_| LoadError::Exports(vec![ON_RESPONSE]))?;
        }
        Ok(())
    }
}

impl Exports {
    pub(crate) fn of(component: &wasmtime::component::Component) -> Result<Self, LoadError> {
        let export = |name| component.get_export_index(None, name);
        let needed = |name| export(name).ok_or_else(|| LoadError::Exports(vec![name]));
        Ok(Self {
            configure: needed(CONFIGURE)?,
            on_request: needed(ON_REQUEST)?,
            on_response: export(ON_RESPONSE),
        })
    }
}

/// Configures an instance whose state is to be looked at. What is wrong with the settings, or
/// happens meanwhile, is why the component cannot be loaded.
pub(crate) fn configure_once<H: Host>(
    pre: &InstancePre<State<H>>,
    configure: ComponentExportIndex,
    limits: RunLimits,
    settings: &str,
) -> Result<(Store<State<H>>, Instance), LoadError> {
    let mut store = store(pre, limits, false);
    let configuring = configured(&mut store, pre, configure, settings);
    let configured = at_once(configuring).ok_or_else(waits)?;
    let instance = accepted(configured, &store)?;
    Ok((store, instance))
}

/// A fresh instance, and what it said about its settings.
async fn configured<H: Host>(
    store: &mut Store<State<H>>,
    pre: &InstancePre<State<H>>,
    configure: ComponentExportIndex,
    settings: &str,
) -> Result<(Instance, Configured), Failure> {
    let instance = pre.instantiate_async(&mut *store).await.map_err(|e| failure(&e))?;
    let configure = instance
        .get_typed_func::<(&str,), (Configured,)>(&mut *store, configure)
        .map_err(|e| failure(&e))?;
    let (configured,) =
        configure.call_async(&mut *store, (settings,)).await.map_err(|e| failure(&e))?;
    Ok((instance, configured))
}

/// The instance, if it accepted its settings.
fn accepted<H: Host>(
    configured: Result<(Instance, Configured), Failure>,
    store: &Store<State<H>>,
) -> Result<Instance, LoadError> {
    let (instance, configured) = configured.map_err(|failure| store.data().load_error(failure))?;

    configured.map_err(|problems| {
        let problem =
            |p: verdicts::SettingProblem| SettingProblem { key: p.key, message: p.message };
        LoadError::Settings(problems.into_iter().map(problem).collect())
    })?;
    Ok(instance)
}

fn store<H: Host>(
    pre: &InstancePre<State<H>>,
    limits: RunLimits,
    gives_way: bool,
) -> Store<State<H>> {
    let mut store = Store::new(pre.engine(), State::new(limits, gives_way));
    store.limiter(|state| state);
    store.set_hostcall_fuel(CALL_BYTES_MAX);
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(State::tick);
    store
}

/// Finishes what has nothing to wait for: without giving way, an instance without a run never
/// does.
pub(crate) fn at_once<T>(task: impl Future<Output = T>) -> Option<T> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(task).poll(&mut context) {
        Poll::Ready(done) => Some(done),
        Poll::Pending => None,
    }
}

fn waits() -> LoadError {
    LoadError::Configure(Failure::Engine("configuring waits for something".into()))
}

async fn call<H: Host, V>(
    store: &mut Store<State<H>>,
    instance: &Instance,
    export: &ComponentExportIndex,
) -> Result<V, Failure>
where
    V: Send + Sync + 'static,
    (V,): ComponentNamedList + Lift,
{
    let hook = instance.get_typed_func::<(), (V,)>(&mut *store, export).map_err(|e| failure(&e))?;
    let (verdict,) = hook.call_async(&mut *store, ()).await.map_err(|e| failure(&e))?;
    Ok(verdict)
}
