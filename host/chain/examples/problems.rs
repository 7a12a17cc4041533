//! Writes `policies/problems.md` from the catalogue of problem types.

use std::path::Path;

fn main() -> std::io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../policies/problems.md");
    std::fs::write(path, tollgate_chain::problem_reference())
}
