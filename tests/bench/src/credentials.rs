//! The file of credentials: so many keys, each of a tenant of its own.

use anyhow::{Context, Result};
use ring::digest::{SHA256, digest};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use crate::world::{SCOPES, key};

/// Writes the file.
///
/// # Errors
/// When it cannot be written.
pub fn write(path: &Path, keys: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for number in 0..keys {
        entry(&mut file, number)?;
    }
    file.flush().context("write the keys")
}

/// The same as text.
///
/// # Errors
/// Never, as long as keys are text.
pub fn text(keys: u64) -> Result<String> {
    let mut text = Vec::new();
    for number in 0..keys {
        entry(&mut text, number)?;
    }
    String::from_utf8(text).context("keys are text")
}

fn entry(out: &mut impl Write, number: u64) -> Result<()> {
    let digest = digest(&SHA256, key(number).as_bytes());
    write!(out, "[[keys]]\nid = \"k{number}\"\nsha256 = \"")?;
    for byte in digest.as_ref() {
        write!(out, "{byte:02x}")?;
    }
    let scopes = SCOPES.join("\", \"");
    writeln!(
        out,
        "\"\ntenant = \"t{number}\"\nenvironment = \"sandbox\"\nscopes = [\"{scopes}\"]\n"
    )?;
    Ok(())
}
