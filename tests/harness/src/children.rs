//! Remembers what was started, so that the next test process ends what a killed one left behind.

use anyhow::Result;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Once;
use tollgate_parts::daemon::start_time;

/// A line in the book: present as long as the child may live.
#[derive(Debug)]
pub(crate) struct Entry(PathBuf);

impl Entry {
    /// Writes down that this process started the process group `child`, whose `folders` are to go
    /// with it.
    pub(crate) fn write(child: i32, folders: &[&Path]) -> Result<Self> {
        let book = crate::dirs::state_dir()?.join("children");
        fs::create_dir_all(&book)?;
        let me = i32::try_from(std::process::id())?;
        let path = book.join(child.to_string());
        let started = |pid| start_time(pid).unwrap_or_else(|| "ended".to_owned());
        let mut text = format!("{child} {} {me} {}", started(child), started(me));
        for folder in folders {
            text.push('\n');
            text.push_str(&folder.to_string_lossy());
        }
        fs::write(&path, text)?;
        Ok(Self(path))
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Ends the children of test processes that are gone. Done once for each test process.
pub(crate) fn reap_orphans() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let Ok(state) = crate::dirs::state_dir() else { return };
        reap(&state.join("children"));
    });
}

fn reap(book: &Path) {
    for entry in fs::read_dir(book).into_iter().flatten().flatten() {
        let text = fs::read_to_string(entry.path()).unwrap_or_default();
        let mut lines = text.lines();
        let fields: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
        let [child, child_started, parent, parent_started] = fields.as_slice() else { continue };
        if runs(parent, parent_started) {
            continue;
        }
        if runs(child, child_started)
            && let Ok(group) = child.parse()
        {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        for folder in lines {
            let _ = fs::remove_dir_all(folder);
        }
        let _ = fs::remove_file(entry.path());
    }
}

fn runs(pid: &str, started: &str) -> bool {
    pid.parse().ok().and_then(start_time).is_some_and(|now| now == started)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;
    use std::process::Command;

    #[test]
    fn a_child_whose_parent_is_gone_is_ended_and_one_whose_parent_lives_is_not() {
        let book = std::env::temp_dir().join(format!("tollgate-book-{}", std::process::id()));
        fs::create_dir_all(&book).unwrap();
        let spawn = || Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let (mut orphan, mut kept) = (spawn(), spawn());
        let left = book.with_extension("left");
        let line = |child: u32, parent: i32, parent_started: &str| {
            let started = start_time(i32::try_from(child).unwrap()).unwrap();
            fs::write(
                book.join(child.to_string()),
                format!("{child} {started} {parent} {parent_started}\n{}", left.display()),
            )
            .unwrap();
        };

        let me = i32::try_from(std::process::id()).unwrap();
        fs::create_dir_all(&left).unwrap();
        line(orphan.id(), me, "1");
        line(kept.id(), me, &start_time(me).unwrap());

        reap(&book);
        assert!(!left.exists());
        assert!(!orphan.wait().unwrap().success());
        assert!(kept.try_wait().unwrap().is_none());

        kept.kill().unwrap();
        kept.wait().unwrap();
        fs::remove_dir_all(&book).unwrap();
    }
}
