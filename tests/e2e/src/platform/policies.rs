//! The policies of the repository, with this platform's addresses laid over them.

use std::fs;
use std::path::Path;

use anyhow::Result;
use tollgate_harness::{random_hex, workspace};

use crate::gate::component;

/// The plugins of the chain.
const PLUGINS: [&str; 6] =
    ["allowed-hosts", "cors", "auth", "rate-limit", "routing", "idempotency"];

/// Values of the policies folder that differ between platforms.
#[derive(Debug)]
pub(super) struct Addresses {
    /// Ports of the gateway: for callers, and for the operator.
    pub(super) gateway: [u16; 2],
    /// Ports under which the gateway reaches the services: identity, deposits live, deposits
    /// sandbox.
    pub(super) services: [u16; 3],
}

/// Writes the folder `policies`; `stores` is TOML of the gateway's own stores.
pub(super) fn write(at: &Path, addresses: &Addresses, stores: &str) -> Result<()> {
    let Addresses { gateway: [port, admin], services: [identity, live, sandbox] } = addresses;
    let folder = at.join("policies");
    fs::create_dir_all(&folder)?;

    let mut plugins = String::new();
    for name in PLUGINS {
        fs::write(folder.join(format!("{name}.wasm")), component(name)?)?;
        plugins += &format!("[plugins.{name}]\nfile = \"{name}.wasm\"\n");
    }
    fs::write(folder.join("plugins.toml"), plugins)?;

    let local = workspace().join("policies/local/policies.toml");
    let local = fs::read_to_string(local)?.replace(":8443", &format!(":{port}"));
    fs::write(folder.join("policies.toml"), local)?;

    let set = fs::canonicalize(descriptors()?)?;
    let common = workspace().join("policies/common");
    let gateway = format!(
        "extends = [{common:?}]\n[deployment]\nstage = \"local\"\n\
         [listeners.https]\naddress = \"127.0.0.1:{port}\"\nchain = \"edge\"\n\
         tls = {{ certificate = \"../gateway.pem\", key = \"../gateway.key\" }}\n\
         connections_per_address_max = 10000\n\
         [admin]\naddress = \"127.0.0.1:{admin}\"\n[access_log]\nto = \"../access.jsonl\"\n\
         [drain]\ndelay_ms = 0\nwait_ms = 10000\n[descriptors]\nset = {set:?}\n\
         [principal]\nissuer = \"test\"\nkey_id = \"test\"\nkey_file = \"../principal.pem\"\n\
         [stores.credentials]\nkind = \"identity\"\nendpoint = \"http://127.0.0.1:{identity}\"\n\
         [upstreams.identity]\nprotocol = \"grpc\"\naudience = \"identity\"\n\
         endpoints = [\"http://127.0.0.1:{identity}\"]\n\
         [upstreams.deposits-live]\nprotocol = \"grpc\"\naudience = \"deposits\"\n\
         environment = \"live\"\nendpoints = [\"http://127.0.0.1:{live}\"]\n\
         [upstreams.deposits-sandbox]\nprotocol = \"grpc\"\naudience = \"deposits\"\n\
         environment = \"sandbox\"\nendpoints = [\"https://127.0.0.1:{sandbox}\"]\n\
         tls = {{ ca_bundle = \"../staging-ca.pem\", server_name = \"deposits.sandbox.test\" }}\n\
         {stores}"
    );

    fs::write(folder.join("gateway.toml"), gateway)?;
    Ok(())
}

/// The descriptor set of the services, written once for all tests of this process.
fn descriptors() -> Result<std::path::PathBuf> {
    let path = tollgate_harness::target_dir()?.join("e2e-descriptors.binpb");
    let fresh = path.with_extension(random_hex(4)?);
    fs::write(&fresh, tollgate_proto::FILE_DESCRIPTOR_SET)?;
    fs::rename(&fresh, &path)?;
    Ok(path)
}
