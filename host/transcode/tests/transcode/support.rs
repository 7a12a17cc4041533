//! Shared by the tests of this room.
use std::path::PathBuf;

use tollgate_chain::{Error, Violation};
use tollgate_transcode::{Descriptors, Transcoder};

pub(crate) const SHOP: &str = "sample.v1.Shop";

pub(crate) fn descriptors() -> Descriptors {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/proto");
    Descriptors::compile(&["sample.proto".into()], &[folder]).unwrap()
}

/// The transcoder of a method's binding of this index.
pub(crate) fn transcoder(descriptors: &Descriptors, method: &str, index: usize) -> Transcoder {
    let binding = &descriptors.bindings(SHOP, method).unwrap()[index];
    Transcoder::new(descriptors, SHOP, method, binding).unwrap()
}

/// The one violation of a refusal.
pub(crate) fn violation(error: Error) -> Violation {
    let Error::InvalidArgument { violations, .. } = error else {
        panic!("expected an invalid argument, got {error:?}")
    };
    let [violation] = <[Violation; 1]>::try_from(violations).unwrap();
    violation
}
