//! A tenant with a sandbox and a live key, made once and kept in `.tollgate/keys.env`.

use crate::place::Place;
use crate::platform::Secrets;
use crate::{say, tool};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;
use tollgate_parts::keys::write_private;

/// Where the keys are.
#[derive(Debug)]
pub(crate) struct Keys {
    /// A file for the shell: `SANDBOX_KEY=…` and `LIVE_KEY=…`, closed to others.
    pub(crate) file: PathBuf,
}

/// Makes the tenant and its keys, unless they are kept from an earlier run.
///
/// # Errors
/// When identity refuses; the message is its own.
pub(crate) fn run(place: &Place, secrets: &Secrets) -> Result<Keys> {
    let file = place.state("keys.env");
    if file.exists() {
        say::note("a tenant and its keys are kept from before");
        return Ok(Keys { file });
    }

    let operator = |args: &[&str]| -> Result<String> {
        let mut command = Command::new(place.binary("identity"));
        command
            .args(args)
            .env("STAGE", "local")
            .env("DATABASE_URL_FILE", secrets.database_url_file("identity"))
            .env("PEPPER_FILE", secrets.pepper_file())
            .current_dir(place.root());
        Ok(tool::output(&mut command)?.trim().to_owned())
    };

    let tenant =
        operator(&["tenant", "create", "--name", "Local tenant", "--state", "live_approved"])
            .context("make a tenant")?;
    let mint = |environment| {
        let words = ["key", "mint", "--tenant", &tenant, "--environment", environment];
        operator(&[&words, &["--scopes", SCOPES, "--label", "made by xtask"][..]].concat())
            .with_context(|| format!("mint a {environment} key"))
    };
    let (sandbox, live) = (mint("sandbox")?, mint("live")?);

    let text = format!("TENANT={tenant}\nSANDBOX_KEY={sandbox}\nLIVE_KEY={live}\n");
    write_private(&file, text.as_bytes())?;
    say::note(&format!("tenant {tenant} with a sandbox and a live key"));
    Ok(Keys { file })
}

const SCOPES: &str = "deposits:read,deposits:write,api-keys:read,api-keys:write";
