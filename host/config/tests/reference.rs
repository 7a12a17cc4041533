//! The reference and the JSON Schema are fresh, and say what `load` enforces.

#![expect(clippy::unwrap_used, reason = "what stands ready for a test may fail as tests do")]

use std::fs;
use std::path::{Path, PathBuf};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use tollgate_chain::Interface;
use tollgate_config::{load, reference, schema};

const REFRESH: &str = "run `cargo xtask references`";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn toml_files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}", folder.display());
    files
}

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn compiled() -> Self {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource("memory:gateway.schema.json", schema()).unwrap();
        let index = compiler.compile("memory:gateway.schema.json", &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// The verdict about a TOML file: what is wrong, or nothing.
    fn problem(&self, file: &Path) -> Option<String> {
        let text = fs::read_to_string(file).unwrap();
        let value: toml::Value = toml::from_str(&text).unwrap();
        let json: Value = serde_json::to_value(value).unwrap();
        self.schemas.validate(&json, self.index).err().map(|error| error.to_string())
    }
}

#[test]
fn the_reference_and_the_schema_in_the_tree_are_fresh() {
    let policies = root().join("policies");
    let written = fs::read_to_string(policies.join("reference.md")).unwrap();
    assert_eq!(written, reference(), "{REFRESH}");
    let written = fs::read_to_string(policies.join("gateway.schema.json")).unwrap();
    let fresh = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    assert_eq!(written, fresh, "{REFRESH}");
}

#[test]
fn no_line_of_the_reference_is_longer_than_120_columns() {
    let reference = reference();
    let long: Vec<_> = reference.lines().filter(|line| line.chars().count() > 120).collect();
    assert_eq!(long, Vec::<&str>::new());
}

#[test]
fn the_schema_accepts_what_load_accepts() {
    let schema = Schema::compiled();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accepted");
    let mut folders = vec![fixtures];
    for entry in fs::read_dir(root().join("policies")).unwrap() {
        let path = entry.unwrap().path();
        folders.extend(path.is_dir().then_some(path));
    }
    assert!(folders.len() >= 3, "{folders:?}");
    for file in folders.iter().flat_map(|folder| toml_files(folder)) {
        assert_eq!(schema.problem(&file), None, "{}", file.display());
    }
}

#[test]
fn the_schema_refuses_unknown_keys_wrong_types_and_numbers_out_of_bounds() {
    let schema = Schema::compiled();
    let rejected = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rejected");
    for name in ["bounds", "receipts", "types", "unknown-key", "unknown-table", "stores"] {
        let file = rejected.join(format!("{name}.toml"));
        assert!(schema.problem(&file).is_some(), "{name}");
    }
}

/// Every number of the schema, tried out: its bounds are accepted, one beyond is refused.
#[test]
fn the_bounds_of_the_schema_are_those_that_load_enforces() {
    let schema = schema();
    for (section, key) in [
        ("drain", "delay_ms"),
        ("drain", "wait_ms"),
        ("engine", "instances_max"),
        ("engine", "workers"),
        ("trees", "verify_every"),
        ("trees", "nodes_max"),
        ("trees", "bytes_max"),
        ("trees", "fan_out_max"),
        ("receipts", "sample_every"),
        ("receipts", "entries_max"),
        ("receipts", "bytes_max"),
    ] {
        let described = &schema["properties"][section]["properties"][key];
        let bound = |name: &str| described[name].as_i64().unwrap();

        for (value, accepted) in [
            (bound("minimum"), true),
            (bound("maximum"), true),
            (bound("minimum") - 1, false),
            (bound("maximum") + 1, false),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let text = format!("{MINIMAL}[{section}]\n{key} = {value}\n");
            fs::write(folder.path().join("gateway.toml"), text).unwrap();
            assert_eq!(load(folder.path()).is_ok(), accepted, "{section}.{key} = {value}");
        }
    }
}

#[test]
fn the_defaults_of_the_schema_are_those_of_an_empty_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("gateway.toml"), MINIMAL).unwrap();
    let config = load(folder.path()).unwrap();
    assert_eq!(config.trees(), &tollgate_chain::Growth::default());

    let schema = schema();
    let default = |section: &str, key: &str| {
        schema["properties"][section]["properties"][key]["default"].as_u64().unwrap()
    };
    assert_eq!(u128::from(default("drain", "delay_ms")), config.drain().delay.as_millis());
    assert_eq!(u128::from(default("drain", "wait_ms")), config.drain().wait.as_millis());
    assert_eq!(default("engine", "instances_max"), u64::from(config.engine().instances_max));
    assert_eq!(default("receipts", "sample_every"), config.receipts().sample_every);
}

#[test]
fn every_documented_grant_can_be_written_in_toml() {
    let schema = schema();
    let policy = &schema["properties"]["policies"]["additionalProperties"]["properties"];
    let documented = policy["grants"]["items"]["enum"].as_array().unwrap();
    assert!(documented.iter().any(|name| name == "wasi"), "{documented:?}");
    assert_eq!(documented.len(), Interface::ALL.len());

    let reference = reference();
    for name in documented.iter().map(|name| name.as_str().unwrap()) {
        assert!(reference.contains(&format!("`{name}`")), "{name}");
        let folder = tempfile::tempdir().unwrap();
        let text = format!(
            "{MINIMAL}[plugins.any]\nfile = \"any.wasm\"\n\
             [policies.any]\nplugin = \"any\"\ngrants = [\"{name}\"]\n"
        );
        fs::write(folder.path().join("gateway.toml"), text).unwrap();
        let config = load(folder.path()).unwrap();
        let granted: Vec<_> = config.policies()[0].grants.iter().map(|one| one.as_str()).collect();
        assert_eq!(granted, [name]);
    }
}

const MINIMAL: &str = "[chains.open]\npolicies = []\n\
                       [listeners.main]\naddress = \"127.0.0.1:0\"\nchain = \"open\"\n";
