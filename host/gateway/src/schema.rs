//! `tollgate schema`: writes the JSON Schemas of a policies folder, for editors.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};
use serde_json::Value;
use tollgate_control::FolderSchemas;

use crate::telemetry::{complain, say};

/// The file for the folder's TOML.
const FOLDER_FILE: &str = "policies.schema.json";

/// Writes the schemas into `out`, or prints the folder's.
pub(crate) fn schema(folder: &Path, out: Option<&Path>) -> Result<ExitCode> {
    let config = match tollgate_config::load(folder) {
        Ok(config) => config,
        Err(problems) => {
            problems.to_string().lines().for_each(complain);
            return Ok(ExitCode::FAILURE);
        }
    };
    let schemas = FolderSchemas::read(&config)?;
    let Some(out) = out else {
        say(&text(&schemas.folder)?)?;
        return Ok(ExitCode::SUCCESS);
    };

    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    for (plugin, schema) in &schemas.plugins {
        write(out, &format!("{plugin}.schema.json"), schema)?;
    }
    write(out, FOLDER_FILE, &schemas.folder)?;
    for plugin in &schemas.without {
        say(&format!("plugins.{plugin}: its component carries no schema"))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(schema: &Value) -> Result<String> {
    serde_json::to_string_pretty(schema).context("write JSON")
}

fn write(folder: &Path, name: &str, schema: &Value) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text(schema)? + "\n").with_context(|| format!("write {}", path.display()))?;
    say(&path.display().to_string())
}
