//! The messages that the targets of `transcode` work on: those of its own tests, in `sample.proto`.

use std::path::Path;
use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};
use tollgate_chain::{Error, Violation};
use tollgate_transcode::{Descriptors, HttpBinding, Transcoder};

const SHOP: &str = "sample.v1.Shop";

/// The descriptors, as the gateway reads them.
static DESCRIPTORS: LazyLock<Descriptors> =
    LazyLock::new(|| Descriptors::from_set(&descriptor_set()).unwrap());

/// The same, as another reader of protobuf does.
static POOL: LazyLock<DescriptorPool> =
    LazyLock::new(|| DescriptorPool::decode(&*descriptor_set()).unwrap());

fn descriptor_set() -> Vec<u8> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../host/transcode");
    let includes = [root.join("tests/proto"), root.join("proto")];
    let mut compiler = protox::Compiler::new(includes).unwrap();
    compiler.include_imports(true).open_file("sample.proto").unwrap();
    compiler.encode_file_descriptor_set()
}

/// Makes the transcoder of a method's binding.
pub(super) fn transcoder(method: &str, binding: usize) -> Transcoder {
    let bindings = DESCRIPTORS.bindings(SHOP, method).unwrap();
    Transcoder::new(&DESCRIPTORS, SHOP, method, bindings.get(binding).unwrap()).unwrap()
}

/// Makes the transcoder of a binding that is in no file.
pub(super) fn transcoder_of(method: &str, binding: &HttpBinding) -> Transcoder {
    Transcoder::new(&DESCRIPTORS, SHOP, method, binding).unwrap()
}

/// Returns the first binding of a method.
pub(super) fn binding(method: &str) -> HttpBinding {
    DESCRIPTORS.bindings(SHOP, method).unwrap().swap_remove(0)
}

/// Returns a message of `sample.v1`, to the other reader.
pub(super) fn descriptor(name: &str) -> MessageDescriptor {
    POOL.get_message_by_name(&format!("sample.v1.{name}")).unwrap()
}

/// Decodes a message by the other reader.
pub(super) fn decode(name: &str, bytes: &[u8]) -> DynamicMessage {
    DynamicMessage::decode(descriptor(name), bytes).unwrap()
}

/// Shows a message as the other reader writes it: NaN equals itself, and maps are in order.
pub(super) fn text(message: &DynamicMessage) -> String {
    serde_json::to_value(message).map_or_else(|error| error.to_string(), |json| json.to_string())
}

/// Checks that a refusal names the request as the cause, and says why.
pub(super) fn is_callers_fault(error: &Error) -> &[Violation] {
    match error {
        Error::InvalidArgument { detail, violations } => {
            assert!(!detail.is_empty());
            assert!(violations.iter().all(|violation| !violation.description.is_empty()));
            violations
        }
        other => panic!("a request was refused with {other:?}"),
    }
}
