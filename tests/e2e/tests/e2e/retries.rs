//! Answers to the retry of a write.

use anyhow::Result;
use e2e::gate::{Gate, SOON, six};
use e2e::{Echo, Key};
use http::{Method, StatusCode};
use tollgate_harness::{Reply, eventually};

struct Writer {
    echo: Echo,
    gate: Gate,
    bearer: String,
}

impl Writer {
    async fn new() -> Result<Self> {
        Self::with(|toml| toml).await
    }

    async fn with(change: impl FnOnce(String) -> String) -> Result<Self> {
        let (echo, key) = (Echo::start().await?, Key::new("sandbox", 2));
        let mut folder = six(&echo, &[(&key, &["things:read", "things:write"])])?;
        folder.toml = change(folder.toml);
        let gate = Gate::start(&folder).await?;
        Ok(Self { echo, gate, bearer: key.bearer() })
    }

    async fn post(&self, headers: &[(&str, &str)], body: &str) -> Result<Reply> {
        let mut all = vec![("authorization", self.bearer.as_str())];
        all.extend([("content-type", "application/json")]);
        all.extend(headers);
        self.gate.send(Method::POST, "/v1/things", &all, body).await
    }
}

#[tokio::test]
async fn a_retry_gets_the_first_answer_and_the_service_is_asked_once() -> Result<()> {
    let writer = Writer::new().await?;
    let key = [("idempotency-key", "\"order-1\"")];
    let first = writer.post(&key, "{\"amount\":1}").await?;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    assert_eq!(first.header("idempotent-replayed"), None);
    assert!(first.text().contains("x-operation-key: "), "the service learns the operation");
    let again = writer.post(&[("idempotency-key", "order-1")], "{\"amount\":1}").await?;
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{}", again.text());
    assert_eq!(again.body, first.body);
    assert_ne!(again.header("x-request-id"), first.header("x-request-id"));
    let other = writer.post(&key, "{\"amount\":2}").await?;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text());
    assert_eq!(other.json()?["code"], "idempotency_key_reused");
    assert_eq!(writer.echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn a_retry_gets_the_representation_and_the_redirect_that_were_answered() -> Result<()> {
    let writer = Writer::new().await?;
    for (key, answer, status) in [
        ("coded", ("x-answer-encoding", "gzip"), StatusCode::OK),
        ("elsewhere", ("x-answer-status", "303"), StatusCode::SEE_OTHER),
    ] {
        let headers = [("idempotency-key", key), answer];
        let calls = writer.echo.calls();
        let first = writer.post(&headers, "{}").await?;
        let again = writer.post(&headers, "{}").await?;
        assert_eq!((first.status, again.status), (status, status), "{key}: {}", again.text());
        assert_eq!(again.header("idempotent-replayed"), Some("true"), "{key}");
        assert_eq!(again.header("content-encoding"), first.header("content-encoding"), "{key}");
        assert_eq!(again.body, first.body, "{key}");
        assert_eq!(writer.echo.calls(), calls + 1, "{key}");
    }
    Ok(())
}

#[tokio::test]
async fn a_write_without_a_usable_key_never_reaches_the_service() -> Result<()> {
    let writer = Writer::new().await?;
    let missing = writer.post(&[], "{}").await?;
    assert_eq!(missing.status, StatusCode::BAD_REQUEST);
    assert_eq!(missing.json()?["code"], "idempotency_key_missing");
    assert!(missing.header("link").is_some_and(|value| value.contains("describedby")));
    let long = format!("\"{}\"", "k".repeat(256));
    for bad in ["\"\"", "\"a\", \"b\"", "has space", long.as_str()] {
        let refused = writer.post(&[("idempotency-key", bad)], "{}").await?;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{bad}: {}", refused.text());
        assert_eq!(refused.json()?["code"], "idempotency_key_invalid", "{bad}");
    }
    let two = [("idempotency-key", "\"a\""), ("idempotency-key", "\"b\"")];
    assert_eq!(writer.post(&two, "{}").await?.json()?["code"], "idempotency_key_invalid");
    assert_eq!(writer.echo.calls(), 0);
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_refused_does_not_use_the_key_up() -> Result<()> {
    let writer = Writer::new().await?;
    let key = [("idempotency-key", "\"order-2\"")];
    let large = writer.post(&key, &"x".repeat(5000)).await?;
    assert_eq!(large.status, StatusCode::PAYLOAD_TOO_LARGE, "{}", large.text());
    assert_eq!(large.json()?["code"], "body_too_large");
    let smaller = writer.post(&key, "{}").await?;
    assert_eq!(smaller.status, StatusCode::OK, "{}", smaller.text());
    assert_eq!(writer.echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn a_failure_of_the_way_is_tried_again_and_a_refusal_of_the_service_is_final() -> Result<()> {
    let writer = Writer::new().await?;
    let failing = [("idempotency-key", "\"order-3\""), ("x-answer-status", "503")];
    assert_eq!(writer.post(&failing, "{}").await?.status, StatusCode::SERVICE_UNAVAILABLE);
    let again = writer.post(&[("idempotency-key", "\"order-3\"")], "{}").await?;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.header("idempotent-replayed"), None);
    let declined = [("idempotency-key", "\"order-4\""), ("x-answer-status", "404")];
    assert_eq!(writer.post(&declined, "{}").await?.status, StatusCode::NOT_FOUND);
    let again = writer.post(&[("idempotency-key", "\"order-4\"")], "{}").await?;
    assert_eq!(again.status, StatusCode::NOT_FOUND);
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    assert_eq!(writer.echo.calls(), 3);
    Ok(())
}

#[tokio::test]
async fn an_operation_whose_deadline_has_passed_or_is_malformed_is_not_claimed() -> Result<()> {
    let writer = Writer::new().await?;
    for (timeout, status) in [("0", StatusCode::GATEWAY_TIMEOUT), ("soon", StatusCode::BAD_REQUEST)]
    {
        let late = [("idempotency-key", "\"order-5\""), ("x-request-timeout", timeout)];
        let refused = writer.post(&late, "{\"amount\":1}").await?;
        assert_eq!(refused.status, status, "{}", refused.text());
    }
    // A claim would have kept the key for the first body.
    let other = writer.post(&[("idempotency-key", "\"order-5\"")], "{\"amount\":2}").await?;
    assert_eq!(other.status, StatusCode::OK, "{}", other.text());
    assert_eq!(writer.echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn of_a_hundred_at_once_one_is_carried_out() -> Result<()> {
    let writer = std::sync::Arc::new(Writer::new().await?);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let writer = std::sync::Arc::clone(&writer);
        tasks.spawn(async move { writer.post(&[("idempotency-key", "\"one\"")], "{}").await });
    }

    let mut fresh = 0;
    while let Some(reply) = tasks.join_next().await {
        let reply = reply??;
        match reply.status {
            StatusCode::OK if reply.header("idempotent-replayed").is_none() => fresh += 1,
            StatusCode::OK => {}
            status => {
                assert_eq!(status, StatusCode::CONFLICT, "{}", reply.text());
                assert!(reply.header("retry-after").is_some());
            }
        }
    }

    assert_eq!((fresh, writer.echo.calls()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_body_whose_members_stand_in_another_order_is_another_request() -> Result<()> {
    let writer = Writer::new().await?;
    let key = [("idempotency-key", "\"order-6\"")];
    let first = writer.post(&key, r#"{"amount":1,"currency":"USD"}"#).await?;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let other = writer.post(&key, r#"{"currency":"USD","amount":1}"#).await?;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", other.text());
    assert_eq!(other.json()?["code"], "idempotency_key_reused");
    assert_eq!(writer.echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn a_key_whose_request_was_refused_before_its_claim_is_free() -> Result<()> {
    let writer = Writer::new().await?;
    let key = ("idempotency-key", "\"order-7\"");
    let stranger = [key, ("content-type", "application/json")];
    let refused = writer.gate.send(Method::POST, "/v1/things", &stranger, "{\"amount\":1}").await?;
    assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{}", refused.text());
    // A claim would have kept the key for the first body.
    let fresh = writer.post(&[key], "{\"amount\":2}").await?;
    assert_eq!(fresh.status, StatusCode::OK, "{}", fresh.text());
    assert_eq!(fresh.header("idempotent-replayed"), None);
    assert_eq!(writer.echo.calls(), 1);
    Ok(())
}

#[tokio::test]
async fn a_key_whose_request_was_refused_by_a_quota_is_free() -> Result<()> {
    let writer = Writer::with(|toml| {
        toml.replace(
            "quota = 3, window_seconds = 60, burst = 3",
            "quota = 1, window_seconds = 1, burst = 1",
        )
        .replace(
            "idempotency = \"required\" }",
            "idempotency = \"required\", rate-class = \"few\" }",
        )
    })
    .await?;
    let spent = writer.post(&[("idempotency-key", "first")], "{}").await?;
    assert_eq!(spent.status, StatusCode::OK, "{}", spent.text());

    let key = [("idempotency-key", "second")];
    let denied = writer.post(&key, "{\"amount\":1}").await?;
    assert_eq!(denied.status, StatusCode::TOO_MANY_REQUESTS, "{}", denied.text());
    // A claim would have kept the key for the first body.
    let fresh = eventually("the quota", SOON, async || {
        let reply = writer.post(&key, "{\"amount\":2}").await.ok()?;
        (reply.status != StatusCode::TOO_MANY_REQUESTS).then_some(reply)
    });
    let fresh = fresh.await?;
    assert_eq!(fresh.status, StatusCode::OK, "{}", fresh.text());
    assert_eq!(fresh.header("idempotent-replayed"), None);
    Ok(())
}

#[tokio::test]
async fn an_operation_that_is_tried_again_keeps_its_operation_key() -> Result<()> {
    let writer = Writer::new().await?;
    let operation = |reply: &Reply| -> Result<String> {
        let fields = reply.json()?["headers"].clone();
        let mut fields = fields.as_array().into_iter().flatten().filter_map(|field| field.as_str());
        let operation = fields.find(|field| field.starts_with("x-operation-key: "));
        Ok(operation.unwrap_or_default().to_owned())
    };

    let key = ("idempotency-key", "\"order-8\"");
    let failed = writer.post(&[key, ("x-answer-status", "503")], "{}").await?;
    assert_eq!(failed.status, StatusCode::SERVICE_UNAVAILABLE);
    let again = writer.post(&[key], "{}").await?;
    assert_eq!(again.status, StatusCode::OK, "{}", again.text());
    assert!(!operation(&again)?.is_empty(), "the service learns the operation");
    assert_eq!(operation(&again)?, operation(&failed)?);
    assert_eq!(writer.echo.calls(), 2);
    Ok(())
}
