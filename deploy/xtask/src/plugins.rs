//! `plugins`: the six policies and the guests of the tests, as components in `<target>/plugins`.

mod c;
mod sections;

use crate::place::Place;
use crate::workspace::{Guest, WASI, WASM, Workspace};
use crate::{say, tool};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use wit_component::ComponentEncoder;

/// Builds them and makes components of them. A component is rewritten only when its bytes changed,
/// so that a running gateway reloads nothing without need. Returns their names.
///
/// # Errors
/// When one does not build, or its imports are not those of the contract.
pub(crate) fn run(place: &Place) -> Result<Vec<String>> {
    let workspace = Workspace::read(place)?;
    let guests = workspace.guests()?;
    let mut names: Vec<String> = guests.iter().map(|guest| guest.name.clone()).collect();
    fs::create_dir_all(place.components())?;

    for target in [WASM, WASI] {
        in_rust(place, target, &guests)?;
    }

    // A guest in C has no manifest: its version is the workspace's.
    let version = workspace.version()?;
    for folder in guests_in_c(place.root())? {
        let name = folder.file_name().context("a guest's folder has a name")?.to_string_lossy();
        say::step(&format!("Plugins: building {name} from C"));
        let module = c::build(place, &folder)?;
        finish(place, &name, &version, &folder, &module)?;
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

    for Guest { name, version, folder, .. } in guests {
        let module = place.target().join(target).join("guest").join(name.replace('-', "_"));
        finish(place, name, version, folder, &module.with_extension("wasm"))?;
    }
    Ok(())
}

/// Makes a component of a linked module, with its version and the schema of its settings.
fn finish(place: &Place, name: &str, version: &str, folder: &Path, module: &Path) -> Result<()> {
    let mut component = encode(module).with_context(|| format!("make a component of {name}"))?;
    sections::append(&mut component, version, folder)?;
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
        // The linker of `wasm32-wasip2` makes the component itself.
        return Ok(bytes);
    }
    ComponentEncoder::default().module(&bytes)?.validate(true).encode()
}

/// Finds the guests of the tests that are written in C, by their `policy.c`.
fn guests_in_c(root: &Path) -> Result<Vec<PathBuf>> {
    let folders = fs::read_dir(root.join("tests/guests"))?.flatten().map(|entry| entry.path());
    let mut guests: Vec<PathBuf> = folders.filter(|path| path.join("policy.c").exists()).collect();
    guests.sort();
    Ok(guests)
}

/// Bytes 4 to 8 of a component.
const COMPONENT: &[u8] = &[0x0d, 0x00, 0x01, 0x00];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unchanged_bytes_are_not_written_again() {
        let path = std::env::temp_dir().join(format!("tollgate-put-{}", std::process::id()));
        assert!(put(&path, b"one").unwrap());
        assert!(!put(&path, b"one").unwrap());
        assert!(put(&path, b"two").unwrap());
        fs::remove_file(&path).unwrap();
    }
}
