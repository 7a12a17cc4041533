//! Problems that arise after the configuration was read are reported at the line that names them.

#![expect(clippy::unwrap_used, clippy::panic, reason = "the set-up of a test fails as tests do")]

use std::fs;
use std::path::Path;

use tollgate_control::{BuildMode, Error, SnapshotBuilder};
use tollgate_proxy::Ledger;

const START: &str = "[chains.open]\npolicies = []\n\
                     [listeners.main]\naddress = \"127.0.0.1:0\"\nchain = \"open\"\n";

/// The problems of a folder with this text after [`START`], its path cut off.
fn problems(folder: &Path, text: &str) -> String {
    fs::write(folder.join("gateway.toml"), format!("{START}{text}")).unwrap();
    let config = tollgate_config::load(folder).unwrap();
    match SnapshotBuilder::open(folder, config, Ledger::default(), BuildMode::DryRun(None)) {
        Err(Error::Problems(problems)) => {
            problems.to_string().replace(&format!("{}/", folder.display()), "")
        }
        Err(error) => panic!("{error}"),
        Ok(_) => String::new(),
    }
}

fn assert_refused(text: &str, expected: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("text.wasm"), "no component").unwrap();
    let problems = problems(folder.path(), text);
    for expected in expected {
        assert!(problems.contains(expected), "expected {expected}\nfound {problems}");
    }
    assert!(!expected.is_empty() || problems.is_empty(), "{problems}");
}

#[test]
fn a_folder_without_files_of_its_own_is_accepted() {
    assert_refused("", &[]);
}

#[test]
fn two_routes_of_the_same_requests_are_told_with_both_places() {
    let routes = "[routes.one]\nmatch = \"GET /a/{x}\"\nchain = \"open\"\n\
                  [routes.two]\nchain = \"open\"\nmatch = \"GET /a/{y}\"\n";
    assert_refused(
        routes,
        &["gateway.toml:11: routes.two.match: routes `one`", "; the first is at gateway.toml:7"],
    );
}

#[test]
fn a_missing_file_is_told_at_the_line_that_names_it() {
    for (text, expected) in [
        (
            "[upstreams.u]\nprotocol = \"http\"\nendpoints = [\"https://a.example:443\"]\n\
             tls = { ca_bundle = \"ca.pem\" }\n",
            "gateway.toml:9: upstreams.u.tls.ca_bundle: expected a PEM file at ca.pem: No such",
        ),
        (
            "[descriptors]\nset = \"api.binpb\"\n",
            "gateway.toml:7: descriptors.set: expected a FileDescriptorSet at api.binpb: No such",
        ),
        (
            "[descriptors]\nincludes = [\".\"]\nfiles = [\"api.proto\"]\n",
            "gateway.toml:8: descriptors.files: expected a .proto file at api.proto: No such",
        ),
        (
            "[stores.credentials]\nkind = \"file\"\npath = \"keys.toml\"\n",
            "gateway.toml:8: stores.credentials.path: expected a file of credentials at keys.toml",
        ),
        (
            "[principal]\nissuer = \"a\"\nkey_id = \"k\"\nkey_file = \"key.pem\"\n",
            "gateway.toml:9: principal.key_file: expected a PEM file at key.pem: No such",
        ),
        (
            "[plugins.p]\nfile = \"p.wasm\"\n[policies.p]\nplugin = \"p\"\n",
            "gateway.toml:7: plugins.p.file: expected a component at p.wasm: No such",
        ),
    ] {
        assert_refused(text, &[expected]);
    }
}

#[test]
fn a_missing_file_of_the_local_deployment_comes_with_the_command_that_makes_it() {
    assert_refused(
        "[descriptors]\nset = \".tollgate/descriptors.binpb\"\n",
        &["(os error 2); `cargo xtask up` makes it"],
    );
}

#[test]
fn a_file_that_is_no_component_is_told_where_it_is_named() {
    assert_refused(
        "[policies.p]\nplugin = \"p\"\n[plugins.p]\nfile = \"text.wasm\"\n",
        &["gateway.toml:9: plugins.p.file: text.wasm: not a component"],
    );
}
