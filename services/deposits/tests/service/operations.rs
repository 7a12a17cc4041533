//! One operation, once: whatever is repeated, reused or run at the same time.

use tollgate_proto::deposits as proto;
use tonic::Code;

use crate::support::{Bench, bench, reason, registration, tenant};

async fn register(
    bench: &Bench,
    key: &str,
    body: &str,
    message: &proto::RegisterDepositRequest,
) -> Result<proto::RegisterDepositResponse, tonic::Status> {
    let request = bench.write(&tenant("tenant-a"), key, body, message.clone());
    bench.client().register_deposit(request).await.map(tonic::Response::into_inner)
}

#[tokio::test]
async fn a_repeat_gets_the_first_answer_whatever_happened_since() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let message = registration(&account, 10, "ref-1");
    let first = register(&bench, "key", "body", &message).await.unwrap();
    let id = &first.deposit.as_ref().unwrap().deposit_id;
    bench.advance(id, proto::DepositFact::Confirming, "advance").await.unwrap();
    let events = bench.count("events");
    let again = register(&bench, "key", "body", &message).await.unwrap();
    assert_eq!(again, first);
    assert_eq!((bench.count("deposits"), bench.count("events")), (1, events));
}

#[tokio::test]
async fn a_key_that_is_reused_for_another_request_is_refused() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let message = registration(&account, 10, "ref-1");
    register(&bench, "key", "body", &message).await.unwrap();
    let other = registration(&account, 11, "ref-2");
    let refused = register(&bench, "key", "another body", &other).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(reason(&refused), "OPERATION_KEY_REUSED");
    let message = proto::CreateDepositAccountRequest { currency: "EUR".into(), ..<_>::default() };
    let request = bench.write(&tenant("tenant-a"), "key", "body", message);
    let refused = bench.client().create_deposit_account(request).await.unwrap_err();
    assert_eq!(reason(&refused), "OPERATION_KEY_REUSED", "another RPC is another request");
    assert_eq!(bench.count("deposits"), 1);
}

#[tokio::test]
async fn the_same_key_of_another_tenant_is_another_operation() {
    let bench = bench().await;
    for name in ["tenant-a", "tenant-b"] {
        let message =
            proto::CreateDepositAccountRequest { currency: "EUR".into(), ..<_>::default() };
        let request = bench.write(&tenant(name), "key", "body", message);
        bench.client().create_deposit_account(request).await.unwrap();
    }
    assert_eq!(bench.count("deposit_accounts"), 2);
}

#[tokio::test]
async fn a_refusal_is_final_for_its_key() {
    let bench = bench().await;
    let message = registration("acc_of_nobody", 10, "ref-1");
    let first = register(&bench, "key", "body", &message).await.unwrap_err();
    assert_eq!(first.code(), Code::NotFound);
    let again = register(&bench, "key", "body", &message).await.unwrap_err();
    assert_eq!(
        (again.code(), again.message(), again.details()),
        (first.code(), first.message(), first.details())
    );
    assert_eq!(bench.count("operations WHERE refusal IS NOT NULL"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_identical_operations_at_once_one_is_done_and_all_are_answered_alike() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let message = registration(&account, 10, "ref-1");
    let calls = (0..8).map(|_| register(&bench, "key", "body", &message));
    let answers = futures_util::future::join_all(calls).await;
    let first = answers[0].as_ref().unwrap();
    for answer in &answers {
        assert_eq!(answer.as_ref().unwrap(), first);
    }
    assert_eq!((bench.count("deposits"), bench.count("operations")), (1, 2));
}

#[tokio::test]
async fn a_call_behind_an_unfinished_one_is_told_to_try_again_and_then_succeeds() {
    let bench = bench().await;
    let account = bench.open_account("tenant-a").await.deposit_account_id;
    let message = registration(&account, 10, "ref-1");
    register(&bench, "first", "body", &message).await.unwrap();

    // An operation that holds the key of the next call and has not ended: as a paused process would.
    let mut paused = bench.pool.begin().await.unwrap();
    let mut metadata = tonic::metadata::MetadataMap::new();
    tollgate_commons::testing::operation("second", "body", &mut metadata).unwrap();
    let key = metadata.get("x-operation-key").unwrap().to_str().unwrap();
    sqlx::query(
        "INSERT INTO operations (tenant_id, environment, operation_key, fingerprint, method)
         SELECT tenant_id, environment, decode($1, 'hex'), fingerprint, method FROM operations
         LIMIT 1",
    )
    .bind(key)
    .execute(&mut *paused)
    .await
    .unwrap();

    let message = registration(&account, 10, "ref-2");
    let refused = register(&bench, "second", "body", &message).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    paused.rollback().await.unwrap();
    register(&bench, "second", "body", &message).await.unwrap();
}

#[tokio::test]
async fn a_write_without_a_well_formed_operation_key_is_refused() {
    let bench = bench().await;
    let message =
        || proto::CreateDepositAccountRequest { currency: "EUR".into(), ..<_>::default() };
    let mut refused = Vec::new();
    let none = bench.read(&tenant("tenant-a"), message());
    refused.push(bench.client().create_deposit_account(none).await.unwrap_err());
    for (name, value) in [
        ("x-operation-key", "abc".to_owned()),
        ("x-operation-key", "A".repeat(64)),
        ("x-request-fingerprint", "0".repeat(63)),
    ] {
        let mut request = bench.write(&tenant("tenant-a"), "key", "body", message());
        request.metadata_mut().insert(name, value.parse().unwrap());
        refused.push(bench.client().create_deposit_account(request).await.unwrap_err());
    }

    let mut doubled = bench.write(&tenant("tenant-a"), "key", "body", message());
    let again = doubled.metadata().get("x-operation-key").unwrap().clone();
    doubled.metadata_mut().append("x-operation-key", again);
    refused.push(bench.client().create_deposit_account(doubled).await.unwrap_err());

    assert_eq!(refused.len(), 5);
    for status in refused {
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason(&status), "OPERATION_KEY_INVALID");
    }
    assert_eq!(bench.count("deposit_accounts"), 0);
}
