//! Writes every generated file of `policies/`: the references of keys and of problems, and the
//! JSON Schema. `cargo xtask references` runs it.

use std::path::Path;
use std::{fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies");
    let schema = serde_json::to_string_pretty(&tollgate_config::schema())?;

    fs::write(folder.join("gateway.schema.json"), schema + "\n")?;
    fs::write(folder.join("problems.md"), tollgate_chain::problem_reference())?;
    fs::write(folder.join("reference.md"), tollgate_config::reference())
}
