//! `up`: the whole platform on this machine, from nothing to commands that work.

mod seed;

use crate::place::Place;
use crate::platform::{KAFKA_PORT, Secrets, Stores, services};
use crate::{plugins, say, setup, tool};
use anyhow::{Context, Result};
use std::fs;
use tollgate_parts::lock::Lock;

/// Sets up, builds, starts and seeds. Can be run again: what runs is left alone, what died or was
/// built anew is started.
///
/// # Errors
/// At the first step that fails; the message names the log to read.
pub(crate) fn run(place: &Place) -> Result<()> {
    setup::run(place)?;
    let _alone = Lock::exclusive(&place.state("lock"))?;

    let names = plugins::run(place)?;
    say::step("Gateway and services: building");
    build(place)?;

    say::step("Certificates and keys");
    let secrets = Secrets::prepare(place)?;
    link(place, &names)?;
    descriptors(place)?;
    for folder in ["gateway", "logs", "run"] {
        fs::create_dir_all(place.state(folder))?;
    }

    Stores::new(place).start(&secrets)?;
    say::step("Gateway and services");
    let (gateway, rest): (Vec<_>, Vec<_>) =
        services(place, &secrets).into_iter().partition(|service| service.name == "tollgate");
    rest.iter().try_for_each(|service| service.start(place))?;

    let keys = seed::run(place, &secrets)?;
    gateway.iter().try_for_each(|service| service.start(place))?;
    print(place, &secrets, &keys);
    Ok(())
}

/// Builds what is started here, and the program that writes the descriptor set. The packages are not
/// named: features are those of the whole workspace, so that the tests find the same dependencies.
fn build(place: &Place) -> Result<()> {
    let mut cargo = tool::cargo(place, &["build", "--workspace", "--example", "descriptors"]);
    for binary in ["tollgate", "identity", "deposits"] {
        cargo.args(["--bin", binary]);
    }
    tool::run(&mut cargo)
}

/// Puts the components where the policies look for them, wherever the build folder is.
fn link(place: &Place, names: &[String]) -> Result<()> {
    for name in names {
        let file = format!("{name}.wasm");
        let bytes = fs::read(place.components().join(&file))?;
        plugins::put(&place.state("plugins").join(&file), &bytes)?;
    }
    Ok(())
}

/// Writes the services' specifications to where the gateway reads them.
fn descriptors(place: &Place) -> Result<()> {
    let fresh = place.state("descriptors.new");
    let program = place.target().join("debug/examples/descriptors");
    tool::run(std::process::Command::new(program).arg(&fresh))
        .context("write the descriptor set")?;
    let bytes = fs::read(&fresh)?;
    fs::remove_file(&fresh)?;
    plugins::put(&place.state("descriptors.binpb"), &bytes).map(drop)
}

fn print(place: &Place, secrets: &Secrets, keys: &seed::Keys) {
    let short = |path: std::path::PathBuf| {
        path.strip_prefix(place.root())
            .map_or_else(|_| path.display().to_string(), |at| at.display().to_string())
    };
    let ca = short(secrets.ca());
    let keys_file = short(keys.file.clone());
    println!(
        "
Tollgate is up. From the root of the workspace:

  # The keys of a tenant made for you: SANDBOX_KEY and LIVE_KEY.
  source {keys_file}

  # Open a sandbox account. Sent again with the same idempotency key, it opens no second one.
  once=$(date +%s%N)
  curl -sS -w '\\n' --cacert {ca} https://localhost:8443/v1/deposit-accounts \\
    -H \"authorization: Bearer $SANDBOX_KEY\" -H \"idempotency-key: \\\"$once\\\"\" \\
    -H 'content-type: application/json' -d '{{\"currency\":\"USD\",\"label\":\"first\"}}'

  # The same for live money, by the live host's own name.
  curl -sS -w '\\n' --cacert {ca} --resolve api.tollgate.localhost:8443:127.0.0.1 \\
    https://api.tollgate.localhost:8443/v1/deposit-accounts \\
    -H \"authorization: Bearer $LIVE_KEY\" -H \"idempotency-key: \\\"$once\\\"\" \\
    -H 'content-type: application/json' -d '{{\"currency\":\"USD\",\"label\":\"first\"}}'

  # The events of what you did.
  kcat -C -q -e -b 127.0.0.1:{KAFKA_PORT} -t sandbox.deposits.events -o beginning -f '%T %k %h\\n'

  # The gateway's own view.
  curl -sS -w '\\n' http://127.0.0.1:8081/readyz
  cargo xtask status        # what runs, and where its log is
  cargo xtask down          # stops it all; data stays under .tollgate
"
    );
}
