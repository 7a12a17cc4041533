//! Steady traffic is decided by trees, and every walk is verified against the component.

use anyhow::Result;
use e2e::gate::{Gate, six};
use e2e::{Echo, Key};
use http::{Method, StatusCode};

async fn decided(gate: &Gate, way: &str) -> Result<f64> {
    gate.metric("tollgate_policy_decisions_total", &format!("way=\"{way}\"")).await
}

async fn verified(gate: &Gate, result: &str) -> Result<f64> {
    gate.metric("tollgate_tree_verifications_total", &format!("result=\"{result}\"")).await
}

#[tokio::test]
async fn what_changes_between_equal_requests_is_seen_by_walks_that_enter_no_component() -> Result<()>
{
    let (echo, key) = (Echo::start().await?, Key::new("sandbox", 21));
    let gate = Gate::start(&six(&echo, &[(&key, &["things:write"])])?).await?;
    let bearer = key.bearer();

    let post = async |operation: &str| {
        let headers = [("authorization", bearer.as_str()), ("idempotency-key", operation)];
        gate.send(Method::POST, "/v1/things", &headers, "{}").await
    };

    // Two runs of every outcome teach the trees: carried out, and replayed.
    for operation in ["\"a\"", "\"b\"", "\"a\"", "\"b\""] {
        assert_eq!(post(operation).await?.status, StatusCode::OK);
    }

    let (walked, ran) = (decided(&gate, "tree").await?, decided(&gate, "wasm").await?);
    let first = post("\"c\"").await?;
    let again = post("\"c\"").await?;

    assert_eq!(first.header("idempotent-replayed"), None);
    assert_eq!(again.header("idempotent-replayed"), Some("true"), "{}", again.text());
    assert_eq!(first.body, again.body);

    assert!((decided(&gate, "tree").await? - walked - 12.0).abs() < 0.5, "six walks for each");
    assert!((decided(&gate, "wasm").await? - ran).abs() < 0.5, "and nothing entered Wasm");
    assert!(verified(&gate, "agreed").await? >= 12.0);
    assert!(verified(&gate, "differed").await?.abs() < 0.5);
    Ok(())
}
