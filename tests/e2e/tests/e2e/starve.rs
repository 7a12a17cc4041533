//! A tenant loses nothing while another caller takes what both need.

use std::time::Duration;

use anyhow::Result;
use e2e::starve::{Attack, Starvation};

/// The table of `cargo xtask starve` in short. Times are not judged here, failures are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_loses_no_request_whatever_another_caller_holds() -> Result<()> {
    let measurement = Starvation { lasts: Duration::from_secs(1), rate: 100 };
    for attack in Attack::ALL {
        measurement.row(attack).await?.judge()?;
    }
    Ok(())
}
