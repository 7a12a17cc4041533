//! Compiled components on disk: found again, never trusted blindly, never in the way.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use conformance::{Table, component};
use ring::digest::{SHA256, digest};
use tempfile::TempDir;
use tollgate_chain::{Hook, Interface, Verdict};
use tollgate_runtime::{Component, Engine, EngineSettings, Grants, LoadError};

use crate::world::{limits, run};

/// A process's engine: a new one for each start.
fn start(folder: &Path) -> Engine {
    let settings = EngineSettings::new(4, Duration::from_secs(1), 256 << 10).unwrap();
    Engine::with_cache(settings, folder.to_owned()).unwrap()
}

fn load(engine: &Engine, guest: &str, settings: &str) -> Result<Component<Table>, LoadError> {
    let file = component(guest).unwrap();
    Component::load(engine, &file, settings.to_owned(), &Grants::all(), limits())
}

/// Counts the compilations of a start that loads this guest.
fn compilations(folder: &Path, guest: &str, settings: &str) -> u64 {
    let engine = start(folder);
    load(&engine, guest, settings).unwrap();
    engine.compilations()
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
}

fn permit(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A folder that is yet to be made, in one that vanishes with its test.
fn place() -> (TempDir, PathBuf) {
    let temporary = TempDir::new().unwrap();
    let folder = temporary.path().join("gateway/compiled");
    (temporary, folder)
}

#[tokio::test]
async fn a_second_start_compiles_nothing_and_decides_the_same() {
    let (_temporary, folder) = place();
    for (guest, settings) in [("hostile", r#"{"act":"deny"}"#), ("c-tables", "deny")] {
        assert_ne!(compilations(&folder, guest, settings), 0);
        let engine = start(&folder);
        let found = load(&engine, guest, settings).unwrap();
        assert_eq!(engine.compilations(), 0, "{guest}");
        let made = load(&crate::world::engine().clone(), guest, settings).unwrap();
        assert_eq!(found.why_not_snapshotted(), made.why_not_snapshotted());
        assert_eq!(found.inspection(), made.inspection());
        let (outcome, _) = run(&found, Hook::Request, Table::default()).await;
        assert!(matches!(outcome, Ok(Verdict::Reply(_))), "{outcome:?}");
    }
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder), 0o700);
    assert!(entries(&folder).iter().all(|entry| mode(entry) == 0o600));
}

