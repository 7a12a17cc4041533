//! Writes the reference of the configuration and its JSON Schema into `policies/`.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    fs::write(folder.join("reference.md"), tollgate_config::reference())?;
    let schema = serde_json::to_string_pretty(&tollgate_config::schema())?;
    fs::write(folder.join("gateway.schema.json"), schema + "\n")
}
