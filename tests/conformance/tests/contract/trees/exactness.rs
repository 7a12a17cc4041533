//! Trees on against trees off: whatever happens, callers and stores must not be able to tell.

use std::fmt;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError};
use tollgate_chain::{Growth, Hook, Receipt, Verdict, request};

use super::gate::{Gate, Observation, Settings, Upstreams, Ways};
use super::requests::{Event, Keys, Request, event, good};

/// Both gateways, and everything that happens to both.
struct Pair {
    with: Gate,
    without: Gate,
    keys: Keys,
    ways: Ways,
}

impl Pair {
    fn new() -> Self {
        let keys = Keys::new();
        let with = Gate::new(&Growth::default(), &keys);
        let without = Gate::new(&Growth { on: false, ..Growth::default() }, &keys);
        Self { with, without, keys, ways: Ways::default() }
    }

    /// Sends the request to both gateways and returns the view from outside of each.
    async fn serve(&mut self, request: &Request) -> (Observation, Observation) {
        let (ours, ways) = self.with.serve(request, &self.keys).await;
        let (theirs, _) = self.without.serve(request, &self.keys).await;
        self.ways.walked += ways.walked;
        self.ways.ran += ways.ran;
        (ours, theirs)
    }

    async fn happen(&mut self, number: usize, event: &Event) -> Result<(), TestCaseError> {
        match event {
            Event::Request(request) => {
                let (ours, theirs) = self.serve(request).await;
                prop_assert_eq!(ours, theirs, "event {}: {:?}", number, event);
            }
            Event::Pass(time) => {
                self.with.pass(*time);
                self.without.pass(*time);
            }

            Event::Revoke(key) => {
                self.keys.revoked[*key] ^= true;
                for gate in [&self.with, &self.without] {
                    gate.credentials.replace(&self.keys.file()).unwrap();
                }
            }
            Event::Reload => {
                for gate in [&mut self.with, &mut self.without] {
                    gate.serving = match gate.serving {
                        Settings::Strict => Settings::Lax,
                        Settings::Lax => Settings::Strict,
                    };
                }
            }
            Event::Upstream(ready) => {
                for gate in [&mut self.with, &mut self.without] {
                    gate.upstreams = Upstreams { sandbox: *ready, live: true };
                }
            }
        }
        Ok(())
    }
}

/// The events of one case. Written by their number alone: 2,500 of them would bury the message of
/// a failure, and the seed in [`SEEDS`] makes them again.
#[derive(Clone)]
struct Events(Vec<Event>);

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} events, by the seed in {SEEDS}", self.0.len())
    }
}

/// Where the seeds of cases that failed are kept; they run first the next time.
const SEEDS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/proptest-regressions/exactness.txt");

fn config() -> Config {
    // By a path that the message can name.
    let seeds = Box::new(FileFailurePersistence::Direct(SEEDS));
    let (cases, max_shrink_iters) = (3, 200);
    Config { cases, max_shrink_iters, failure_persistence: Some(seeds), ..Config::default() }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn no_caller_and_no_store_can_tell_whether_there_are_trees(
        events in prop::collection::vec(event(), 2_500).prop_map(Events),
    ) {
        let Events(events) = events;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut pair = Pair::new();
            for (number, event) in events.iter().enumerate() {
                pair.happen(number, event).await?;
            }

            let Ways { walked, ran } = pair.ways;
            prop_assert!(walked * 5 >= (walked + ran) * 4, "{walked} walked, {ran} ran");

            // Once the trees know what can happen, hardly anything enters Wasm.
            pair.ways = Ways::default();
            for (number, event) in events.iter().take(1_000).enumerate() {
                pair.happen(events.len() + number, event).await?;
            }
            let Ways { walked, ran } = pair.ways;
            prop_assert!(walked * 20 >= (walked + ran) * 19, "{walked} walked, {ran} ran");

            prop_assert!(pair.with.trees().all(|tree| tree.discord().is_none()));
            Ok(())
        })?;
    }
}

/// The run of a policy in a gateway without trees.
async fn recorded(
    pair: &Pair,
    request: &Request,
    policy: &str,
) -> (tollgate_chain::Trace, Verdict) {
    let (host, context) = pair.without.exchange(request, &pair.keys);
    let mut receipt = Receipt::default();
    request::walk(pair.without.chain(), &context.head, None, host, &mut receipt).await;
    let entry = receipt.entries.iter().find(|entry| entry.policy == policy).unwrap();
    (entry.decision.trace().unwrap().clone(), entry.decision.outcome().unwrap().clone())
}

#[tokio::test]
async fn a_leaf_that_is_wrong_is_seen_by_the_comparison_and_by_verification() {
    let mut pair = Pair::new();
    let stranger = Request { key: 5, ..good(2) };
    let (trace, verdict) = recorded(&pair, &stranger, "auth").await;
    assert!(matches!(verdict, Verdict::Reply(_)));
    let (host, _) = pair.with.exchange(&stranger, &pair.keys);
    for _ in 0..2 {
        pair.with.tree("auth").learn(&host, &trace, &Verdict::Proceed);
    }
    let (ours, theirs) = pair.serve(&stranger).await;
    assert_ne!(ours, theirs);
    assert!(ours.outcome.contains("Impure"), "{}", ours.outcome);
    assert!(pair.with.tree("auth").discord().is_some());
    let (ours, theirs) = pair.serve(&stranger).await;
    assert_eq!(ours.outcome, theirs.outcome, "without its tree the policy decides right again");
}

#[tokio::test]
async fn every_policy_that_looks_at_requests_is_in_the_comparison() {
    let pair = Pair::new();
    let names: Vec<&str> = pair.with.chain().policies.iter().map(|policy| &*policy.name).collect();
    assert_eq!(names, ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"]);
    assert!(pair.with.chain().policies.iter().all(|policy| !policy.plugin.has(Hook::Response)));
}
