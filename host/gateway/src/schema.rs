//! `tollgate schema`: the JSON Schemas that the components of a folder carry, for editors: one file
//! for each plugin, and one for the folder's TOML, by which an editor knows a policy's settings
//! where they are written. Whether settings are right is `configure`'s to say, at load.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value, json};
use tollgate_config::{Config, PluginConfig};
use tollgate_runtime::{read_component, settings_schema};

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
    let mut schemas = Map::new();
    for plugin in config.plugins() {
        if let Some(schema) = of(plugin)? {
            schemas.insert(plugin.name.clone(), schema);
        }
    }
    let Some(out) = out else {
        say(&text(&of_folder(&config, &schemas))?)?;
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(out).with_context(|| format!("make {}", out.display()))?;
    for (plugin, schema) in &schemas {
        write(out, &format!("{plugin}.schema.json"), schema)?;
    }
    write(out, FOLDER_FILE, &of_folder(&config, &schemas))?;
    for plugin in config.plugins().iter().filter(|own| !schemas.contains_key(&own.name)) {
        say(&format!("plugins.{}: its component carries no schema", plugin.name))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The schema of a plugin's settings; none when its component carries none.
fn of(plugin: &PluginConfig) -> Result<Option<Value>> {
    let shown = plugin.file.display();
    let bytes = match read_component(&plugin.file) {
        Ok(bytes) => bytes,
        Err(message) => bail!("plugins.{}: {message}", plugin.name),
    };
    let Some(text) = settings_schema(&bytes).with_context(|| format!("{shown}"))? else {
        return Ok(None);
    };
    let schema: Value =
        serde_json::from_str(text).with_context(|| format!("{shown}: its schema"))?;
    if !schema.is_object() {
        bail!("{shown}: its schema is no JSON object");
    }
    Ok(Some(schema))
}

/// The schema of the folder's TOML files: every table and key, and the settings of its policies.
fn of_folder(config: &Config, schemas: &Map<String, Value>) -> Value {
    let any = json!({ "$ref": "#/properties/policies/additionalProperties" });
    let mut policies = Map::new();
    for policy in config.policies() {
        let plugin = config.plugins().get(policy.plugin);
        let plugin = plugin.filter(|plugin| schemas.contains_key(&plugin.name));
        if let Some(plugin) = plugin {
            let settings = json!({ "$ref": format!("#/definitions/{}", plugin.name) });
            let about = json!({ "allOf": [any.clone()], "properties": { "settings": settings } });
            policies.insert(policy.name.clone(), about);
        }
    }

    let mut schema = tollgate_config::schema();
    if let Some(all) = schema.pointer_mut("/properties/policies").and_then(Value::as_object_mut) {
        all.insert("properties".to_owned(), policies.into());
    }
    if let Some(whole) = schema.as_object_mut() {
        whole.insert("definitions".to_owned(), Value::Object(schemas.clone()));
    }
    schema
}

fn text(schema: &Value) -> Result<String> {
    serde_json::to_string_pretty(schema).context("write JSON")
}

fn write(folder: &Path, name: &str, schema: &Value) -> Result<()> {
    let path = folder.join(name);
    fs::write(&path, text(schema)? + "\n").with_context(|| format!("write {}", path.display()))?;
    say(&path.display().to_string())
}
