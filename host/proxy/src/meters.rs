//! Counters of exchanges, on tallies of our own, because every request counts a dozen times and
//! threads must not wait for each other's cache lines; published when metrics are read.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use metrics::{counter, describe_counter, describe_gauge, gauge};
use parking_lot::Mutex;
use tollgate_chain::{
    Chain, Check, Decision, Failure, Hook, Lesson, Receipt, ReceiptEntry, Tally, Trees, Verdict,
};

/// Exchanges, by `status` class.
const EXCHANGES: &str = "tollgate_exchanges_total";
/// A policy's part in exchanges, by `policy`, `hook` and `outcome`.
const RUNS: &str = "tollgate_policy_runs_total";
/// Verdicts of a policy, by `policy`, `hook` and `way`.
const DECISIONS: &str = "tollgate_policy_decisions_total";
/// Time of a policy's decisions, host waits included, by `policy`, `hook` and `way`.
const NANOSECONDS: &str = "tollgate_policy_nanoseconds_total";
/// Walks that were repeated in the component, by `policy`, `hook` and `result`.
const VERIFICATIONS: &str = "tollgate_tree_verifications_total";
/// Questions and leaves of a tree.
const NODES: &str = "tollgate_tree_nodes";
/// Bytes of a tree, estimated.
const BYTES: &str = "tollgate_tree_bytes";
/// Snapshots that serve, or that exchanges and streams still hold.
const SNAPSHOTS_LIVE: &str = "tollgate_snapshots_live";
/// 1 when a contradiction has switched the tree off.
const OFF: &str = "tollgate_tree_off";

/// Describes the metrics of exchanges to the recorder.
pub fn describe() {
    describe_counter!(EXCHANGES, "Exchanges, by status class.");
    describe_counter!(RUNS, "A policy's part in exchanges, by outcome.");
    describe_counter!(DECISIONS, "A policy's verdicts: walked, run in Wasm, or skipped.");
    describe_counter!(NANOSECONDS, "Time of a policy's decisions, waits for the host included.");
    describe_counter!(VERIFICATIONS, "Walks that were repeated in the component.");
    describe_gauge!(SNAPSHOTS_LIVE, "Snapshots that serve or are still held by exchanges.");
    describe_gauge!(NODES, "Questions and leaves of a policy's tree.");
    describe_gauge!(BYTES, "Bytes of a policy's tree, estimated.");
    describe_gauge!(OFF, "1 when a contradiction switched the policy's tree off.");
}

/// Everything that is counted, by policy name: Snapshots come and go, counters stay.
#[derive(Debug, Clone, Default)]
pub struct Ledger(Arc<LedgerState>);

#[derive(Debug, Default)]
struct LedgerState {
    classes: [Tally; CLASSES.len()],
    /// Meters that live: each Snapshot has one, for as long as it lives.
    snapshots: AtomicUsize,
    policies: Mutex<HashMap<Arc<str>, Arc<Account>>>,
    /// The trees that serve, with the name of a policy that they belong to.
    trees: Mutex<Vec<(Arc<str>, Arc<Trees>)>>,
}

/// The counters of one policy.
#[derive(Debug, Default)]
struct Account {
    request: HookAccount,
    response: HookAccount,
}

#[derive(Debug, Default)]
struct HookAccount {
    walked: Outcomes,
    ran: Outcomes,
    skipped: Tally,
    agreed: Tally,
    inconclusive: Tally,
    differed: Tally,
}

/// Verdicts of one way.
#[derive(Debug, Default)]
struct Outcomes {
    proceed: Tally,
    forward: Tally,
    reply: Tally,
    failure: Tally,
    nanoseconds: Tally,
}

/// The accounts of a Snapshot's chains, so that a request looks none up by name.
#[derive(Debug)]
pub struct Meters {
    ledger: Ledger,
    chains: Vec<Vec<Arc<Account>>>,
}

impl Ledger {
    /// The accounts of these chains, whose trees are the ones that serve from now on.
    pub fn open<H>(&self, chains: &[Chain<H>]) -> Meters {
        let mut trees: Vec<(Arc<str>, Arc<Trees>)> = Vec::new();
        let mut policies = self.0.policies.lock();
        let mut account = |chain: &Chain<H>| {
            let own = chain.policies.iter().map(|policy| {
                let candidate = policy.rollout.as_ref().map(|rollout| &*rollout.candidate);
                for own in [Some(&**policy), candidate].into_iter().flatten() {
                    if !trees.iter().any(|(name, _)| *name == own.name) {
                        trees.push((Arc::clone(&own.name), Arc::clone(&own.trees)));
                    }
                }
                Arc::clone(policies.entry(Arc::clone(&policy.name)).or_default())
            });
            own.collect()
        };
        let chains = chains.iter().map(&mut account).collect();
        *self.0.trees.lock() = trees;
        self.0.snapshots.fetch_add(1, Ordering::Relaxed);
        Meters { ledger: self.clone(), chains }
    }

