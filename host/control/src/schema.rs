//! The JSON Schemas of a policies folder, for editors: one for the settings of each plugin, which its
//! component carries, and one for the folder's TOML, by which an editor knows a policy's settings
//! where they are written. Whether settings are right is `configure`'s to say, at load.

use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tollgate_config::{Config, PluginConfig};
use tollgate_runtime::{SchemaError, read_component, settings_schema};

/// The schemas of a folder.
#[derive(Debug)]
pub struct FolderSchemas {
    /// The schema of the folder's TOML files: every table and key, and the settings of its policies.
    pub folder: Value,
    /// The schema of the settings of each plugin that carries one, by name.
    pub plugins: Map<String, Value>,
    /// The plugins that carry none.
    pub without: Vec<String>,
}

/// A component whose schema cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum FolderSchemasError {
    /// The component cannot be read.
    #[error("plugins.{plugin}: {message}")]
    Component {
        /// The plugin.
        plugin: String,
        /// The file, and what was expected.
        message: String,
    },
    /// The schema cannot be used.
    #[error("{0}")]
    Schema(PathBuf, #[source] SchemaError),
    /// The schema is no JSON.
    #[error("{0}: its schema")]
    Json(PathBuf, #[source] serde_json::Error),
    /// The schema is JSON, and no object.
    #[error("{0}: its schema is no JSON object")]
    NotAnObject(PathBuf),
}

impl FolderSchemas {
    /// Reads the schemas of all plugins that the configuration declares.
    ///
    /// # Errors
    /// A component cannot be read, or carries a schema that cannot be used.
    pub fn read(config: &Config) -> Result<Self, FolderSchemasError> {
        let (mut plugins, mut without) = (Map::new(), Vec::new());
        for plugin in config.plugins() {
            match settings_of(plugin)? {
                Some(schema) => drop(plugins.insert(plugin.name.clone(), schema)),
                None => without.push(plugin.name.clone()),
            }
        }
        Ok(Self { folder: folder_schema(config, &plugins), plugins, without })
    }
}

/// Reads the schema of a plugin's settings; none where its component carries none.
fn settings_of(plugin: &PluginConfig) -> Result<Option<Value>, FolderSchemasError> {
    let path = || plugin.file.to_path_buf();
    let bytes = read_component(&plugin.file).map_err(|message| FolderSchemasError::Component {
        plugin: plugin.name.clone(),
        message,
    })?;
    let schema = settings_schema(&bytes);
    let Some(text) = schema.map_err(|error| FolderSchemasError::Schema(path(), error))? else {
        return Ok(None);
    };

    let schema: Value =
        serde_json::from_str(text).map_err(|error| FolderSchemasError::Json(path(), error))?;
    if !schema.is_object() {
        return Err(FolderSchemasError::NotAnObject(path()));
    }
    Ok(Some(schema))
}

/// Puts the settings' schemas into that of the folder's TOML files.
fn folder_schema(config: &Config, schemas: &Map<String, Value>) -> Value {
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
