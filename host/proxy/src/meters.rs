//! Counters of exchanges, on tallies of our own, because every request counts a dozen times and
//! threads must not wait for each other's cache lines; published when metrics are read.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::StatusCode;
use metrics::{counter, gauge};
use parking_lot::Mutex;
use tollgate_chain::{
    Chain, Check, Decision, Failure, Hook, Lesson, Receipt, ReceiptEntry, Tally, Trees, Verdict,
    metric,
};

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
            counter!(metric::EXCHANGES, "status" => *class).absolute(tally.sum());
        }
        gauge!(metric::SNAPSHOTS_LIVE).set(precise(self.0.snapshots.load(Ordering::Relaxed)));

        for (policy, account) in &*self.0.policies.lock() {
            account.request.publish(policy, Hook::Request);
            account.response.publish(policy, Hook::Response);
        }

        for (policy, trees) in &*self.0.trees.lock() {
            for hook in [Hook::Request, Hook::Response] {
                let figures = trees.of(hook).figures();
                let set = |name: &'static str, value: usize| {
                    let labels = [("policy", policy.to_string()), ("hook", hook.as_str().into())];
                    gauge!(name, &labels).set(precise(value));
                };
                set(metric::TREE_NODES, figures.nodes);
                set(metric::TREE_BYTES, figures.bytes);
                set(metric::TREE_OFF, usize::from(figures.off));
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
        let labels = |label: &'static str, value: &'static str| {
            [("policy", policy.to_string()), ("hook", hook.as_str().into()), (label, value.into())]
        };
        let count = |name: &'static str, label, value, sum: u64| {
            counter!(name, &labels(label, value)).absolute(sum);
        };
        // The façade counts in whole numbers; `admin` presents this gauge as the counter that it is.
        let time = |way, nanoseconds: u64| {
            let seconds = Duration::from_nanos(nanoseconds).as_secs_f64();
            gauge!(metric::POLICY_SECONDS, &labels("way", way)).set(seconds);
        };

        let outcome = |value, of: fn(&Outcomes) -> &Tally| {
            count(
                metric::POLICY_RUNS,
                "outcome",
                value,
                of(&self.walked).sum() + of(&self.ran).sum(),
            );
        };
        outcome("proceed", |outcomes| &outcomes.proceed);
        outcome("forward", |outcomes| &outcomes.forward);
        outcome("reply", |outcomes| &outcomes.reply);
        outcome("failure", |outcomes| &outcomes.failure);
        count(metric::POLICY_RUNS, "outcome", "skipped", self.skipped.sum());
        count(metric::POLICY_DECISIONS, "way", "tree", self.walked.decisions());
        count(metric::POLICY_DECISIONS, "way", "wasm", self.ran.decisions());
        count(metric::POLICY_DECISIONS, "way", "skipped", self.skipped.sum());
        time("tree", self.walked.nanoseconds.sum());
        time("wasm", self.ran.nanoseconds.sum());
        count(metric::TREE_VERIFICATIONS, "result", "agreed", self.agreed.sum());
        count(metric::TREE_VERIFICATIONS, "result", "inconclusive", self.inconclusive.sum());
        count(metric::TREE_VERIFICATIONS, "result", "differed", self.differed.sum());
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
