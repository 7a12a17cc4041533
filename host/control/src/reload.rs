//! Follows a policies folder: a change is compiled off the serving threads and swapped in, or
//! refused with the place of every mistake while the previous one stays active.
//!
//! File-system events only say *when* to look; *whether* something changed is told by a digest of
//! every file that the last configuration was made of, so that editors' renames and Kubernetes'
//! symlink swaps are one case, and a missed event costs two seconds, not a restart. A channel of one
//! slot therefore debounces them: the README says why no debouncing library does.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use parking_lot::Mutex;
use ring::digest;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};
use tollgate_chain::metric;
use tollgate_config::Config;
use tollgate_proxy::Live;

use crate::compile::SnapshotBuilder;
use crate::listeners::ListenerHandle;

/// Silence of events before a change is read, so that a half-written file is rare.
const QUIET: Duration = Duration::from_millis(40);
/// Longest delay of a reload by an unbroken series of events.
const QUIET_MAX: Duration = Duration::from_millis(200);
/// Interval between looks at the files without an event.
const LOOK: Duration = Duration::from_secs(2);

/// The reason why changes are no longer followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// Nobody is left who could report a change.
    #[error("{0} ended")]
    Ended(&'static str),
    /// A reload panicked.
    #[error("reload")]
    Reload(#[from] tokio::task::JoinError),
}

/// The state of input files just before they are compiled.
#[derive(Debug)]
pub struct InputStamp {
    digest: Option<[u8; 32]>,
    /// Metadata of each file, which is read without its content.
    stamps: Vec<Stamp>,
}

impl InputStamp {
    /// Takes the stamp of these files.
    #[must_use]
    pub fn of(inputs: &[PathBuf]) -> Self {
        let stamps = stamps_of(inputs);
        Self { digest: digest_of(inputs), stamps }
    }
}

/// Follows a policies folder. What it knows outlives a run that panics, so that it can be run again.
#[derive(Debug)]
pub struct Follower {
    state: Arc<Mutex<FollowerState>>,
    channels: tokio::sync::Mutex<Channels>,
    /// Held so that events do not end where the system gives no watcher.
    _events: mpsc::Sender<()>,
}

/// A function that applies a swapped configuration.
pub type ConfigObserver = Box<dyn Fn(&Config) + Send>;

/// Parts of the process outside Snapshots that a swapped configuration changes too.
#[derive(Default)]
pub struct OnSwap {
    /// The serving listeners.
    pub listeners: Vec<ListenerHandle>,
    /// Apply the configuration to everything else.
    pub observers: Vec<ConfigObserver>,
}

impl OnSwap {
    fn apply(&self, config: &Config) {
        for listener in &self.listeners {
            listener.apply(config);
        }
        for observer in &self.observers {
            observer(config);
        }
    }
}

impl fmt::Debug for OnSwap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnSwap").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Channels {
    events: mpsc::Receiver<()>,
    requests: mpsc::Receiver<()>,
}

#[derive(Debug)]
struct FollowerState {
    live: Live,
    builder: SnapshotBuilder,
    on_swap: OnSwap,
    watcher: Option<RecommendedWatcher>,
    watched: BTreeSet<PathBuf>,
    stamp: InputStamp,
}

impl Follower {
    /// Watches the inputs of `builder`, which had this stamp before they were compiled. A swapped
    /// configuration is applied to `on_swap` too. A message to `requests` forces a reload.
    #[must_use]
    pub fn new(
        live: Live,
        (builder, stamp): (SnapshotBuilder, InputStamp),
        on_swap: OnSwap,
        requests: mpsc::Receiver<()>,
    ) -> Self {
        let (sender, events) = mpsc::channel(1);
        let on_event = sender.clone();
        let watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
            // A full queue means that a look is due anyway.
            if event.is_ok_and(|event| !event.kind.is_access()) {
                let _ = on_event.try_send(());
            }
        })
        .inspect_err(|error| tracing::warn!(%error, "no file events; looking at intervals"))
        .ok();

        metrics::gauge!(metric::CONFIG_GENERATION).set(precise(live.pin().generation()));
        let watched = BTreeSet::new();
        let mut state = FollowerState { live, builder, on_swap, watcher, watched, stamp };
        state.watch();
        Self {
            state: Arc::new(Mutex::new(state)),
            channels: tokio::sync::Mutex::new(Channels { events, requests }),
            _events: sender,
        }
    }

    /// Reloads whenever there is reason to. A run that ended may be followed by another one; two at
    /// once take turns.
    ///
    /// # Errors
    /// A reload panicked, or nobody is left who could ask for one.
    pub async fn run(&self) -> Result<Infallible, FollowError> {
        let mut channels = self.channels.lock().await;
        loop {
            let Channels { events, requests } = &mut *channels;
            let forced = tokio::select! {
                event = events.recv() => { event.ok_or(FollowError::Ended("file events"))?; false }
                asked = requests.recv() => {
                    asked.ok_or(FollowError::Ended("requests to reload"))?;
                    true
                }
                () = sleep_until(Instant::now() + LOOK) => false,
            };
            settle(&mut channels.events).await;

            // Compiling blocks, so it is done where nobody is served.
            let state = Arc::clone(&self.state);
            tokio::task::spawn_blocking(move || state.lock().look(forced)).await?;
        }
    }
}

