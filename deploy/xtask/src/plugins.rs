//! `plugins`: the six policies and the guests of the tests, as components in `<target>/plugins`.

mod c;
mod schema;

use crate::place::Place;
use crate::{say, tool};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use wit_component::ComponentEncoder;

/// Builds and componentises them; a component is rewritten only when its bytes changed, so that
/// nothing is reloaded for nothing. Returns their names.
///
/// # Errors
/// When one does not build, or its imports are not those of the contract.
pub(crate) fn run(place: &Place) -> Result<Vec<String>> {
    let folders = guests(place.root())?;
    let mut names: Vec<String> = folders.iter().map(|(name, _)| name.clone()).collect();
    say::step(&format!("Plugins: building {}", names.join(", ")));
    let mut build = tool::cargo(place, &["build", "--profile", "guest", "--target", WASM]);
    for name in &names {
        build.args(["-p", name]);
    }
    // Flags meant for the native build would replace the guests' small stack.
    tool::run(build.env_remove("RUSTFLAGS"))?;
    fs::create_dir_all(place.components())?;
    for (name, folder) in &folders {
        let module = place.target().join(WASM).join("guest").join(name.replace('-', "_"));
        finish(place, name, folder, &module.with_extension("wasm"))?;
    }
    for guest in guests_in_c(place.root())? {
        let name = guest.file_name().context("a guest's folder has a name")?.to_string_lossy();
        say::step(&format!("Plugins: building {name} from C"));
        finish(place, &name, &guest, &c::build(place, &guest)?)?;
        names.push(name.into_owned());
    }
    Ok(names)
}

/// Makes the component of a module, with the schema of its settings if its folder has one.
fn finish(place: &Place, name: &str, folder: &Path, module: &Path) -> Result<()> {
    let mut component = encode(module).with_context(|| format!("make a component of {name}"))?;
    schema::append(&mut component, folder)?;
    let to = place.components().join(format!("{name}.wasm"));
    let word = if put(&to, &component)? { "written" } else { "unchanged" };
    say::note(&format!("{name}: {} KiB, {word}", component.len().div_ceil(1024)));
    Ok(())
}

/// Writes a file whole, unless it holds these bytes. Says whether it wrote.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn put(path: &Path, bytes: &[u8]) -> Result<bool> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    tollgate_parts::keys::write_public(path, bytes)?;
    Ok(true)
}

fn encode(module: &Path) -> Result<Vec<u8>> {
    let bytes = fs::read(module).with_context(|| format!("read {}", module.display()))?;
    ComponentEncoder::default().module(&bytes)?.validate(true).encode()
}

/// Finds the packages that are guests: under `plugins` and `tests/guests`, with a `cdylib`.
/// Returns their names and folders.
fn guests(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let mut names = Vec::new();
    for room in ["plugins", "tests/guests"] {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(root.join(room))?.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            if manifest.contains("\"cdylib\"") {
                let name = package(&manifest);
                names
                    .push((name.with_context(|| format!("name of {}", folder.display()))?, folder));
            }
        }
    }
    Ok(names)
}

/// Finds the guests of the tests that are written in C, by their `policy.c`.
fn guests_in_c(root: &Path) -> Result<Vec<PathBuf>> {
    let folders = fs::read_dir(root.join("tests/guests"))?.flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = folders.filter(|path| path.join("policy.c").exists()).collect();
    found.sort();
    Ok(found)
}

fn package(manifest: &str) -> Result<String> {
    let line = manifest.lines().find_map(|line| line.strip_prefix("name = \""));
    let name = line.and_then(|rest| rest.split('"').next()).context("a manifest has a name")?;
    Ok(name.to_owned())
}

const WASM: &str = "wasm32-unknown-unknown";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_policies_are_found_and_the_sdk_is_not_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let names: Vec<String> = guests(root).unwrap().into_iter().map(|(name, _)| name).collect();
        for name in ["allowed-hosts", "auth", "cors", "idempotency", "rate-limit", "routing"] {
            assert!(names.iter().any(|found| found == name), "{name} is not in {names:?}");
        }
        assert!(!names.iter().any(|found| found == "tollgate-sdk"));
    }

    #[test]
    fn unchanged_bytes_are_not_written_again() {
        let path = std::env::temp_dir().join(format!("tollgate-put-{}", std::process::id()));
        assert!(put(&path, b"one").unwrap());
        assert!(!put(&path, b"one").unwrap());
        assert!(put(&path, b"two").unwrap());
        fs::remove_file(&path).unwrap();
    }
}
