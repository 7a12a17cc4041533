//! Causes that come to light while a configuration is compiled: nothing of it is put to work.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use e2e::Echo;
use e2e::gate::{Folder, Gate, component};
use http::{Method, StatusCode};

use super::matrix::{SUBJECTS, Subject};
use super::{check, table};

/// A cause, by the words of the table, and of what is complained.
const CAUSES: [(&str, &str); 5] = [
    ("missing artefact", "expected a component at"),
    ("wrong digest", "expected the SHA-256 0000000000000000"),
    ("damaged artefact", "the component is truncated"),
    ("ungranted import", "imports that were not granted"),
    ("bad settings", "unknown key; the keys here are"),
];

/// A component that a policy of this name may have, its grants and its settings.
fn real(subject: Subject) -> (&'static str, &'static str, &'static str) {
    match subject.name {
        "allowed-hosts" => {
            ("allowed-hosts", r#""request", "notes""#, r#"hosts = [{ name = "a.example" }]"#)
        }
        "cors" => ("cors", r#""request", "route", "reply-headers""#, ""),
        "auth" => ("auth", r#""route", "credentials", "principal", "notes", "reply-headers""#, ""),
        "rate-limit" => (
            "rate-limit",
            r#""route", "quota", "reply-headers""#,
            r#"concurrency = [{ name = "c", limit = 1 }]"#,
        ),
        "routing" => ("routing", r#""route", "principal", "upstreams", "reply-headers""#, ""),
        "idempotency" => ("idempotency", r#""route", "idempotency", "reply-headers""#, ""),
        _ => ("hostile", r#""request", "reply-headers", "log""#, ""),
    }
}

/// Writes a folder with this policy alone, broken by the cause; whole without one.
fn write(folder: &Path, subject: Subject, cause: Option<&str>) -> Result<()> {
    let (plugin, grants, settings) = real(subject);
    let mut bytes = component(plugin)?;
    if cause == Some("damaged artefact") {
        bytes.truncate(bytes.len() / 2);
    }

    let file = folder.join("own.wasm");
    if cause == Some("missing artefact") {
        let _ = fs::remove_file(&file);
    } else {
        fs::write(&file, bytes)?;
    }

    let digest = match cause {
        Some("wrong digest") => format!("sha256 = \"{}\"\n", "0".repeat(64)),
        _ => String::new(),
    };
    let grants = if cause == Some("ungranted import") { "" } else { grants };
    let wrong = if cause == Some("bad settings") { "colour = \"red\"\n" } else { "" };

    let rules = format!(
        "[listeners.http]\naddress = \"127.0.0.1:0\"\nchain = \"edge\"\n\
         [plugins.own]\nfile = \"own.wasm\"\n{digest}\
         [policies.{name}]\nplugin = \"own\"\nclass = \"{class}\"\ngrants = [{grants}]\n\
         [policies.{name}.settings]\n{settings}\n{wrong}\
         [chains.edge]\npolicies = [\"{name}\"]\n",
        name = subject.name,
        class = subject.class,
    );
    Ok(fs::write(folder.join("rules.toml"), rules)?)
}

#[test]
fn every_policy_broken_by_every_cause_of_loading_is_refused_with_its_place() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for subject in SUBJECTS {
        write(folder.path(), subject, None)?;
        let failures = table(folder.path())?;
        let printed = failures.causes(subject.name, "load");
        ensure!(printed == CAUSES.iter().map(|(cause, _)| *cause).collect(), "{printed:?}");

        for (cause, complaint) in CAUSES {
            let name = subject.name;
            let expected = failures.follows(name, "load", cause)?.to_owned();
            write(folder.path(), subject, Some(cause))?;

            let (content, printed, complained) = check(folder.path(), &[])?;
            ensure!(expected.starts_with("refused;") && !content, "{name}, {cause}: {printed}");
            ensure!(complained.contains(complaint), "{name}, {cause}: {complained}");
            let places = [format!("policies.{name}"), "plugins.own".to_owned()];
            let is_placed = places.iter().any(|place| complained.contains(place));
            ensure!(
                is_placed && complained.contains("rules.toml:"),
                "{name}, {cause}: {complained}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_wrong_digest_is_told_with_both_and_the_right_one_accepted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write(folder.path(), SUBJECTS[2], Some("wrong digest"))?;
    let (_, _, complained) = check(folder.path(), &[])?;
    let found = complained.split("found ").nth(1).context(complained.clone())?.trim().to_owned();
    assert_eq!(found.len(), 64, "{complained}");
    let rules = fs::read_to_string(folder.path().join("rules.toml"))?;
    fs::write(folder.path().join("rules.toml"), rules.replace(&"0".repeat(64), &found))?;
    let (content, _, complained) = check(folder.path(), &[])?;
    assert!(content, "{complained}");
    Ok(())
}

#[test]
fn an_observer_that_decides_is_refused_by_what_it_uses() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (index, used) in [
        (2, "credentials.resolve, principal.establish"),
        (3, "quota.take-all"),
        (5, "idempotency.claim"),
    ] {
        let subject = Subject { class: "observe", ..SUBJECTS[index] };
        write(folder.path(), subject, None)?;
        let (content, _, complained) = check(folder.path(), &[])?;
        assert!(!content && complained.contains(used), "{complained}");
        assert!(complained.contains("expected class `security` or `traffic`"), "{complained}");
    }
    // One that only asks is an observer, if an odd one.
    write(folder.path(), Subject { class: "observe", ..SUBJECTS[1] }, None)?;
    assert!(check(folder.path(), &[])?.0);
    Ok(())
}

#[tokio::test]
async fn what_served_before_goes_on_serving_after_each_cause_of_loading() -> Result<()> {
    let echo = Echo::start().await?;
    let toml = format!(
        "[plugins.own]\nfile = \"own.wasm\"\n[policies.own]\nplugin = \"own\"\n\
         grants = [\"request\", \"reply-headers\", \"log\"]\n\
         [policies.own.settings]\nact = \"deny\"\n\
         [chains.edge]\npolicies = [\"own\"]\n\
         [upstreams.echo]\nprotocol = \"http\"\nendpoints = [\"{}\"]\n\
         [routes.any]\nmatch = \"GET /any\"\nchain = \"edge\"\nupstream = \"echo\"\n",
        echo.url()
    );

    let whole = component("hostile")?;
    let files = vec![("own.wasm".to_owned(), whole.clone())];
    let gate = Gate::start(&Folder { toml: toml.clone(), files, ..Folder::default() }).await?;

    let pinned =
        toml.replace("own.wasm\"", &format!("own.wasm\"\nsha256 = \"{}\"", "0".repeat(64)));
    for broken in [
        toml.replace("file = \"own", "file = \"gone"),
        pinned,
        toml.replace("\"request\", ", ""),
        toml.replace("act = ", "akt = "),
    ] {
        gate.rewrite("rules.toml", broken.as_bytes(), "refused").await?;
        let denied = gate.send(Method::GET, "/any", &[], "").await?;
        assert_eq!(denied.status, StatusCode::FORBIDDEN, "{broken}: {}", denied.text());
    }

    gate.rewrite("rules.toml", toml.as_bytes(), "swapped").await?;
    gate.rewrite("own.wasm", &whole[..whole.len() / 2], "refused").await?;
    let denied = gate.send(Method::GET, "/any", &[], "").await?;
    assert_eq!(denied.status, StatusCode::FORBIDDEN, "{}", denied.text());
    assert_eq!(echo.calls(), 0, "nothing was ever let through");
    Ok(())
}
