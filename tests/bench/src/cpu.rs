//! Processor time by the scheduler's account, in nanoseconds: the other account ticks in 10 ms,
//! which is as much as a few hundred requests.

use anyhow::Result;
use procfs::process::{Process, Task};
use std::collections::BTreeMap;
use std::time::Duration;

/// Processor time that each thread of a process had used at one moment.
#[derive(Debug)]
pub struct Clock(BTreeMap<i32, Duration>);

impl Clock {
    /// Reads the account of a process.
    ///
    /// # Errors
    /// When the process has ended.
    pub fn of(pid: i32) -> Result<Self> {
        let tasks = Process::new(pid)?.tasks()?;
        // A thread that ends while its account is read has nothing more to tell.
        let threads = tasks.flatten().filter_map(|task| Some((task.tid, used(&task).ok()?)));
        Ok(Self(threads.collect()))
    }

    /// Returns the time that the threads have used since `before`. The time of threads that ended
    /// meanwhile is missing: of the measured processes, only threads end that had nothing to do for
    /// seconds.
    pub fn since(&self, before: &Self) -> Duration {
        let used = |(thread, now): (&i32, &Duration)| {
            now.saturating_sub(before.0.get(thread).copied().unwrap_or_default())
        };
        self.0.iter().map(used).sum()
    }
}

/// Returns the processor time that this thread has used.
pub fn of_this_thread() -> Result<Duration> {
    let thread = nix::unistd::gettid().as_raw();
    used(&Process::myself()?.task_from_tid(thread)?)
}

fn used(thread: &Task) -> Result<Duration> {
    Ok(Duration::from_nanos(thread.schedstat()?.sum_exec_runtime))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn work_of_any_thread_is_on_the_account() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let before = Clock::of(pid).unwrap();
        let used = std::thread::scope(|scope| {
            let worker = scope.spawn(|| {
                let (since, start) = (Instant::now(), of_this_thread().unwrap());
                let mut used = Duration::ZERO;
                while used < Duration::from_millis(20) && since.elapsed().as_secs() < 30 {
                    used = of_this_thread().unwrap() - start;
                }
                (used, Clock::of(pid).unwrap())
            });
            let (used, after) = worker.join().unwrap();
            assert!(after.since(&before) >= used, "{used:?}");
            used
        });
        assert!(used >= Duration::from_millis(20), "{used:?}");
    }
}
