//! Processor time by the scheduler's account, in nanoseconds: the other account ticks in 10 ms,
//! which is as much as a few hundred requests.

use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// Processor time that each thread of a process had used at one moment.
#[derive(Debug)]
pub struct Clock(BTreeMap<String, Duration>);

impl Clock {
    /// Reads the account of a process.
    ///
    /// # Errors
    /// When it is gone.
    pub fn of(pid: i32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
            let thread = thread?;
            // A thread that ends while its account is read has nothing more to tell.
            if let Ok(used) = read(&thread.path()) {
                threads.insert(thread.file_name().to_string_lossy().into_owned(), used);
            }
        }
        Ok(Self(threads))
    }

    /// Returns the time that the threads have used since `before`. The time of threads that ended
    /// meanwhile is missing: of the measured processes, only threads end that had nothing to do for
    /// seconds.
    pub fn since(&self, before: &Self) -> Duration {
        let used = |(thread, now): (&String, &Duration)| {
            now.saturating_sub(before.0.get(thread).copied().unwrap_or_default())
        };
        self.0.iter().map(used).sum()
    }
}

/// Returns the processor time that this thread has used.
pub fn of_this_thread() -> Result<Duration> {
    read(Path::new("/proc/thread-self"))
}

fn read(thread: &Path) -> Result<Duration> {
    let text = fs::read_to_string(thread.join("schedstat"))?;
    let nanos = text.split_whitespace().next().context("the scheduler's account")?;
    Ok(Duration::from_nanos(nanos.parse()?))
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