#[test]
fn other_settings_or_another_file_compile_anew() {
    let (_temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    assert_eq!(compilations(&folder, "hostile", "{}"), 0);
    assert_ne!(compilations(&folder, "hostile", r#"{"act":"deny"}"#), 0);
    assert_ne!(compilations(&folder, "modest", "{}"), 0);
    assert_eq!(entries(&folder).len(), 3);
}

#[test]
fn an_entry_is_checked_against_its_grants_like_any_component() {
    let (_temporary, folder) = place();
    compilations(&folder, "modest", "{}");
    let engine = start(&folder);
    let file = component("modest").unwrap();
    let grants = [Interface::Log].into_iter().collect();
    let error = Component::<Table>::load(&engine, &file, "{}".into(), &grants, limits());
    assert!(matches!(error, Err(LoadError::Ungranted(_))), "{error:?}");
    assert_eq!(engine.compilations(), 0);
}

#[test]
fn refused_settings_leave_no_entry() {
    let (_temporary, folder) = place();
    load(&start(&folder), "hostile", r#"{"act":"dance"}"#).unwrap_err();
    assert!(!folder.exists());
}

#[test]
fn a_damaged_entry_is_compiled_and_written_anew() {
    let (_temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    let [entry] = entries(&folder).try_into().unwrap();
    let whole = fs::read(&entry).unwrap();
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let half = whole.len() / 2;
    for damaged in [vec![], whole[..half].to_vec(), flipped(0), flipped(half), flipped(20)] {
        fs::write(&entry, damaged).unwrap();
        assert_ne!(compilations(&folder, "hostile", "{}"), 0);
        assert_eq!(compilations(&folder, "hostile", "{}"), 0, "it was not written anew");
    }
}

#[test]
fn a_modified_entry_with_a_recomputed_checksum_is_not_loaded() {
    let (_temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    let [entry] = entries(&folder).try_into().unwrap();
    let mut bytes = fs::read(&entry).unwrap();
    // The last bytes of the machine code are padding: code that is changed there would run.
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    let checksum = digest(&SHA256, &bytes[40..]);
    bytes[8..40].copy_from_slice(checksum.as_ref());
    fs::write(&entry, bytes).unwrap();
    assert_ne!(compilations(&folder, "hostile", "{}"), 0, "somebody else's code was loaded");
}

#[test]
fn an_entry_under_the_name_of_another_is_not_loaded() {
    let (_temporary, folder) = place();
    compilations(&folder, "modest", "{}");
    let [modest] = entries(&folder).try_into().unwrap();
    compilations(&folder, "hostile", "{}");
    let hostile = entries(&folder).into_iter().find(|entry| *entry != modest).unwrap();
    fs::copy(&hostile, &modest).unwrap();
    assert_ne!(compilations(&folder, "modest", "{}"), 0, "another component's code was loaded");
}

#[test]
fn entries_are_authenticated_by_a_key_outside_of_their_folder() {
    let (temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    let key = folder.with_file_name("compiled.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);

    // A key that others can read may be anybody's; another key knows none of the entries.
    permit(&key, 0o644);
    assert_ne!(compilations(&folder, "hostile", "{}"), 0);
    permit(&key, 0o600);
    assert_eq!(compilations(&folder, "hostile", "{}"), 0);
    fs::write(&key, [7; 31]).unwrap();
    assert_ne!(compilations(&folder, "hostile", "{}"), 0, "too short");
    fs::remove_file(&key).unwrap();
    assert_ne!(compilations(&folder, "hostile", "{}"), 0);

    let provided = temporary.path().join("provided");
    fs::write(&provided, [9; 32]).unwrap();
    permit(&provided, 0o440);
    let settings = EngineSettings::new(4, Duration::from_secs(1), 256 << 10).unwrap();
    for compiled in [true, false] {
        let engine = Engine::with_keyed_cache(settings, folder.clone(), provided.clone()).unwrap();
        load(&engine, "hostile", "{}").unwrap();
        assert_eq!(engine.compilations() > 0, compiled, "the provided key");
    }
}

#[test]
fn what_others_can_write_is_neither_used_nor_written() {
    let (_temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    let [entry] = entries(&folder).try_into().unwrap();
    for mode in [0o770, 0o707] {
        permit(&folder, mode);
        assert_ne!(compilations(&folder, "hostile", "{}"), 0, "folder {mode:o}");
        assert_ne!(compilations(&folder, "modest", "{}"), 0, "folder {mode:o}");
        assert_eq!(entries(&folder).len(), 1);
    }
    permit(&folder, 0o700);
    permit(&entry, 0o620);
    assert_ne!(compilations(&folder, "hostile", "{}"), 0);
    assert_eq!(compilations(&folder, "hostile", "{}"), 0, "it was not replaced by our own");
}

#[test]
fn what_belongs_to_another_user_is_not_used() {
    let (_temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    let [entry] = entries(&folder).try_into().unwrap();
    // Only root can give a file away; all others have no such file to begin with.
    if chown(&entry, Some(65_534), None).is_ok() {
        assert_ne!(compilations(&folder, "hostile", "{}"), 0);
    }
    if chown(&folder, Some(65_534), None).is_ok() {
        assert_ne!(compilations(&folder, "hostile", "{}"), 0);
    }
}

#[test]
fn a_link_to_an_entry_is_not_followed() {
    let (temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    let [entry] = entries(&folder).try_into().unwrap();
    let elsewhere = temporary.path().join("elsewhere");
    fs::rename(&entry, &elsewhere).unwrap();
    symlink(&elsewhere, &entry).unwrap();
    assert_ne!(compilations(&folder, "hostile", "{}"), 0);
}

#[test]
fn the_entries_used_longest_ago_make_room() {
    let (_temporary, folder) = place();
    compilations(&folder, "hostile", "{}");
    let [kept] = entries(&folder).try_into().unwrap();
    for number in 0..300 {
        let old = fs::File::create(folder.join(format!("old-{number}"))).unwrap();
        old.set_modified(std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(number)).unwrap();
    }
    compilations(&folder, "modest", "{}");
    assert_eq!(entries(&folder).len(), 256);
    assert!(kept.exists() && !folder.join("old-0").exists() && folder.join("old-299").exists());
}

#[test]
fn a_folder_that_cannot_be_made_costs_a_compilation_and_nothing_else() {
    let (temporary, _) = place();
    let file = temporary.path().join("file");
    fs::write(&file, "").unwrap();
    assert_ne!(compilations(&file.join("below"), "hostile", "{}"), 0);
}
