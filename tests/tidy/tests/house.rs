//! The house rules, applied to this tree.

use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand};
use tidy::findings::{Budget, unequal};
use tidy::source::Allowance;
use tidy::{cases, imports, manifests, metrics, names, owners, page, rooms, source, tree};

/// Files that were longer than 500 lines when the rule came. Lower a number when its file shrinks;
/// never add a line.
const ALLOWANCES: &[Allowance<'_>] = &[];

/// Findings that each room still has. Lower a number when a room improves; never raise one.
const REPEATED_NAMES: &[Budget<'_>] = &[];
const DENSE_FUNCTIONS: &[Budget<'_>] = &[
    ("host/chain", 8),
    ("host/control", 1),
    ("host/edge", 6),
    ("host/gateway", 1),
    ("host/insight", 5),
    ("host/proxy", 1),
    ("host/runtime", 1),
    ("host/transcode", 2),
    ("services/commons", 2),
    ("services/identity", 1),
    ("tests/conformance", 3),
];
const FRAGMENTS: &[Budget<'_>] = &[];
/// Promises of `tests/cases.md` that no test shows yet.
const NOT_SHOWN: &[Budget<'_>] = &[("tests", 25)];
const WIDE_MARKDOWN: &[Budget<'_>] = &[];

#[test]
fn nobody_imports_whom_the_import_table_does_not_allow() -> Result<()> {
    let (crates, imports) = imports::of(&metadata()?);
    assert!(crates.len() > 15, "cargo told of {} crates only", crates.len());
    none(imports::wrong(&crates, &imports))
}

#[test]
fn each_heavy_dependency_stays_with_its_owner() -> Result<()> {
    let uses = owners::of(&metadata()?);
    assert!(uses.iter().any(|used| used.what == "wasmtime"), "the engine is nowhere used");
    none(owners::wrong(&uses))
}

#[test]
fn sql_and_kafka_stay_in_the_files_that_own_them() -> Result<()> {
    none(owners::strayed(&tree::read(&tree::root())?))
}

#[test]
fn files_stop_at_500_lines() -> Result<()> {
    none(source::too_long(&tree::read(&tree::root())?, ALLOWANCES))
}

#[test]
fn the_binary_of_the_gateway_stops_at_1200_lines() -> Result<()> {
    none(source::outgrown(&tree::read(&tree::root())?))
}

#[test]
fn no_work_is_left_undone_and_no_test_switched_off() -> Result<()> {
    none(source::unfinished(&tree::read(&tree::root())?))
}

#[test]
fn nothing_names_a_machine_of_ours_or_a_registry() -> Result<()> {
    none(source::workplace(&tree::read(&tree::root())?))
}

#[test]
fn files_are_named_for_what_they_own() -> Result<()> {
    none(source::nameless(&tree::read(&tree::root())?))
}

#[test]
fn each_metric_of_the_host_is_in_the_catalogue_and_is_set() -> Result<()> {
    none(metrics::uncatalogued(&tree::read(&tree::root())?))
}

#[test]
fn a_type_name_is_defined_once_in_the_host() -> Result<()> {
    none(unequal(&names::repeated(&tree::read(&tree::root())?), REPEATED_NAMES))
}

#[test]
fn long_functions_have_a_blank_line_between_steps() -> Result<()> {
    none(unequal(&page::without_paragraphs(&tree::read(&tree::root())?), DENSE_FUNCTIONS))
}

#[test]
fn doc_comments_open_with_a_verb_or_a_noun() -> Result<()> {
    none(unequal(&page::fragments(&tree::read(&tree::root())?), FRAGMENTS))
}

#[test]
fn lines_of_markdown_end_at_120_columns() -> Result<()> {
    none(unequal(&page::wide_markdown(&tree::read(&tree::root())?), WIDE_MARKDOWN))
}

#[test]
fn each_promise_of_the_list_of_cases_is_shown_by_tests_that_exist() -> Result<()> {
    none(cases::wrong(&tree::read(&tree::root())?))
}

#[test]
fn promises_that_nothing_shows_become_fewer() -> Result<()> {
    none(unequal(&cases::not_shown(&tree::read(&tree::root())?), NOT_SHOWN))
}

#[test]
fn every_crate_takes_the_lints_and_versions_of_the_workspace() -> Result<()> {
    none(manifests::without_lints(&tree::read(&tree::root())?))
}

#[test]
fn every_dependency_has_its_reason_beside_it() -> Result<()> {
    let manifest = std::fs::read_to_string(tree::root().join("Cargo.toml"))?;
    none(manifests::without_reason(&manifest))
}

#[test]
fn every_room_has_a_readme() -> Result<()> {
    let root = tree::root();
    let mut all_rooms = ["wit", "policies", "deploy", "tests/guests"].map(str::to_owned).to_vec();
    for package in metadata()?.workspace_packages() {
        let folder = package.manifest_path.parent().context("a manifest has a folder")?;
        let room = folder.as_std_path().strip_prefix(&root)?.to_string_lossy().into_owned();
        // The guests are small and share one README.
        if !room.starts_with("tests/guests/") {
            all_rooms.push(room);
        }
    }
    none(rooms::wrong(&all_rooms, &tree::read(&root)?))
}

fn metadata() -> Result<Metadata> {
    let mut command = MetadataCommand::new();
    command.manifest_path(tree::root().join("Cargo.toml")).no_deps();
    Ok(command.exec()?)
}

fn none(wrong: Vec<String>) -> Result<()> {
    assert!(wrong.is_empty(), "\n  {}\n", wrong.join("\n  "));
    Ok(())
}
