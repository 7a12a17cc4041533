//! PEM files, bounded and strict.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use rustls_pki_types::pem::PemObject;

use crate::Error;

/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 16 << 20;

/// Reads a file within its bound.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;

    if bytes.len() as u64 > FILE_BYTES_MAX {
        let message = format!("more than {FILE_BYTES_MAX} bytes");
        return Err(failed(io::Error::new(io::ErrorKind::FileTooLarge, message)));
    }
    Ok(bytes)
}

/// Reads every block of one kind. A damaged block is an error; blocks of other kinds are passed
/// over.
pub(super) fn all<T: PemObject>(path: &Path, bytes: &[u8]) -> Result<Vec<T>, Error> {
    let blocks = T::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    blocks.map_err(|source| Error::Pem { path: path.to_owned(), source })
}
