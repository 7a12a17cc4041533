//! Reloads without end, under load: one in three is a mistake, each good one changes settings, every
//! third good one a component as well. Nothing is lost, and nothing stays behind.
//!
//! `cargo xtask soak` runs it for ten minutes, `tests/e2e/soak.rs` for less than one.

use std::fmt;
use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tollgate_harness::{Report, eventually};

use crate::gate::{SOON, six};
use crate::{Echo, Gate, Key, VariedGate};

/// Length and force of a soak.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    /// The time for which reloads go on.
    pub lasts: Duration,
    /// From one change of the folder to the next.
    pub every: Duration,
    /// Requests per second.
    pub rate: u32,
    /// The growth of memory that is allowed at the end, in percent. What the engine keeps of
    /// components that were replaced rises and falls by a fifth within a minute, so that a short
    /// soak can promise less than a long one; Snapshots are counted by themselves.
    pub memory_percent: u64,
}

/// Resources that a process holds while nothing is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    /// Resident memory, in bytes.
    pub memory: u64,
    /// Open files and sockets.
    pub descriptors: u64,
    /// Threads.
    pub threads: u64,
}

/// The result of a soak.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The traffic.
    pub report: Report,
    /// Changes that were written to the folder.
    pub changes: u64,
    /// Reloads that took effect.
    pub swapped: u64,
    /// Reloads that were refused.
    pub refused: u64,
    /// Before the first reload, when everything had been reached once.
    pub before: Footprint,
    /// After the last, when everything had come to rest.
    pub after: Footprint,
    /// Snapshots that live at the end.
    pub snapshots: u64,
    /// The generation at the end.
    pub generation: u64,
    /// See [`Soak::memory_percent`].
    pub memory_percent: u64,
}

/// Distinct settings, and distinct components, that take turns.
const SETTINGS: u64 = 8;
const COMPONENTS: u64 = 4;
/// Swaps after which memory is full of what the engine keeps.
const SWAPS_BEFORE: u64 = 150;
/// The longest that everything may take to come to rest: idle threads end after ten seconds, unused
/// connections after their own time.
const REST: Duration = Duration::from_secs(120);
const CONNECTIONS: u32 = 20;

impl Soak {
    /// Runs it.
    ///
    /// # Errors
    /// The gateway does not start, does not come to rest, or ends with another configuration than
    /// the last good one.
    pub async fn run(self) -> Result<Outcome> {
        let (echo, key) = (Echo::start().await?, Key::new("sandbox", 31));
        let mut folder = six(&echo, &[(&key, &["things:read"])])?;
        folder.toml += "[engine]\ncompiled_cache = \"compiled\"\n";
        let gate = Gate::start(&folder).await?;
        let mut gateway = SoakedGate { varied: VariedGate::new(gate)?, good: 0 };

        // The engine keeps a bounded number of slots warm, each for the component that was there
        // last: memory is full, and comparable, once so many components have come and gone.
        while gateway.reloads().await?.0 < SWAPS_BEFORE {
            self.storm(&mut gateway, &key, 3 * SETTINGS * COMPONENTS).await?;
        }

        let before = gateway.at_rest(None).await?;
        let counted = gateway.reloads().await?;
        let changes = self.lasts.as_millis() / self.every.as_millis().max(1);
        let changes = u64::try_from(changes).unwrap_or(u64::MAX);
        let report = self.storm(&mut gateway, &key, changes).await?;
        let after = gateway.at_rest(Some((before, self.memory_percent))).await?;

        gateway.varied.is_in_force().await?;
        let (swapped, refused) = gateway.reloads().await?;
        Ok(Outcome {
            report,
            changes,
            swapped: swapped - counted.0,
            refused: refused - counted.1,
            before,
            after,
            snapshots: gateway.number("tollgate_snapshots_live", "").await?,
            generation: gateway.number("tollgate_config_generation", "").await?,
            memory_percent: self.memory_percent,
        })
    }

    /// So many changes under load; the last is a good one.
    async fn storm(self, gateway: &mut SoakedGate, key: &Key, changes: u64) -> Result<Report> {
        let load = gateway.varied.gate.traffic(key, CONNECTIONS, self.rate);
        let mut pace = interval(self.every);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for change in 0..changes {
            pace.tick().await;
            if change % 3 == 2 { gateway.mistake(change / 3)? } else { gateway.change()? }
        }
        gateway.change()?;
        eventually("the last change", SOON, async || gateway.varied.is_in_force().await.ok())
            .await?;
        load.stop().await
    }
}

/// A gateway under a soak, and the number of good changes that it was given.
struct SoakedGate {
    varied: VariedGate,
    good: u64,
}

impl SoakedGate {
    /// A good change: other settings, and every third time another component.
    fn change(&mut self) -> Result<()> {
        self.good += 1;
        self.varied.vary_rules(self.good % SETTINGS);
        if self.good.is_multiple_of(3) {
            self.varied.vary_component(self.good / 3 % COMPONENTS)?;
        }
        self.put("auth.wasm", &self.varied.auth)?;
        self.put("rules.toml", self.varied.rules.as_bytes())
    }

