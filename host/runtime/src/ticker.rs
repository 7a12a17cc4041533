//! The thread that ticks while guests run, and rests while none does: traffic that is decided by
//! trees should not be woken a thousand times a second.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Interval at which a running guest is looked at, and the unit in which its time is charged.
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Ticks without a guest after which the thread rests. Waking it costs a system call, so that it
/// outlasts the pauses between the runs of a busy gateway.
const IDLE_TICKS: u32 = 100;

/// The thread. Not a timer of the runtime, which a guest could starve.
#[derive(Debug)]
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Guests that run now.
    running: AtomicUsize,
    /// True when one began since the last tick.
    begun: AtomicBool,
    resting: AtomicBool,
    ended: AtomicBool,
}

/// A guest runs for as long as this is held.
#[derive(Debug)]
pub(crate) struct Running(Arc<Shared>);

impl Ticker {
    /// A thread that ticks these engines.
    pub(crate) fn start(engines: [wasmtime::Engine; 2]) -> std::io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("tollgate-ticker".into())
            .spawn(move || tick(&own, &engines))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Keeps the ticker running while the returned guard lives.
    pub(crate) fn guest(&self) -> Running {
        let shared = Arc::clone(&self.shared);
        shared.running.fetch_add(1, Ordering::SeqCst);
        if !shared.begun.load(Ordering::Relaxed) {
            shared.begun.store(true, Ordering::Relaxed);
        }
        // The thread says that it rests before it looks for guests once more, so that one of the
        // two sees the other.
        if shared.resting.load(Ordering::SeqCst) {
            self.wake();
        }
        Running(shared)
    }

    fn wake(&self) {
        if let Some(thread) = &self.thread {
            thread.thread().unpark();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Drop for Ticker {
    /// Ends the thread and waits for it, some microseconds, so that nothing outlives the engine.
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::SeqCst);
        self.wake();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that measures guests had panicked");
        }
    }
}

fn tick(shared: &Shared, engines: &[wasmtime::Engine]) {
    let mut idle = 0;
    while !shared.ended.load(Ordering::SeqCst) {
        std::thread::park_timeout(TICK);
        engines.iter().for_each(wasmtime::Engine::increment_epoch);
        let busy = shared.begun.swap(false, Ordering::Relaxed)
            || shared.running.load(Ordering::SeqCst) > 0;
        idle = if busy { 0 } else { idle + 1 };
        if idle >= IDLE_TICKS {
            rest(shared);
            idle = 0;
        }
    }
}

/// Waits for a guest, or for the end.
fn rest(shared: &Shared) {
    shared.resting.store(true, Ordering::SeqCst);
    while shared.running.load(Ordering::SeqCst) == 0 && !shared.ended.load(Ordering::SeqCst) {
        std::thread::park();
        // A guest that came and went has left its mark, and may come again.
        if shared.begun.load(Ordering::Relaxed) {
            break;
        }
    }
    shared.resting.store(false, Ordering::SeqCst);
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn rests(ticker: &Ticker) -> bool {
        let end = Instant::now() + Duration::from_secs(30);
        while !ticker.shared.resting.load(Ordering::SeqCst) {
            if Instant::now() > end {
                return false;
            }
            std::thread::yield_now();
        }
        true
    }

    #[test]
    fn it_rests_without_guests_and_ticks_again_for_the_next_one() {
        let engine = wasmtime::Engine::default();
        let ticker = Ticker::start([engine.clone(), engine]).unwrap();
        for _ in 0..3 {
            assert!(rests(&ticker), "the thread ticks for nobody");
            let guest = ticker.guest();
            let end = Instant::now() + Duration::from_secs(30);
            while ticker.shared.begun.load(Ordering::Relaxed) {
                assert!(Instant::now() < end, "no tick for a guest");
                std::thread::yield_now();
            }
            assert!(!ticker.shared.resting.load(Ordering::SeqCst));
            drop(guest);
        }
    }
}
