//! Schemas of settings, as an operator and the operator's editor read them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result};
use e2e::gate::component;
use serde_json::Value;
use tollgate_harness::target_bin;

const RULES: &str = r#"
[listeners.http]
address = "127.0.0.1:0"
chain = "edge"

[plugins.rates]
file = "rate-limit.wasm"
[plugins.bare]
file = "modest.wasm"

[policies.limits]
plugin = "rates"
grants = ["route", "quota", "reply-headers"]
[policies.limits.settings]
policies = [
    { name = "tenant", quota = 10, window_seconds = 60 },
    { name = "money", quota = 10, window_seconds = 60 },
]
[policies.bare]
plugin = "bare"
grants = ["credentials"]

[chains.edge]
policies = ["limits", "bare"]
"#;

fn tollgate(verb: &str, folder: &Path, more: &[&str]) -> Result<Output> {
    let mut command = Command::new(target_bin("tollgate")?);
    Ok(command.args([verb, "--policies"]).arg(folder).args(more).output()?)
}

fn folder() -> Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("rules.toml"), RULES)?;
    for plugin in ["rate-limit", "modest"] {
        fs::write(folder.path().join(format!("{plugin}.wasm")), component(plugin)?)?;
    }
    Ok(folder)
}

#[test]
fn schemas_are_written_for_plugins_that_carry_one_and_for_the_folder() -> Result<()> {
    let (folder, out) = (folder()?, tempfile::tempdir()?);
    let place = out.path().display().to_string();
    let done = tollgate("schema", folder.path(), &["--out", &place])?;
    let printed_text = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(done.status.success(), "{done:?}");
    assert!(
        printed_text.contains("plugins.bare: its component carries no schema"),
        "{printed_text}"
    );

    let read = |name: &str| -> Result<Value> {
        let path = out.path().join(name);
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    };

    let rates = read("rates.schema.json")?;
    assert_eq!(rates["title"], "rate-limit");
    assert!(!out.path().join("bare.schema.json").exists());

    // An editor finds a policy's settings where they are written.
    let whole = read("policies.schema.json")?;
    let settings = &whole["properties"]["policies"]["properties"]["limits"]["properties"];
    assert_eq!(settings["settings"]["$ref"], "#/definitions/rates");
    assert_eq!(whole["definitions"]["rates"], rates);

    let printed = tollgate("schema", folder.path(), &[])?;
    assert_eq!(serde_json::from_slice::<Value>(&printed.stdout)?, whole);
    Ok(())
}

#[test]
fn a_bad_setting_is_told_with_file_line_key_and_what_was_expected() -> Result<()> {
    let folder = folder()?;
    assert!(tollgate("check", folder.path(), &[])?.status.success());
    let bad = RULES.replace("\"money\", quota = 10", "\"money\", qouta = 10");
    fs::write(folder.path().join("rules.toml"), &bad)?;
    let line = 1 + bad.lines().position(|line| line.contains("qouta")).context("the line")?;
    let refused = tollgate("check", folder.path(), &[])?;
    let printed_text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success(), "{printed_text}");
    for expected in [
        format!("rules.toml:{line}: policies.limits.settings.policies[1].qouta: unknown key; "),
        format!("rules.toml:{line}: policies.limits.settings.policies[1].quota: is missing"),
    ] {
        assert!(printed_text.contains(&expected), "{expected}: {printed_text}");
    }
    Ok(())
}
