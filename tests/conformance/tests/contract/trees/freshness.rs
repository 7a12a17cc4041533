//! Between two equal requests the world changes: the second is decided rightly, and by a walk.

use std::time::Duration;

use tollgate_chain::Growth;

use super::gate::{Gate, Settings, Ways};
use super::requests::{Body, Keys, Request, good};

/// Every policy by its tree, and none in Wasm.
const WALKED: Ways = Ways { walked: 6, ran: 0 };

/// A gateway whose trees know what these requests, sent as they are, can lead to.
async fn warmed(keys: &mut Keys, known: impl AsyncFn(&mut Gate, &mut Keys)) -> Gate {
    // Verified at walks 1, 2, 4 … beside the walk: a verification is no decision.
    let mut gate = Gate::new(&Growth::default(), keys);
    for _ in 0..3 {
        known(&mut gate, keys).await;
        gate.pass(Duration::from_secs(3_600));
    }
    gate
}

#[tokio::test]
async fn a_key_that_was_revoked_in_between_is_refused_by_a_walk() {
    let mut keys = Keys::new();
    let gate = warmed(&mut keys, async |gate, keys| {
        gate.serve(&good(2), keys).await;
        gate.serve(&Request { key: 1, ..good(2) }, keys).await;
        // What a revoked key meets was seen with another key: the answer is the same.
        keys.revoked[1] = true;
        gate.credentials.replace(&keys.file()).unwrap();
        gate.serve(&Request { key: 1, ..good(2) }, keys).await;
        keys.revoked[1] = false;
        gate.credentials.replace(&keys.file()).unwrap();
    })
    .await;

    let (before, ways) = gate.serve(&Request { number: 7, ..good(2) }, &keys).await;
    assert!(before.outcome.starts_with("Passed"), "{}", before.outcome);
    assert_eq!(ways, WALKED);

    keys.revoked[0] = true;
    gate.credentials.replace(&keys.file()).unwrap();
    let (after, ways) = gate.serve(&Request { number: 8, ..good(2) }, &keys).await;
    assert!(after.outcome.contains("status: 401"), "{}", after.outcome);
    assert_eq!(ways, Ways { walked: 3, ran: 0 });
}

#[tokio::test]
async fn a_quota_that_was_spent_in_between_is_refused_by_a_walk() {
    let mut keys = Keys::new();
    let spend = async |gate: &mut Gate, keys: &mut Keys| {
        for number in 0..3 {
            gate.serve(&Request { number, ..good(2) }, keys).await;
        }
    };
    let gate = warmed(&mut keys, spend).await;
    let mut seen = Vec::new();
    for number in 10..13 {
        let (one, ways) = gate.serve(&Request { number, ..good(2) }, &keys).await;
        seen.push((one.outcome.starts_with("Passed"), ways.ran, one.headers["ratelimit"].clone()));
    }
    assert_eq!(
        seen.iter().map(|one| (one.0, one.1)).collect::<Vec<_>>(),
        [(true, 0), (true, 0), (false, 0)]
    );
    let told: Vec<&str> = seen.iter().map(|one| one.2.to_str().unwrap()).collect();
    assert!(told[0] != told[1] && told[1] != told[2], "the remaining quota is told: {told:?}");
}

#[tokio::test]
async fn a_key_that_was_claimed_in_between_is_replayed_or_refused_by_a_walk() {
    let mut keys = Keys::new();
    let gate = warmed(&mut keys, async |gate, keys| {
        for body in [Body(1), Body(1), Body(2)] {
            let request = Request { body, ..good(3) };
            gate.serve(&request, keys).await;
            gate.pass(Duration::from_secs(60));
        }
        gate.pass(Duration::from_secs(2 * 24 * 3_600));
    })
    .await;
    gate.pass(Duration::from_secs(3 * 24 * 3_600));

    let mut outcomes = Vec::new();
    for body in [Body(1), Body(1), Body(2)] {
        let (view, ways) = gate.serve(&Request { body, ..good(3) }, &keys).await;
        gate.pass(Duration::from_secs(60));
        assert_eq!(ways, WALKED, "{}", view.outcome);
        outcomes.push(view.outcome);
    }

    assert!(outcomes[0].starts_with("Passed"), "{}", outcomes[0]);
    assert!(outcomes[1].contains("Held"), "{}", outcomes[1]);
    assert!(outcomes[2].contains("status: 422"), "{}", outcomes[2]);
}

#[tokio::test]
async fn a_setting_that_changed_in_between_decides_and_what_is_unrelated_stays_warm() {
    let mut keys = Keys::new();
    let refused = Request { origin: 2, ..good(2) };
    let mut gate = warmed(&mut keys, async |gate, keys| {
        gate.serve(&refused, keys).await;
        for number in [1, 2] {
            gate.serve(&Request { number, ..good(2) }, keys).await;
            gate.pass(Duration::from_secs(3_600));
        }
    })
    .await;

    let (view, ways) = gate.serve(&refused, &keys).await;
    assert!(view.outcome.contains("status: 403"), "{}", view.outcome);
    assert_eq!(ways, Ways { walked: 2, ran: 0 });

    gate.serving = Settings::Lax;
    let (view, ways) = gate.serve(&Request { number: 9, ..refused.clone() }, &keys).await;
    assert!(view.outcome.starts_with("Passed"), "{}", view.outcome);
    assert_eq!(ways, Ways { walked: 4, ran: 2 }, "cors and rate-limit have new settings");

    gate.serving = Settings::Strict;
    let (view, ways) = gate.serve(&refused, &keys).await;
    assert!(view.outcome.contains("status: 403"), "{}", view.outcome);
    assert_eq!(ways, Ways { walked: 2, ran: 0 }, "and the old ones are known still");
}
