//! Writes the compiled specifications to a file: what the gateway transcodes by.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args_os().nth(1).ok_or("usage: descriptors <file>")?;
    Ok(std::fs::write(path, tollgate_proto::FILE_DESCRIPTOR_SET)?)
}
