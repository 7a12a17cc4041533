//! The file of credentials: so many keys, each of a tenant of its own.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use tollgate_capability::credentials::ApiKey;

use crate::world::{SCOPES, key};

/// Writes the file.
pub(super) fn write(path: &Path, keys: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..keys {
        entry(&mut file, number)?;
    }
    file.flush().context("write the keys")
}

/// The same as text.
pub(crate) fn text(keys: u64) -> Result<String> {
    let mut text = Vec::new();
    for number in 0..keys {
        entry(&mut text, number)?;
    }
    String::from_utf8(text).context("keys are text")
}

fn entry(out: &mut impl Write, number: u64) -> Result<()> {
    let parsed = ApiKey::parse(&key(number)).context("a key of this benchmark")?;
    write!(out, "[[keys]]\nid = \"k{number}\"\nsha256 = \"")?;
    for byte in parsed.digest.0 {
        write!(out, "{byte:02x}")?;
    }
    let scopes = SCOPES.join("\", \"");
    writeln!(
        out,
        "\"\ntenant = \"t{number}\"\nenvironment = \"sandbox\"\nscopes = [\"{scopes}\"]\n"
    )?;
    Ok(())
}
