//! A deposit through its states: what it leaves in the tables, and what it tells.

use prost::Message as _;
use tollgate_proto::deposits as proto;
use tollgate_proto::deposits::DepositFact as Fact;
use tollgate_proto::deposits::DepositState as State;
use tollgate_proto::events::EventEnvelope;
use tonic::Code;

use crate::support::{Bench, bench, reason, tenant};

async fn balance(bench: &Bench, account: &str) -> i64 {
    let message = proto::GetDepositAccountRequest { deposit_account_id: account.into() };
    let request = bench.read(&tenant("tenant-a"), message);
    let read = bench.client().get_deposit_account(request).await.unwrap().into_inner();
    read.deposit_account.unwrap().balance.unwrap().minor_units
}

async fn outbox(bench: &Bench, stream: &str) -> Vec<EventEnvelope> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("SELECT topic, envelope FROM outbox WHERE stream_id = $1 ORDER BY version")
            .bind(stream)
            .fetch_all(&bench.pool)
            .await
            .unwrap();
    assert!(rows.iter().all(|(topic, _)| topic == "sandbox.deposits.events"));
    rows.iter().map(|(_, bytes)| EventEnvelope::decode(bytes.as_slice()).unwrap()).collect()
}

#[tokio::test]
async fn a_deposit_is_credited_swept_and_reversed_and_every_step_is_told() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let deposit = bench.register("tenant-a", &account, "ref-1").await.unwrap();
    assert_eq!(deposit.state(), State::Detected);
    let steps = [
        (Fact::Confirming, State::Confirming, 0),
        (Fact::Confirm, State::Confirmed, 0),
        (Fact::Credit, State::Credited, 1250),
        (Fact::Sweep, State::Swept, 1250),
        (Fact::Reverse, State::Reversed, 0),
    ];
    for (fact, state, held) in steps {
        let key = format!("advance {}", fact.as_str_name());
        let moved = bench.advance(&deposit.deposit_id, fact, &key).await.unwrap();
        assert_eq!(moved.state(), state);
        assert_eq!(balance(&bench, &account).await, held, "{fact:?}");
    }

    let told = outbox(&bench, &deposit.deposit_id).await;
    let versions: Vec<i64> = told.iter().map(|event| event.version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5, 6]);
    let registered = proto::DepositRegistered::decode(told[0].payload.as_slice()).unwrap();
    assert_eq!(registered.reference, "ref-1");
    let credited = proto::DepositAdvanced::decode(told[3].payload.as_slice()).unwrap();
    assert_eq!((credited.from(), credited.to()), (State::Confirmed, State::Credited));
    let amounts = credited.postings.iter().map(|p| p.amount.as_ref().unwrap().minor_units);
    assert_eq!(amounts.collect::<Vec<_>>(), [-1250, 1250]);
    assert!(told.iter().all(|event| event.tenant_id == "tenant-a" && event.environment == 1));
    assert!(told.iter().all(|event| event.operation_key.len() == 64));

    let stored = "SELECT count(*) FROM outbox o JOIN events e USING (event_id, stream_id, version)";
    assert_eq!(bench.database.sql(stored).unwrap(), bench.count("events").to_string());
    let sum = bench.database.sql("SELECT sum(minor_units) FROM postings").unwrap();
    assert_eq!((bench.count("postings"), sum.as_str()), (4, "0"));
}

#[tokio::test]
async fn a_fact_told_twice_changes_nothing_and_is_answered_alike() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let deposit = bench.register("tenant-a", &account, "ref-1").await.unwrap().deposit_id;
    let first = bench.advance(&deposit, Fact::Confirming, "first").await.unwrap();
    let events = bench.count("events");
    let second = bench.advance(&deposit, Fact::Confirming, "second").await.unwrap();
    assert_eq!(first, second);
    assert_eq!(bench.count("events"), events);
}

#[tokio::test]
async fn a_fact_that_the_state_does_not_allow_is_recorded_and_moves_nothing() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let deposit = bench.register("tenant-a", &account, "ref-1").await.unwrap().deposit_id;
    let refused = bench.advance(&deposit, Fact::Credit, "too early").await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "ILLEGAL_TRANSITION");
    let told = outbox(&bench, &deposit).await;
    assert_eq!(told.last().unwrap().r#type, "tollgate.deposits.v1.DepositAnomalyRecorded");
    assert_eq!(balance(&bench, &account).await, 0);

    let again = bench.advance(&deposit, Fact::Credit, "too early").await.unwrap_err();
    assert_eq!(reason(&again), "ILLEGAL_TRANSITION");
    assert_eq!(outbox(&bench, &deposit).await.len(), told.len(), "a repeat records nothing new");
    let moved = bench.advance(&deposit, Fact::Confirming, "in order").await.unwrap();
    assert_eq!((moved.state(), moved.version), (State::Confirming, 3));
}

#[tokio::test]
async fn a_reference_is_registered_once_per_account() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    bench.register("tenant-a", &account, "ref-1").await.unwrap();
    let message = crate::support::registration(&account, 99, "ref-1");
    let request = bench.write(&tenant("tenant-a"), "another key", "", message);
    let refused = bench.client().register_deposit(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::AlreadyExists);
    assert_eq!(bench.count("deposits"), 1);
}

#[tokio::test]
async fn amounts_must_be_above_zero_and_in_the_accounts_currency() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    for minor_units in [0, -5] {
        let message = crate::support::registration(&account, minor_units, "r");
        let request = bench.write(&tenant("tenant-a"), "key", "", message);
        let refused = bench.client().register_deposit(request).await.unwrap_err();
        assert_eq!(reason(&refused), "NOT_POSITIVE");
    }
    let mut message = crate::support::registration(&account, 5, "r");
    message.amount.as_mut().unwrap().currency = "USD".into();
    let request = bench.write(&tenant("tenant-a"), "dollars", "", message);
    let refused = bench.client().register_deposit(request).await.unwrap_err();
    assert_eq!(reason(&refused), "CURRENCY_MISMATCH");
    assert_eq!(bench.count("deposits"), 0);
}

#[tokio::test]
async fn the_database_itself_refuses_postings_that_do_not_sum_to_zero() {
    let bench = bench().await;
    bench.open_account("tenant-a").await;
    let lopsided = "INSERT INTO postings (event_id, line, tenant_id, environment, ledger_account,
                                          minor_units, currency)
                    SELECT event_id, 1, tenant_id, environment, 'clearing', 5, 'EUR' FROM events";
    let refused = bench.database.sql(lopsided).unwrap_err();
    assert!(refused.to_string().contains("sum to zero"), "{refused}");
}
