//! The main job, on real parts: a tenant opens deposit accounts, retries, is kept in its own
//! environment, and its events come out of Kafka.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use e2e::gate::SOON;
use e2e::platform::Platform;
use http::StatusCode;
use tollgate_harness::eventually;

const ACCOUNTS: &str = "/v1/deposit-accounts";
const OPEN: &str = r#"{"currency":"USD","label":"first"}"#;

/// Rows of the accounts that carry this label.
fn rows(platform: &Platform, service: usize, label: &str) -> Result<String> {
    let service = platform.services.get(service).context("a service")?;
    let sql = format!("SELECT count(*) FROM deposit_accounts WHERE label = '{label}'");
    Ok(service.database.sql(&sql)?.trim().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sandbox_key_opens_an_account_and_its_event_is_read_back_from_kafka() -> Result<()> {
    let platform = Platform::start().await?;
    let keys = platform.tenant(&["sandbox", "live"])?;
    let (sandbox, live) = (&keys[0], &keys[1]);
    let first = platform.post(ACCOUNTS, &sandbox.key, "\"one\"", OPEN).await?;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let id = first.json()?["depositAccountId"].as_str().context("an id")?.to_owned();

    // Replayed, to the byte; one row.
    let again = platform.post(ACCOUNTS, &sandbox.key, "\"one\"", OPEN).await?;
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{}", again.text());
    assert_eq!(again.body, first.body);
    let other = platform.post(ACCOUNTS, &sandbox.key, "\"one\"", r#"{"currency":"EUR"}"#).await?;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text());
    assert_eq!(rows(&platform, 2, "first")?, "1");

    // Two worlds: the live deployment knows nothing of it, and says so as of any unknown id.
    assert_eq!(rows(&platform, 1, "first")?, "0");
    let read = platform.get(&format!("{ACCOUNTS}/{id}"), &sandbox.key).await?;
    assert_eq!(read.status, StatusCode::OK, "{}", read.text());
    let foreign = platform.get(&format!("{ACCOUNTS}/{id}"), &live.key).await?;
    assert_eq!(foreign.status, StatusCode::NOT_FOUND, "{}", foreign.text());
    let opened =
        platform.post(ACCOUNTS, &live.key, "\"one\"", r#"{"currency":"USD","label":"live"}"#);
    assert_eq!(opened.await?.status, StatusCode::OK);
    assert_eq!(
        (rows(&platform, 1, "live")?, rows(&platform, 2, "live")?),
        ("1".into(), "0".into())
    );

    // The event, by a client that is not ours.
    eventually("the event in Kafka", SOON, async || {
        let records = platform.kafka.read_now("sandbox.deposits.events").await.ok()?;
        records.iter().any(|record| record.key == id.as_bytes()).then_some(())
    })
    .await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_moves_once_though_gateway_and_service_are_killed() -> Result<()> {
    let mut platform = Platform::start().await?;
    let key = platform.tenant(&["sandbox"])?.remove(0).key;
    let first = platform.post(ACCOUNTS, &key, "\"crash\"", OPEN).await?;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    // The gateway's records are in memory here: they die with it, the service's key does not.
    platform.crash_gateway().await?;
    let retried = platform.post(ACCOUNTS, &key, "\"crash\"", OPEN).await?;
    assert_eq!(retried.status, StatusCode::OK, "{}", retried.text());
    assert_eq!(retried.header("idempotent-replayed"), None, "the record was lost");
    assert_eq!(retried.json()?, first.json()?, "the service answers with the original result");
    assert_eq!(rows(&platform, 2, "first")?, "1");
    platform.crash_gateway().await?;
    let reused = platform.post(ACCOUNTS, &key, "\"crash\"", r#"{"currency":"EUR"}"#).await?;
    assert_eq!(reused.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", reused.text());

    let [_, _, sandbox] = &mut platform.services;
    sandbox.crash().await?;
    let id = first.json()?["depositAccountId"].as_str().context("an id")?.to_owned();
    let kept = eventually("the service again", SOON, async || {
        let reply = platform.get(&format!("{ACCOUNTS}/{id}"), &key).await.ok()?;
        (reply.status == StatusCode::OK).then_some(reply)
    })
    .await?;
    assert_eq!(kept.json()?["depositAccountId"], id.as_str());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_key_is_refused_within_a_second() -> Result<()> {
    let platform = Platform::start().await?;
    let key = platform.tenant(&["sandbox"])?.remove(0);
    assert_eq!(platform.get(ACCOUNTS, &key.key).await?.status, StatusCode::OK);
    platform.identity(&["key", "revoke", &key.id])?;
    let revoked = Instant::now();
    let mut last_good = Duration::ZERO;
    eventually("a refusal", SOON, async || {
        let asked = revoked.elapsed();
        let reply = platform.get(ACCOUNTS, &key.key).await.ok()?;
        if reply.status == StatusCode::OK {
            last_good = asked;
        }
        (reply.status == StatusCode::UNAUTHORIZED).then_some(())
    })
    .await?;
    assert!(last_good <= Duration::from_secs(1), "accepted {last_good:?} after the revocation");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deposit_goes_through_its_states_and_no_further() -> Result<()> {
    let platform = Platform::start().await?;
    let key = platform.tenant(&["sandbox"])?.remove(0).key;
    let account = platform.post(ACCOUNTS, &key, "\"a\"", OPEN).await?.json()?;
    let account = account["depositAccountId"].as_str().context("an account")?.to_owned();

    let body = format!(
        r#"{{"depositAccountId":"{account}","amount":{{"minorUnits":"1250","currency":"USD"}},"reference":"wire-1"}}"#
    );
    let deposit = platform.post("/v1/deposits", &key, "\"d\"", &body).await?;
    assert_eq!(deposit.status, StatusCode::OK, "{}", deposit.text());
    let id = deposit.json()?["depositId"].as_str().context("a deposit")?.to_owned();

    let advance = format!("/v1/deposits/{id}:advance");
    for fact in ["CONFIRMING", "CONFIRM", "CREDIT"] {
        let body = format!(r#"{{"fact":"DEPOSIT_FACT_{fact}"}}"#);
        let moved = platform.post(&advance, &key, &format!("\"{fact}\""), &body).await?;
        assert_eq!(moved.status, StatusCode::OK, "{fact}: {}", moved.text());
    }

    let read = platform.get(&format!("{ACCOUNTS}/{account}"), &key).await?.json()?;
    assert_eq!(read["balance"]["minorUnits"], "1250", "{read}");

    let late = r#"{"fact":"DEPOSIT_FACT_REJECT"}"#;
    let refused = platform.post(&advance, &key, "\"late\"", late).await?;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{}", refused.text());

    let unknown = platform.post("/v1/deposits", &key, "\"x\"", r#"{"nonsense":1}"#).await?;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    assert_eq!(unknown.json()?["errors"][0]["field"], "nonsense", "{}", unknown.text());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_identity_straight_to_a_service_is_refused() -> Result<()> {
    let platform = Platform::start().await?;
    let [_, live, _] = &platform.services;
    let url = format!(
        "http://127.0.0.1:{}/tollgate.deposits.v1.DepositsService/ListDepositAccounts",
        live.port
    );

    // Nothing; a statement signed by nobody; the fields that other systems believe.
    let forged = [
        ("x-request-id", "none-at-all"),
        ("x-tollgate-principal-bin", "CgR0ZXN0EgR0ZXN0GgR0ZXN0"),
        ("x-tenant-id", "acme"),
    ];

    for (name, value) in forged {
        let request = http::Request::post(&url)
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header(name, value)
            .body(bytes::Bytes::from_static(&[0; 5]))?;
        let reply = tollgate_harness::Client::h2().send(request).await?;
        let status = reply
            .header("grpc-status")
            .or_else(|| reply.trailers.get("grpc-status").and_then(|value| value.to_str().ok()));
        assert_eq!(status, Some("16"), "{name}: {:?}", reply.headers);
    }
    Ok(())
}
