//! A file of the configuration: `config::load`.
//!
//! Reading it twice gives the same. What is accepted has a listener, and is accepted by the published
//! schema. What is refused is refused with problems, each of which names the file, a line that the
//! file has, and what was expected.

use std::path::PathBuf;
use std::sync::LazyLock;

use boon::{Compiler, SchemaIndex, Schemas};
use tempfile::TempDir;
use tollgate_config::{Problems, load, schema};

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

static SCHEMA: LazyLock<(Schemas, SchemaIndex)> = LazyLock::new(|| {
    let mut schemas = Schemas::new();
    let mut compiler = Compiler::new();
    compiler.add_resource("memory:schema.json", schema()).unwrap();
    let index = compiler.compile("memory:schema.json", &mut schemas).unwrap();
    (schemas, index)
});

/// Checks one file.
pub(super) fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // Other folders are not the input's.
    if text.contains("extends") {
        return;
    }
    let folder = FOLDER.with(|folder| folder.path().to_owned());
    let file = folder.join("gateway.toml");
    std::fs::write(&file, data).unwrap();

    let read = load(&folder);
    let again = load(&folder);
    assert_eq!(format!("{read:?}"), format!("{again:?}"));
    match read {
        Ok(config) => {
            assert!(!config.listeners().is_empty());
            let table: toml::Table = toml::from_str(&text).unwrap();
            let (schemas, index) = &*SCHEMA;
            let json = serde_json::to_value(table).unwrap();
            let valid = schemas.validate(&json, *index);
            assert!(valid.is_ok(), "{}", valid.unwrap_err());
        }
        Err(problems) => refused(&problems, &text, &[file, folder]),
    }
}

fn refused(problems: &Problems, text: &str, places: &[PathBuf]) {
    assert!(!problems.is_empty());
    let lines = text.split('\n').count();
    for problem in problems.iter() {
        assert!(places.contains(&problem.file), "{problem}");
        assert!(problem.line <= lines, "{problem}");
        assert!(!problem.message.is_empty(), "{problem}");
        assert!(!problem.to_string().contains('\n'), "{problem}");
    }
}
