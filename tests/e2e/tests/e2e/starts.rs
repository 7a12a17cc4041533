//! Starting: what a start may touch before it is sure to serve.

use std::fs;

use anyhow::Result;
use e2e::gate::{Folder, Gate};
use http::StatusCode;

#[tokio::test]
async fn a_second_start_that_cannot_bind_leaves_the_admin_token_of_the_first_in_place() -> Result<()>
{
    let toml = "[chains.edge]\npolicies = []\n".to_owned();
    let gate = Gate::start(&Folder { toml, ..Folder::default() }).await?;
    let token = fs::read_to_string(gate.file("admin.token"))?;

    let (code, _, complaint) = gate.tollgate(&["serve"]).await?;
    assert_ne!(code, 0, "{complaint}");
    assert!(complaint.contains("admin listener"), "{complaint}");
    assert_eq!(fs::read_to_string(gate.file("admin.token"))?, token);
    assert_eq!(gate.admin("/v1/receipts").await?.status, StatusCode::OK);
    Ok(())
}