    /// A mistake; the next good change takes it back.
    fn mistake(&self, number: u64) -> Result<()> {
        match number % 3 {
            0 => self.put("rules.toml", b"garbage [[["),
            1 => {
                let misspelt = self.varied.rules.replace("origins = ", "orgins = ");
                self.put("rules.toml", misspelt.as_bytes())
            }
            _ => self.put(
                "auth.wasm",
                self.varied.auth.get(..self.varied.auth.len() / 2).unwrap_or_default(),
            ),
        }
    }

    /// Replaces a file as editors do, so that none is ever read half.
    fn put(&self, name: &str, content: &[u8]) -> Result<()> {
        let fresh = self.varied.gate.file(&format!(".{name}.new"));
        fs::write(&fresh, content)?;
        Ok(fs::rename(&fresh, self.varied.gate.file(name))?)
    }

    /// Waits for rest and returns the footprint; waits for one within `most` if it comes in time.
    async fn at_rest(&self, most: Option<(Footprint, u64)>) -> Result<Footprint> {
        let mut last = None;
        let mut since = Instant::now();

        let rest = eventually("rest", REST, async || {
            let now = self.footprint().ok()?;
            let is_one = self.number("tollgate_snapshots_live", "").await.ok()? == 1;
            // Memory may still be given back; threads and sockets leave in their own time.
            let still =
                |old: Footprint| (old.descriptors, old.threads) == (now.descriptors, now.threads);
            if !last.is_some_and(still) {
                since = Instant::now();
            }
            last = Some(now);
            let enough = most.is_none_or(|(most, percent)| now.is_within(most, percent));
            (is_one && enough && since.elapsed() > STILL).then_some(now)
        });

        match (rest.await, last) {
            (Ok(rest), _) => Ok(rest),
            // Whoever asked compares, and tells the figures.
            (Err(_), Some(last)) if most.is_some() => Ok(last),
            (Err(error), _) => Err(error),
        }
    }

    fn footprint(&self) -> Result<Footprint> {
        let process = procfs::process::Process::new(self.varied.gate.process.pid())?;
        Ok(Footprint {
            memory: self.varied.gate.process.resident()?,
            descriptors: u64::try_from(process.fd_count()?)?,
            threads: u64::try_from(process.tasks()?.count())?,
        })
    }

    async fn reloads(&self) -> Result<(u64, u64)> {
        let name = "tollgate_reloads_total";
        let swapped = self.number(name, "outcome=\"swapped\"").await?;
        Ok((swapped, self.number(name, "outcome=\"refused\"").await?))
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
    async fn number(&self, name: &str, part: &str) -> Result<u64> {
        Ok(self.varied.gate.metric(name, part).await? as u64)
    }
}

/// The time without a change that counts as rest: longer than idle threads live.
const STILL: Duration = Duration::from_secs(12);

impl Footprint {
    /// Returns true if it is within another: memory by so many percent, the rest by five.
    #[must_use]
    pub fn is_within(self, other: Self, memory_percent: u64) -> bool {
        let fits = |now: u64, then: u64, percent: u64| now * 100 <= then * (100 + percent);
        fits(self.memory, other.memory, memory_percent)
            && fits(self.descriptors, other.descriptors, 5)
            && fits(self.threads, other.threads, 5)
    }
}

impl Outcome {
    /// Reloads a second, refused ones among them. Changes that come faster than they can be
    /// compiled are taken up together.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn reload_rate(&self) -> f64 {
        (self.swapped + self.refused) as f64 / self.report.lasted.as_secs_f64().max(0.001)
    }

    /// Checks the promises of every soak, whatever its length.
    ///
    /// # Errors
    /// Names the promise that was not kept, with all figures.
    pub fn judge(&self) -> Result<()> {
        let causes = (&self.report.wrong, &self.report.first_wrong, &self.report.first_broken);
        ensure!(self.report.failed() == 0, "{self}; requests failed: {causes:?}");
        ensure!(self.snapshots == 1, "{self}; Snapshots were left behind");
        ensure!(
            self.after.is_within(self.before, self.memory_percent),
            "{self}; something was left behind"
        );
        ensure!(self.refused > 0 && self.swapped > self.refused, "{self}; few reloads");
        Ok(())
    }
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kibibytes = self.memory / 1024;
        let Self { descriptors, threads, .. } = self;
        write!(f, "{kibibytes} KiB, {descriptors} descriptors, {threads} threads")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = &self.report;

        write!(
            f,
            "{} changes in {:.1?}: {} swapped, {} refused, {:.1} a second, generation {}\n\
             {} requests, {:.0}/s, {} failed; 99 of 100 within {:?}\n\
             before: {}\nafter:  {}\nSnapshots live: {}",
            self.changes,
            report.lasted,
            self.swapped,
            self.refused,
            self.reload_rate(),
            self.generation,
            report.sent,
            report.rate(),
            report.failed(),
            report.percentile(99),
            self.before,
            self.after,
            self.snapshots,
        )
    }
}
