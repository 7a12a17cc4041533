//! Guests in C: bindings generated from `wit/`, compiled by Zig, never checked in.

use crate::place::Place;
use crate::{tool, zig};
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

/// Builds a guest into a core module.
///
/// # Errors
/// When the contract cannot be read or the guest does not compile.
pub(super) fn build(place: &Place, guest: &Path) -> Result<PathBuf> {
    zig::ensure(place)?;
    let name = guest.file_name().context("a guest's folder has a name")?;
    let folder = place.target().join("c").join(name);
    fs::create_dir_all(&folder)?;
    let source = fs::read_to_string(guest.join("policy.c"))?;
    let world = WORLDS.iter().find(|world| source.contains(&format!("{}.h\"", underscored(world))));
    let world = world.context("policy.c includes the header of a world")?;
    bind(&place.root().join("wit"), world, &folder)?;
    let module = folder.join("module.wasm");
    let mut cc = zig::cc(place);
    cc.args(FLAGS).arg("-I").arg(&folder).arg("-o").arg(&module);
    cc.args(sources(guest, &["c", "s"])?).args(sources(&folder, &["c", "o"])?);
    tool::run(&mut cc)?;
    Ok(module)
}

fn underscored(world: &str) -> String {
    world.replace('-', "_")
}

/// Writes the bindings of a world of policies, as far as they changed.
fn bind(wit: &Path, world: &str, folder: &Path) -> Result<()> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(wit).context("read wit/")?;
    let world = resolve.select_world(&[package], Some(world))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default().build().generate(&mut resolve, world, &mut files)?;
    for (name, bytes) in files.iter() {
        super::put(&folder.join(name), bytes)?;
    }
    Ok(())
}

fn sources(folder: &Path, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let wanted = |path: &PathBuf| {
        path.extension().is_some_and(|extension| endings.iter().any(|ending| extension == *ending))
    };
    let paths = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let mut files: Vec<PathBuf> = paths.filter(wanted).collect();
    files.sort();
    Ok(files)
}

/// The worlds of the contract; a guest's is the one whose header it includes.
const WORLDS: [&str; 2] = ["policy", "policy-with-response"];

/// A library without a main and a stack as small as that of guests in Rust, which lies first.
const FLAGS: &[&str] = &[
    "-target",
    "wasm32-wasi",
    "-mexec-model=reactor",
    "-std=c11",
    "-Os",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-Wl,-z,stack-size=32768",
    "-Wl,--gc-sections",
    "-Wl,--strip-all",
];
