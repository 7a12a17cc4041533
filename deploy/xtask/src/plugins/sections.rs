//! Custom sections of a component, which no instance loads: the JSON Schema of its settings, where
//! `tollgate schema` finds it, and its version.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;
use wasm_encoder::{ComponentSection, CustomSection};

/// Appends the version, and `settings.schema.json` of the guest's folder where there is one.
///
/// # Errors
/// When the schema cannot be read.
pub(super) fn append(component: &mut Vec<u8>, version: &str, folder: &Path) -> Result<()> {
    section(component, VERSION, version.as_bytes());

    let path = folder.join("settings.schema.json");
    if path.exists() {
        let schema = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        section(component, SCHEMA, &schema);
    }
    Ok(())
}

fn section(component: &mut Vec<u8>, name: &str, data: &[u8]) {
    CustomSection { name: name.into(), data: data.into() }.append_to_component(component);
}

const SCHEMA: &str = "tollgate:settings-schema";
const VERSION: &str = "version";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_comes_first_and_the_schema_ends_the_file() {
        let folder = std::env::temp_dir().join(format!("tollgate-schema-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let mut bare = Vec::new();
        append(&mut bare, "1.2", &folder).unwrap();
        assert_eq!(bare, b"\0\x0b\x07version1.2");

        let schema = [b'7'; 200];
        fs::write(folder.join("settings.schema.json"), schema).unwrap();
        let mut component = Vec::new();
        append(&mut component, "1.2", &folder).unwrap();
        assert!(component.starts_with(&bare) && component.ends_with(&schema));
        fs::remove_dir_all(&folder).unwrap();
    }
}
