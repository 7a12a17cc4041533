//! What a component carries beside its code, in custom sections, which no instance loads: the JSON
//! Schema of its settings, where `tollgate schema` finds it, and its version.

use anyhow::{Context, Result};
use std::fs;
use std::path::Path;

/// Appends `settings.schema.json` of the guest's folder, if there is one, and the version.
///
/// # Errors
/// When the schema cannot be read.
pub(super) fn append(component: &mut Vec<u8>, folder: &Path) -> Result<()> {
    section(component, VERSION, version(folder).as_bytes());
    let path = folder.join("settings.schema.json");
    if path.exists() {
        let schema = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        section(component, SCHEMA, &schema);
    }
    Ok(())
}

/// The guest's own version where it has one, else the workspace's, which is this program's too.
fn version(folder: &Path) -> String {
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    let own = manifest.lines().find_map(|line| line.strip_prefix("version = \""));
    let own = own.and_then(|rest| rest.split('"').next());
    own.unwrap_or(env!("CARGO_PKG_VERSION")).to_owned()
}

/// Appends a custom section: its identifier 0, its size, its name, what it holds.
fn section(component: &mut Vec<u8>, name: &str, holds: &[u8]) {
    let mut content = Vec::new();
    number(&mut content, name.len());
    content.extend_from_slice(name.as_bytes());
    content.extend_from_slice(holds);
    component.push(0);
    number(component, content.len());
    component.extend_from_slice(&content);
}

/// A number in groups of seven bits, the least first.
fn number(to: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        to.push(0x80 | u8::try_from(number & 0x7f).unwrap_or_default());
        number >>= 7;
    }
    to.push(u8::try_from(number).unwrap_or_default());
}

const SCHEMA: &str = "tollgate:settings-schema";
const VERSION: &str = "version";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_has_its_size_before_it() {
        let mut bytes = Vec::new();
        section(&mut bytes, "a", b"hi");
        assert_eq!(bytes, [0, 4, 1, b'a', b'h', b'i']);
        let mut bytes = Vec::new();
        section(&mut bytes, "a", &[7; 200]);
        assert_eq!(bytes[..5], [0, 0xca, 0x01, 1, b'a']);
        assert_eq!(bytes.len(), 3 + 202);
    }
}
