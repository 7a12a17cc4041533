//! The processors that a process may use. A measured process with one worker has the first to itself;
//! upstream and load share the rest. Left to the scheduler, three busy processes on two processors
//! meet in another way in each turn, and the same work costs a tenth more or less.

use anyhow::{Context, Result};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use procfs::process::Process;

/// The processors of this machine, where there is more than one.
#[derive(Debug)]
pub(crate) struct Processors(Option<Parts>);

#[derive(Debug)]
struct Parts {
    first: CpuSet,
    rest: CpuSet,
}

impl Processors {
    /// Finds those that this process may use.
    ///
    /// # Errors
    /// When the system does not tell.
    pub(crate) fn find() -> Result<Self> {
        let all = sched_getaffinity(Pid::from_raw(0)).context("list the processors")?;
        let (mut first, mut rest) = (CpuSet::new(), CpuSet::new());
        let mut count = 0_usize;
        for processor in 0..CpuSet::count() {
            if all.is_set(processor)? {
                let part = if count == 0 { &mut first } else { &mut rest };
                part.set(processor)?;
                count += 1;
            }
        }
        Ok(Self((count > 1).then_some(Parts { first, rest })))
    }

    /// Gives a process the first, with all threads that it has and will have.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn first(&self, pid: i32) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |parts| keep_to(&parts.first, pid))
    }

    /// Gives a process the others.
    ///
    /// # Errors
    /// When it is gone.
    pub(crate) fn rest(&self, pid: i32) -> Result<()> {
        self.0.as_ref().map_or(Ok(()), |parts| keep_to(&parts.rest, pid))
    }
}

fn keep_to(processors: &CpuSet, pid: i32) -> Result<()> {
    for thread in Process::new(pid)?.tasks()? {
        // A thread may end meanwhile.
        let _ = sched_setaffinity(Pid::from_raw(thread?.tid), processors);
    }
    Ok(())
}
