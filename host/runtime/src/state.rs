//! The state of an instance: the run it answers to, and what is left of its limits.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Instant;

use tollgate_chain::{Answer, Departure, Failure, Host, Mismatch, Question, Run};
use wasmtime::{ResourceLimiter, StoreContextMut, Trap, UpdateDeadline};

use crate::limits::widen;
use crate::run_clock::{RunClock, thread_time};
use crate::{ExceededLimit, LoadError, RunLimits};

/// Data of a store.
#[derive(Debug)]
pub(crate) struct State<H> {
    /// Absent while the guest is configured, when it may ask nothing.
    pub(crate) run: Option<Run<H>>,
    limits: RunLimits,
    clock: RunClock,
    /// True when the host waited since the last tick that the guest saw.
    waited: bool,
    /// True when the guest gives way to others at each tick.
    gives_way: bool,
    memory_bytes: usize,
    table_elements: usize,
    argument_bytes: usize,
    /// Memory beyond the limit, for what the host itself adds to a guest.
    aside_bytes: usize,
    /// The limit that stopped the guest.
    exceeded: Option<ExceededLimit>,
}

/// Why we stopped a guest; travels through the engine as the cause of a trap.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Stop {
    #[error(transparent)]
    Question(#[from] Departure),
    #[error(transparent)]
    Answer(#[from] Mismatch),
    #[error("a question was asked while configuring, where nothing may be asked")]
    Configuring,
    #[error("the machine has no randomness")]
    Randomness,
    #[error("time")]
    Time,
    #[error("memory")]
    Memory,
    #[error("table")]
    Table,
}

impl<H: Host> State<H> {
    pub(crate) fn new(limits: RunLimits, gives_way: bool) -> Self {
        Self {
            run: None,
            limits,
            clock: RunClock::new(limits.time()),
            waited: false,
            gives_way,
            memory_bytes: 0,
            table_elements: 0,
            argument_bytes: 0,
            aside_bytes: 0,
            exceeded: None,
        }
    }

    /// Gives the guest its whole time again.
    pub(crate) fn wind_up(&mut self) {
        self.clock = RunClock::new(self.limits.time());
    }

    /// Lets the memory grow by so much beyond its limit.
    pub(crate) fn set_aside(&mut self, bytes: usize) {
        self.aside_bytes = bytes;
    }

    /// Why the component cannot be loaded, when its guest fails before it has a run: with the
    /// numbers, when it exceeded a limit.
    pub(crate) fn load_error(&self, failure: Failure) -> LoadError {
        match self.exceeded {
            Some(exceeded) => LoadError::Limit(exceeded),
            None => LoadError::Configure(failure),
        }
    }

    /// Answers a question whose answer is always ready.
    pub(crate) fn ask_ready(&mut self, question: Question) -> wasmtime::Result<Answer> {
        let run = self.asking(&question)?;
        run.ask_ready(question).map_err(|departure| Stop::from(departure).into())
    }

    /// Answers a question that may have to be waited for.
    pub(crate) async fn ask(&mut self, question: Question) -> wasmtime::Result<Answer> {
        let mut waited = false;
        let answer = {
            let mut asking = pin!(self.asking(&question)?.ask(question));
            poll_fn(|context| {
                let polled = asking.as_mut().poll(context);
                waited |= polled.is_pending();
                polled
            })
            .await
        };
        self.waited |= waited;
        answer.map_err(|departure| Stop::from(departure).into())
    }

    /// Charges for a question's arguments, which the trace keeps until the run is over.
    fn asking(&mut self, question: &Question) -> Result<&mut Run<H>, Stop> {
        self.argument_bytes += question.bytes();
        if self.argument_bytes > self.limits.memory_bytes() {
            return Err(Stop::Memory);
        }
        self.run.as_mut().ok_or(Stop::Configuring)
    }

    /// Called whenever a running guest finds that the clock has ticked.
    pub(crate) fn tick(mut store: StoreContextMut<'_, Self>) -> wasmtime::Result<UpdateDeadline> {
        let state = store.data_mut();
        let waited = std::mem::take(&mut state.waited);
        if !state.clock.tick(thread_time(), Instant::now(), waited) {
            let allowed_ms = u64::try_from(state.limits.time().as_millis()).unwrap_or(u64::MAX);
            state.exceeded = Some(ExceededLimit::Time { allowed_ms });
            return Err(Stop::Time.into());
        }

        let resumed = state.clock.resumed();
        Ok(if state.gives_way {
            UpdateDeadline::YieldCustom(
                1,
                Box::pin(async move {
                    // tokio's own yield lets sockets and timers have their turn as well. The guest
                    // may go on in another thread.
                    tokio::task::yield_now().await;
                    resumed.now();
                }),
            )
        } else {
            resumed.now();
            UpdateDeadline::Continue(1)
        })
    }
}

impl<H: Host> ResourceLimiter for State<H> {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.memory_bytes = self.memory_bytes.saturating_add(desired.saturating_sub(current));
        let allowed = self.limits.memory_bytes();
        if self.memory_bytes > allowed + self.aside_bytes {
            let (asked, allowed) = (widen(self.memory_bytes), widen(allowed));
            self.exceeded = Some(ExceededLimit::Memory { asked, allowed });
            return Err(Stop::Memory.into());
        }
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        self.table_elements = self.table_elements.saturating_add(desired.saturating_sub(current));
        let allowed = self.limits.table_elements();
        if self.table_elements > allowed {
            let (asked, allowed) = (widen(self.table_elements), widen(allowed));
            self.exceeded = Some(ExceededLimit::Table { asked, allowed });
            return Err(Stop::Table.into());
        }
        Ok(true)
    }
}

/// Returns the meaning of a guest's end. Whatever has no name of its own is the guest's doing: a trap, or
/// values that are none.
pub(crate) fn failure(error: &wasmtime::Error) -> Failure {
    if let Some(stop) = error.downcast_ref::<Stop>() {
        return match stop {
            Stop::Question(departure) => Failure::Question(departure.clone()),
            Stop::Answer(mismatch) => Failure::Engine(mismatch.to_string()),
            Stop::Configuring => Failure::Start(stop.to_string()),
            Stop::Randomness => Failure::Engine(stop.to_string()),
            Stop::Time => Failure::Time,
            Stop::Memory => Failure::Memory,
            Stop::Table => Failure::Table,
        };
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::StackOverflow) => Failure::Stack,
        Some(trap) => Failure::Trap(trap.to_string()),
        None => Failure::Trap(format!("{error:#}")),
    }
}
