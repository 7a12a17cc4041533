//! Each policy by itself. Routing and idempotency are about somebody's requests, and follow auth.

use anyhow::Result;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::sides::Setup;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    let chains: [&[&str]; 7] = [
        &[],
        &["allowed-hosts"],
        &["cors"],
        &["auth"],
        &["rate-limit"],
        &["auth", "routing"],
        &["auth", "idempotency"],
    ];

    let mut servers = Vec::new();
    for chain in chains {
        servers.push(Setup::of(chain).start(ground).await?);
    }

    let traffic = Traffic::over(Protocol::H1);
    let mut sides = vec![ground.floor(Protocol::H1)];
    for (chain, server) in chains.iter().zip(&servers) {
        let (name, over) = match chain {
            [] => ("gateway, no policies".to_owned(), 0),
            [one] => (format!("{one} alone"), 1),
            several => (several.join(", then "), AUTH),
        };
        sides.push(Side::new(&name, server, traffic).over(over));
    }

    measure::print("Each policy, warm, HTTP/1.1", &measure::rounds(&sides, ground).await?);
    Ok(Vec::new())
}

/// Where auth alone stands in the table.
const AUTH: usize = 4;
