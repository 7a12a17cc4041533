//! `plugins`: the six policies and the guests of the tests, as components in `<target>/plugins`.

mod c;
mod sections;

use crate::place::Place;
use crate::workspace::{Guest, WASI, WASM, Workspace};
use crate::{say, tool};
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use wit_component::ComponentEncoder;

/// Builds all of them and makes components of them. Returns their names.
///
/// # Errors
/// The errors of [`some`].
pub(crate) fn run(place: &Place) -> Result<Vec<String>> {
    some(place, &[])
}

/// Builds the plugins that `wanted` names, all where it is empty, and makes components of them. A
/// component is rewritten only when its bytes changed, so that a running gateway reloads nothing
/// without need. Returns their names.
///
/// # Errors
/// When a name is unknown, when a plugin does not build, or when its imports are not those of the
/// contract.
pub(crate) fn some(place: &Place, wanted: &[String]) -> Result<Vec<String>> {
    let workspace = Workspace::read(place)?;
    let mut in_rust = workspace.guests()?;
    let mut in_c = guests_in_c(place.root())?;

    let there = in_rust.iter().map(|guest| guest.name.clone());
    let there: Vec<String> = there.chain(in_c.iter().map(|(name, _)| name.clone())).collect();
    if let Some(unknown) = wanted.iter().find(|name| !there.contains(name)) {
        bail!("there is no plugin `{unknown}`; there are {}", there.join(", "));
    }
    let is_wanted = |name: &String| wanted.is_empty() || wanted.contains(name);
    in_rust.retain(|guest| is_wanted(&guest.name));
    in_c.retain(|(name, _)| is_wanted(name));
    fs::create_dir_all(place.components())?;

    for target in [WASM, WASI] {
        build_in_rust(place, target, &in_rust)?;
    }

    // A guest in C has no manifest: its version is the workspace's.
    let version = workspace.version()?;
    for (name, folder) in &in_c {
        say::step(&format!("Plugins: building {name} from C"));
        let module = c::build(place, folder)?;
        finish(place, name, &version, folder, &module)?;
    }
    Ok(there.into_iter().filter(is_wanted).collect())
}

/// Builds the guests of one target.
fn build_in_rust(place: &Place, target: &str, guests: &[Guest]) -> Result<()> {
    let guests: Vec<_> = guests.iter().filter(|guest| guest.target == target).collect();
    if guests.is_empty() {
        return Ok(());
    }
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

/// Finds the guests of the tests that are written in C, by their `policy.c`: names and folders.
fn guests_in_c(root: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(root.join("tests/guests"))?.flatten();
    let mut guests: Vec<_> = entries
        .filter(|entry| entry.path().join("policy.c").exists())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    guests.sort();
    Ok(guests)
}

/// Bytes 4 to 8 of a component.
const COMPONENT: &[u8] = &[0x0d, 0x00, 0x01, 0x00];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_is_refused_with_the_known_ones() {
        let place = Place::find().unwrap();
        let message = some(&place, &["allowed-host".into()]).unwrap_err().to_string();
        assert!(message.starts_with("there is no plugin `allowed-host`; there are "), "{message}");
        assert!(message.contains("allowed-hosts, "), "{message}");
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
