//! One fresh instance for one run: made, configured, asked once, thrown away. How an instance
//! comes to its settings is known here alone.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tollgate_chain::{Failure, Finished, Hook, Host, Run, Verdict};
use wasmtime::Store;
use wasmtime::component::{ComponentExportIndex, ComponentNamedList, Instance, InstancePre, Lift};

use crate::bindings::tollgate::policy::verdicts;
use crate::inspect::{CONFIGURE, ON_REQUEST, ON_RESPONSE};
use crate::state::{State, failure};
use crate::{Limits, LoadError, SettingProblem};

/// Most bytes that one call may hand to the host, as arguments or as a verdict.
const CALL_BYTES_MAX: usize = 1 << 20;

/// A linked component, and what is needed to make instances of it.
pub(crate) struct Mould<H: Host> {
    pre: InstancePre<State<H>>,
    exports: Exports,
    limits: Limits,
    settings: String,
}

#[derive(Debug, Clone, Copy)]
struct Exports {
    configure: ComponentExportIndex,
    on_request: ComponentExportIndex,
    on_response: Option<ComponentExportIndex>,
}

type Configured = Result<(), Vec<verdicts::SettingProblem>>;

impl<H: Host> Mould<H> {
    /// A mould that is proven to give configured instances with its exports as they should be.
    /// Never waits: the one future it polls has nothing to wait for.
    pub(crate) fn new(
        pre: InstancePre<State<H>>,
        limits: Limits,
        settings: String,
    ) -> Result<Self, LoadError> {
        let exports = Exports::of(pre.component())?;
        let mould = Self { pre, exports, limits, settings };
        at_once(mould.try_out())?;
        Ok(mould)
    }

    pub(crate) fn has(&self, hook: Hook) -> bool {
        match hook {
            Hook::Request => true,
            Hook::Response => self.exports.on_response.is_some(),
        }
    }

    /// Runs the hook in an instance of its own.
    pub(crate) async fn run(&self, hook: Hook, run: Run<H>) -> Finished<H> {
        let mut store = self.store(true);
        let instance = match self.configured(&mut store).await {
            Ok(instance) => instance,
            Err(failure) => return (run, Err(failure)),
        };
        let state = store.data_mut();
        state.run = Some(run);
        state.wind_up();
        let verdict = self.decide(hook, &mut store, &instance).await;
        #[expect(
            clippy::expect_used,
            reason = "it was put in above, and nothing else takes it out"
        )]
        let run = store.into_data().run.expect("the run of the store");
        (run, verdict)
    }

    async fn configured(&self, store: &mut Store<State<H>>) -> Result<Instance, Failure> {
        match self.configure(store).await? {
            (instance, Ok(())) => Ok(instance),
            (_, Err(_)) => {
                Err(Failure::Start("settings refused that were accepted at load".into()))
            }
        }
    }

    async fn configure(
        &self,
        store: &mut Store<State<H>>,
    ) -> Result<(Instance, Configured), Failure> {
        let instance = self.pre.instantiate_async(&mut *store).await.map_err(|e| failure(&e))?;
        let configure = instance
            .get_typed_func::<(&str,), (Configured,)>(&mut *store, &self.exports.configure)
            .map_err(|e| failure(&e))?;
        let configured = configure
            .call_async(&mut *store, (self.settings.as_str(),))
            .await
            .map_err(|e| failure(&e))?;
        Ok((instance, configured.0))
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

    /// Configures one instance, and looks at the types of its hooks.
    async fn try_out(&self) -> Result<(), LoadError> {
        let mut store = self.store(false);
        let (instance, configured) =
            self.configure(&mut store).await.map_err(LoadError::Configure)?;
        configured.map_err(|problems| {
            let problem =
                |p: verdicts::SettingProblem| SettingProblem { key: p.key, message: p.message };
            LoadError::Settings(problems.into_iter().map(problem).collect())
        })?;
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

    fn store(&self, gives_way: bool) -> Store<State<H>> {
        let mut store = Store::new(self.pre.engine(), State::new(self.limits, gives_way));
        store.limiter(|state| state);
        store.set_hostcall_fuel(CALL_BYTES_MAX);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(State::tick);
        store
    }
}

impl Exports {
    fn of(component: &wasmtime::component::Component) -> Result<Self, LoadError> {
        let export = |name| component.get_export_index(None, name);
        let needed = |name| export(name).ok_or_else(|| LoadError::Exports(vec![name]));
        Ok(Self {
            configure: needed(CONFIGURE)?,
            on_request: needed(ON_REQUEST)?,
            on_response: export(ON_RESPONSE),
        })
    }
}

/// Finishes what has nothing to wait for: without giving way, an instance without a run never
/// does.
fn at_once(trial: impl Future<Output = Result<(), LoadError>>) -> Result<(), LoadError> {
    let mut context = Context::from_waker(Waker::noop());
    match pin!(trial).poll(&mut context) {
        Poll::Ready(tried) => tried,
        Poll::Pending => {
            Err(LoadError::Configure(Failure::Engine("configuring waits for something".into())))
        }
    }
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