    /// Hands everything to the recorder of metrics.
    pub fn publish(&self) {
        for (class, tally) in CLASSES.iter().zip(&self.0.classes) {
            counter!(EXCHANGES, "status" => *class).absolute(tally.sum());
        }
        gauge!(SNAPSHOTS_LIVE).set(precise(self.0.snapshots.load(Ordering::Relaxed)));
        for (policy, account) in &*self.0.policies.lock() {
            account.request.publish(policy, Hook::Request);
            account.response.publish(policy, Hook::Response);
        }
        for (policy, trees) in &*self.0.trees.lock() {
            for hook in [Hook::Request, Hook::Response] {
                let figures = trees.of(hook).figures();
                let set = |metric: &'static str, value: usize| {
                    let labels = [("policy", policy.to_string()), ("hook", hook.as_str().into())];
                    gauge!(metric, &labels).set(precise(value));
                };
                set(NODES, figures.nodes);
                set(BYTES, figures.bytes);
                set(OFF, usize::from(figures.off));
            }
        }
    }
}

impl Drop for Meters {
    fn drop(&mut self) {
        self.ledger.0.snapshots.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Meters {
    /// Counts an exchange, decided by the chain of this index.
    pub fn record(&self, chain: usize, receipt: &Receipt<'_>, status: StatusCode) {
        let classes = &self.ledger.0.classes;
        let class = usize::from(status.as_u16() / 100);
        if let Some(tally) = classes.get(class).or(classes.first()) {
            tally.add(1);
        }
        let Some(accounts) = self.chains.get(chain) else { return };
        for entry in &receipt.entries {
            let Some(account) = accounts.get(entry.index) else { continue };
            match entry.hook {
                Hook::Request => account.request.record(entry),
                Hook::Response => account.response.record(entry),
            }
        }
    }
}

impl HookAccount {
    fn record(&self, entry: &ReceiptEntry<'_>) {
        match &entry.decision {
            Decision::Skipped => drop(self.skipped.add(1)),
            Decision::Walked { leaf, check } => {
                self.walked.record(Ok(leaf.verdict()), entry.took);
                match check {
                    Check::Spared => {}
                    Check::Agreed => drop(self.agreed.add(1)),
                    Check::Inconclusive => drop(self.inconclusive.add(1)),
                }
            }
            Decision::Ran { outcome, lesson, .. } => {
                self.ran.record(outcome.as_ref(), entry.took);
                let (policy, hook) = (entry.policy, entry.hook.as_str());
                if let Err(failure) = outcome {
                    tracing::error!(policy, hook, %failure, "a policy failed");
                }
                if *lesson == Some(Lesson::Contradicts) {
                    self.differed.add(1);
                    tracing::error!(policy, hook, "a policy contradicted itself: its tree is off");
                }
            }
        }
    }

    fn publish(&self, policy: &Arc<str>, hook: Hook) {
        let count = |metric: &'static str, label: &'static str, value: &'static str, sum: u64| {
            let labels = [
                ("policy", policy.to_string()),
                ("hook", hook.as_str().into()),
                (label, value.into()),
            ];
            counter!(metric, &labels).absolute(sum);
        };
        let outcome = |value, of: fn(&Outcomes) -> &Tally| {
            count(RUNS, "outcome", value, of(&self.walked).sum() + of(&self.ran).sum());
        };
        outcome("proceed", |outcomes| &outcomes.proceed);
        outcome("forward", |outcomes| &outcomes.forward);
        outcome("reply", |outcomes| &outcomes.reply);
        outcome("failure", |outcomes| &outcomes.failure);
        count(RUNS, "outcome", "skipped", self.skipped.sum());
        count(DECISIONS, "way", "tree", self.walked.decisions());
        count(DECISIONS, "way", "wasm", self.ran.decisions());
        count(DECISIONS, "way", "skipped", self.skipped.sum());
        count(NANOSECONDS, "way", "tree", self.walked.nanoseconds.sum());
        count(NANOSECONDS, "way", "wasm", self.ran.nanoseconds.sum());
        count(VERIFICATIONS, "result", "agreed", self.agreed.sum());
        count(VERIFICATIONS, "result", "inconclusive", self.inconclusive.sum());
        count(VERIFICATIONS, "result", "differed", self.differed.sum());
    }
}

impl Outcomes {
    fn record(&self, outcome: Result<&Verdict, &Failure>, took: Duration) {
        let tally = match outcome {
            Ok(Verdict::Proceed) => &self.proceed,
            Ok(Verdict::Forward(_)) => &self.forward,
            Ok(Verdict::Reply(_)) => &self.reply,
            Err(_) => &self.failure,
        };
        tally.add(1);
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    fn decisions(&self) -> u64 {
        self.proceed.sum() + self.forward.sum() + self.reply.sum() + self.failure.sum()
    }
}

const CLASSES: [&str; 6] = ["other", "1xx", "2xx", "3xx", "4xx", "5xx"];

#[expect(clippy::cast_precision_loss, reason = "bounded far below 2^53")]
fn precise(value: usize) -> f64 {
    value as f64
}
