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
/// When identity refuses.
pub(crate) fn run(place: &Place, secrets: &Secrets) -> Result<Keys> {
    let file = place.state("keys.env");
    if file.exists() {
        say::note("a tenant and its keys are kept from before");
        return Ok(Keys { file });
    }
    let text = tool::output(
        Command::new(place.binary("identity"))
            .arg("seed")
            .env("STAGE", "local")
            .env("DATABASE_URL_FILE", secrets.database_url_file("identity"))
            .env("PRINCIPAL_PUBLIC_KEYS", secrets.principal_public())
            .env("PEPPER_FILE", secrets.pepper_file())
            .current_dir(place.root()),
    )
    .context("make a tenant")?;
    write_private(&file, text.as_bytes())?;
    say::note("a tenant with a sandbox and a live key");
    Ok(Keys { file })
}
