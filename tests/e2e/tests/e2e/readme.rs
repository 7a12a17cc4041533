//! Commands that README.md prints work as they are printed.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};
use e2e::gate::SOON;
use e2e::greeter::{Greeter, PROTO};
use http::StatusCode;
use tollgate_harness::{
    Client, Process, Reply, eventually, free_port, target_bin, target_dir, workspace,
};

const HEADING: &str = "## The gateway alone, before your own gRPC service";

/// The section's commands.
fn printed() -> Result<String> {
    let readme = fs::read_to_string(workspace().join("README.md"))?;
    let (_, section) = readme.split_once(HEADING).context("the section")?;
    let (_, block) = section.split_once("```sh\n").context("its commands")?;
    let (commands, _) = block.split_once("```").context("their end")?;
    Ok(commands.to_owned())
}

/// The same commands, without the builds that this test run did, on ports that are free and with
/// the build folder that is in use.
fn runnable(printed: &str, [http, admin, service]: [u16; 3]) -> Result<String> {
    let built: Vec<&str> =
        printed.lines().filter(|line| !line.starts_with("cargo build")).collect();
    let replaced = [
        ("target/debug/tollgate".to_owned(), target_bin("tollgate")?.display().to_string()),
        ("target/plugins".to_owned(), target_dir()?.join("plugins").display().to_string()),
        (":8080".to_owned(), format!(":{http}")),
        (":8081".to_owned(), format!(":{admin}")),
        (":50051".to_owned(), format!(":{service}")),
    ];
    let mut commands = built.join("\n");
    for (from, to) in replaced {
        assert!(commands.contains(&from), "{from}: {printed}");
        commands = commands.replace(&from, &to);
    }
    Ok(commands)
}

async fn greet(url: &str) -> Result<Reply> {
    Client::h1().post(url, &[], r#"{"name":"again"}"#).await
}

#[tokio::test]
async fn the_gateway_alone_greets_in_under_twenty_lines() -> Result<()> {
    let (greeter, folder) = (Greeter::start().await?, tempfile::tempdir()?);
    let printed = printed()?;
    assert!(printed.lines().count() < 20, "{printed}");
    let [http, admin] = [free_port()?, free_port()?];
    let commands = runnable(&printed, [http, admin, greeter.port()])?;
    fs::write(folder.path().join("greet.proto"), PROTO)?;
    let script = format!("set -e\ncd {}\n{commands}", folder.path().display());
    let env: [(&str, &str); 0] = [];
    let mut shell = Process::start(Path::new("/bin/bash"), &env, &["-c", &script])?;
    let ended = shell.ended(SOON).await?;
    assert!(ended.success(), "{ended}: {}\n{commands}", shell.log());
    assert!(shell.log().contains(r#"{"greeting":"Hello, you"}"#), "{}", shell.log());

    // It goes on running, and follows its file.
    let file = folder.path().join("gate/gateway.toml");
    let toml = fs::read_to_string(&file)?;
    let [old, new] = ["greet", "hello"].map(|path| format!("http://localhost:{http}/v1/{path}"));
    assert_eq!(greet(&old).await?.json()?["greeting"], "Hello, again");
    fs::write(&file, toml.replace("/v1/greet", "/v1/hello"))?;
    eventually("the new path", SOON, async || {
        greet(&new).await.ok().filter(|reply| reply.status == StatusCode::OK)
    })
    .await?;
    assert_eq!(greet(&old).await?.status, StatusCode::NOT_FOUND);

    // What is wrong is told, here and beforehand, and changes nothing.
    assert!(checked(folder.path())?.is_empty(), "what serves is right");
    fs::write(&file, toml.replace("upstream = \"demo\"", "upstream = \"domo\""))?;
    let log = eventually("a word about the mistake", SOON, async || {
        Some(shell.log()).filter(|log| log.contains("domo"))
    })
    .await?;
    assert!(log.contains("gateway.toml:5: "), "{log}");
    assert!(checked(folder.path())?.contains("gateway.toml:5: "));
    assert_eq!(greet(&new).await?.status, StatusCode::OK);
    Ok(())
}

/// Returns the findings of `tollgate check`; nothing where it accepts the folder.
fn checked(folder: &Path) -> Result<String> {
    let output = Command::new(target_bin("tollgate")?)
        .args(["check", "--policies", "gate"])
        .current_dir(folder)
        .output()?;
    let findings = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok(if output.status.success() { String::new() } else { findings })
}
