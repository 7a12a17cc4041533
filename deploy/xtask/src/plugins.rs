//! `plugins`: the six policies and the guests of the tests, as components in `<target>/plugins`.

mod c;
mod sections;

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
    let guests = guests(place.root())?;
    let mut names: Vec<String> = guests.iter().map(|guest| guest.name.clone()).collect();
    fs::create_dir_all(place.components())?;
    for target in [WASM, WASI] {
        in_rust(place, target, &guests)?;
    }
    for guest in guests_in_c(place.root())? {
        let name = guest.file_name().context("a guest's folder has a name")?.to_string_lossy();
        say::step(&format!("Plugins: building {name} from C"));
        finish(place, &name, &guest, &c::build(place, &guest)?)?;
        names.push(name.into_owned());
    }
    Ok(names)
}

/// Builds the guests of one target.
fn in_rust(place: &Place, target: &str, guests: &[Guest]) -> Result<()> {
    let guests: Vec<_> = guests.iter().filter(|guest| guest.target == target).collect();
    let names: Vec<_> = guests.iter().map(|guest| guest.name.as_str()).collect();
    say::step(&format!("Plugins: building {} for {target}", names.join(", ")));
    let mut build = tool::cargo(place, &["build", "--profile", "guest", "--target", target]);
    for name in names {
        build.args(["-p", name]);
    }
    // Flags meant for the native build would replace the guests' small stack.
    tool::run(build.env_remove("RUSTFLAGS"))?;
    for Guest { name, folder, .. } in guests {
        let module = place.target().join(target).join("guest").join(name.replace('-', "_"));
        finish(place, name, folder, &module.with_extension("wasm"))?;
    }
    Ok(())
}

/// Makes a component of what was linked, with its version and the schema of its settings.
fn finish(place: &Place, name: &str, folder: &Path, module: &Path) -> Result<()> {
    let mut component = encode(module).with_context(|| format!("make a component of {name}"))?;
    sections::append(&mut component, folder)?;
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
    if bytes.get(4..8) == Some(COMPONENT) {
        // The linker of some targets makes it itself.
        return Ok(bytes);
    }
    ComponentEncoder::default().module(&bytes)?.validate(true).encode()
}

/// A package whose library is a guest.
struct Guest {
    name: String,
    folder: PathBuf,
    target: &'static str,
}

/// Finds the packages that are guests: under `plugins` and `tests/guests`, with a `cdylib`.
fn guests(root: &Path) -> Result<Vec<Guest>> {
    let mut found = Vec::new();
    for room in ["plugins", "tests/guests"] {
        let mut folders: Vec<PathBuf> =
            fs::read_dir(root.join(room))?.flatten().map(|entry| entry.path()).collect();
        folders.sort();
        for folder in folders {
            let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
            if manifest.contains("\"cdylib\"") {
                let name = package(&manifest);
                let name = name.with_context(|| format!("name of {}", folder.display()))?;
                let for_wasi = manifest.contains(&format!("target = \"{WASI}\""));
                found.push(Guest { name, folder, target: if for_wasi { WASI } else { WASM } });
            }
        }
    }
    Ok(found)
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

/// Whose runtime asks nothing of anybody.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";
/// Whose runtime asks for a machine; for guests that name it in their manifest.
pub(crate) const WASI: &str = "wasm32-wasip2";
/// Bytes 4 to 8 of a component.
const COMPONENT: &[u8] = &[0x0d, 0x00, 0x01, 0x00];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_six_policies_are_found_and_the_sdk_is_not_one() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let names: Vec<String> =
            guests(root).unwrap().into_iter().map(|guest| guest.name).collect();
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