/// Waits until events are silent, within bounds.
async fn settle(events: &mut mpsc::Receiver<()>) {
    let until = Instant::now() + QUIET_MAX;
    while Instant::now() < until {
        if timeout(QUIET, events.recv()).await.is_err() {
            return;
        }
    }
}

impl FollowerState {
    /// Reloads if a file changed, or if `forced`.
    fn look(&mut self, forced: bool) {
        // Most looks find nothing: files that nobody touched are not read again.
        let inputs = self.builder.inputs();
        let stamps = stamps_of(&inputs);
        if stamps == self.stamp.stamps && !forced {
            return;
        }

        self.stamp.stamps = stamps;
        let digest = digest_of(&inputs);
        if digest == self.stamp.digest && !forced {
            return;
        }

        self.stamp.digest = digest;

        match self.builder.rebuild(&self.live.pin()) {
            Ok(next) => {
                let generation = next.generation();
                // The old one is dropped here, on a thread that serves nobody.
                drop(self.live.swap(next));
                self.on_swap.apply(self.builder.config());

                metrics::gauge!(metric::CONFIG_GENERATION).set(precise(generation));
                metrics::counter!(metric::RELOADS, "outcome" => "swapped").increment(1);
                tracing::info!(generation, "configuration swapped");
                self.take_stamp(&inputs);
            }
            Err(problems) => {
                metrics::counter!(metric::RELOADS, "outcome" => "refused").increment(1);
                for problem in problems.iter() {
                    tracing::error!(%problem, "configuration refused; the previous configuration stays active");
                }
            }
        }

        self.watch();
    }

    /// Takes the stamp of the files that were compiled, which may be others than those that were
    /// looked at. A stamp from before compiling stays: a change that came meanwhile must not be
    /// mistaken for one that was compiled.
    fn take_stamp(&mut self, looked_at: &[PathBuf]) {
        let compiled = self.builder.inputs();
        if compiled == looked_at {
            return;
        }
        let unchanged = digest_of(looked_at) == self.stamp.digest;
        self.stamp = if unchanged {
            InputStamp::of(&compiled)
        } else {
            InputStamp { digest: None, stamps: Vec::new() }
        };
    }

    /// Watches the folders of all inputs: a rename or symlink swap shows in the folder only.
    fn watch(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let folders: BTreeSet<PathBuf> =
            self.builder.inputs().iter().filter_map(|file| folder_of(file)).collect();
        for unused in self.watched.difference(&folders) {
            // The folder may be deleted, and its watch with it.
            let _ = watcher.unwatch(unused);
        }
        for new in folders.difference(&self.watched) {
            if let Err(error) = watcher.watch(new, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %new.display(), %error, "no file events for a folder");
            }
        }
        self.watched = folders;
    }
}

fn folder_of(path: &Path) -> Option<PathBuf> {
    if path.is_dir() { Some(path.to_owned()) } else { path.parent().map(Path::to_owned) }
}

/// Inode, length and time of change of a file; none where there is no file.
type Stamp = Option<(u64, u64, i64, i64)>;

fn stamps_of(inputs: &[PathBuf]) -> Vec<Stamp> {
    let stamp = |path: &PathBuf| {
        let about = std::fs::metadata(path).ok()?;
        Some((about.ino(), about.len(), about.ctime(), about.ctime_nsec()))
    };
    inputs.iter().map(stamp).collect()
}

/// One digest over all files; a missing file counts as such.
fn digest_of(inputs: &[PathBuf]) -> Option<[u8; 32]> {
    let mut context = digest::Context::new(&digest::SHA256);
    for path in inputs {
        context.update(path.as_os_str().as_encoded_bytes());
        match std::fs::read(path) {
            Ok(bytes) => context.update(digest::digest(&digest::SHA256, &bytes).as_ref()),
            Err(_) => context.update(b"missing"),
        }
    }
    context.finish().as_ref().try_into().ok()
}

/// A generation as a metric. They stay far below 2^53.
#[expect(clippy::cast_precision_loss, reason = "generations stay far below 2^53")]
fn precise(generation: u64) -> f64 {
    generation as f64
}
