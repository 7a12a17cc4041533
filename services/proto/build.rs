//! Compiles the specifications: no protoc, and the annotations are kept in the descriptor set.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

const FILES: &[&str] = &[
    "google/api/annotations.proto",
    "google/api/http.proto",
    "tollgate/principal/v1/principal.proto",
    "tollgate/events/v1/envelope.proto",
    "tollgate/identity/v1/identity.proto",
    "tollgate/identity/v1/lookup.proto",
    "tollgate/identity/v1/events.proto",
    "tollgate/deposits/v1/deposits.proto",
    "tollgate/deposits/v1/events.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    println!("cargo:rerun-if-changed=third_party");

    let mut compiler = protox::Compiler::new(["proto", "third_party"])?;
    compiler.include_source_info(true).include_imports(true);
    for file in FILES {
        compiler.open_file(file)?;
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    let encoded = compiler.encode_file_descriptor_set();
    std::fs::write(out.join("descriptors.bin"), &encoded)?;

    let decoded = prost_types::FileDescriptorSet::decode(encoded.as_slice())?;
    // Names on the types let an event carry its own type without a table of strings.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names();
    tonic_prost_build::configure()
        .skip_debug([
            "tollgate.identity.v1.MintApiKeyResponse",
            "tollgate.identity.v1.RotateApiKeyResponse",
        ])
        .compile_fds_with_config(decoded, config)?;
    Ok(())
}
