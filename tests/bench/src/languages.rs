//! The same policy in Rust and in C.

use anyhow::Result;
use bench::rules::C_HOSTS;

use crate::ground::Ground;
use crate::groups::Judged;
use crate::load::Protocol;
use crate::measure::{self, Side, Traffic};
use crate::sides::Setup;

pub(crate) async fn run(ground: &Ground) -> Result<Vec<Judged>> {
    if !ground.component(C_HOSTS).is_file() {
        println!("\n{C_HOSTS}.wasm is not built: no rows of languages.");
        return Ok(Vec::new());
    }
    let mut servers = Vec::new();
    for (policy, language) in [("allowed-hosts", "Rust"), (C_HOSTS, "C")] {
        for (trees, name) in [(true, "warm"), (false, "trees off")] {
            let setup = Setup { trees, ..Setup::of(&[policy]) };
            let name = format!("allowed-hosts in {language}, {name}");
            servers.push((name, setup.start(ground).await?));
        }
    }
    let mut sides = vec![ground.floor(Protocol::H1)];
    let traffic = Traffic::over(Protocol::H1);
    sides.extend(servers.iter().map(|(name, server)| Side::new(name, server, traffic).over(0)));
    measure::print("Languages, HTTP/1.1", &measure::rounds(&sides, ground).await?);
    Ok(Vec::new())
}
