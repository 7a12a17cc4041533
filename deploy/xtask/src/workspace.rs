//! The workspace as cargo describes it: the guests, and the test targets of each part of CI.

use crate::place::Place;
use anyhow::{Context, Result};
use cargo_metadata::{Metadata, MetadataCommand, Package, TargetKind};
use std::path::{Path, PathBuf};

/// A package whose library is a guest: a policy, or a guest of the tests.
#[derive(Debug)]
pub(crate) struct Guest {
    /// The name of its package, and of its component.
    pub(crate) name: String,
    /// The version that its component carries.
    pub(crate) version: String,
    /// The folder of its manifest.
    pub(crate) folder: PathBuf,
    /// The target that it is built for: [`WASM`], or the one that its manifest names.
    pub(crate) target: String,
}

/// The packages of the workspace, without their dependencies.
#[derive(Debug)]
pub(crate) struct Workspace(Metadata);

impl Workspace {
    /// Asks cargo, which needs no network for it.
    ///
    /// # Errors
    /// When a manifest cannot be read; the message is cargo's own.
    pub(crate) fn read(place: &Place) -> Result<Self> {
        Self::at(place.root())
    }

    fn at(root: &Path) -> Result<Self> {
        let mut command = MetadataCommand::new();
        command.manifest_path(root.join("Cargo.toml")).no_deps();
        Ok(Self(command.exec().context("read the workspace")?))
    }

    /// Returns the guests in Rust, in the order of the workspace's list.
    ///
    /// # Errors
    /// When a manifest has no folder.
    pub(crate) fn guests(&self) -> Result<Vec<Guest>> {
        let packages = self.0.workspace_packages();
        packages.into_iter().filter(|package| is_guest(package)).map(guest).collect()
    }

    /// Returns the version that the workspace gives its packages, for guests that have none.
    ///
    /// # Errors
    /// When this program's own package is not a member.
    pub(crate) fn version(&self) -> Result<String> {
        let packages = self.0.workspace_packages();
        let xtask = packages.iter().find(|package| package.name.as_str() == "xtask");
        Ok(xtask.context("xtask is a member of the workspace")?.version.to_string())
    }

    /// Returns the names of the integration tests of the packages that `of` accepts, each once.
    pub(crate) fn test_targets(&self, of: impl Fn(&str) -> bool) -> Vec<String> {
        let packages = self.0.workspace_packages().into_iter();
        let mut names: Vec<String> = packages
            .filter(|package| of(package.name.as_str()))
            .flat_map(|package| &package.targets)
            .filter(|target| target.kind.contains(&TargetKind::Test))
            .map(|target| target.name.clone())
            .collect();
        names.sort();
        names.dedup();
        names
    }
}

fn is_guest(package: &Package) -> bool {
    package.targets.iter().any(|target| target.kind.contains(&TargetKind::CDyLib))
}

fn guest(package: &Package) -> Result<Guest> {
    let folder = package.manifest_path.parent().context("a manifest has a folder")?;
    let target = package.metadata.pointer("/guest/target").and_then(|target| target.as_str());
    Ok(Guest {
        name: package.name.to_string(),
        version: package.version.to_string(),
        folder: folder.as_std_path().to_path_buf(),
        target: target.unwrap_or(WASM).to_owned(),
    })
}

/// The target of guests whose runtime asks nothing of anybody.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";
/// The target of guests whose runtime needs a machine.
pub(crate) const WASI: &str = "wasm32-wasip2";

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        Workspace::at(Place::find().unwrap().root()).unwrap()
    }

    #[test]
    fn the_six_policies_are_found_and_the_sdk_is_not_one() {
        let guests = workspace().guests().unwrap();
        let target_of = |name: &str| {
            guests.iter().find(|guest| guest.name == name).map(|guest| guest.target.as_str())
        };
        for name in ["allowed-hosts", "auth", "cors", "idempotency", "rate-limit", "routing"] {
            assert_eq!(target_of(name), Some(WASM), "{name} is not in {guests:?}");
        }
        assert_eq!(target_of("worldly"), Some(WASI));
        assert_eq!(target_of("tollgate-sdk"), None);
    }

    #[test]
    fn test_targets_are_those_of_the_packages_asked_for() {
        assert_eq!(workspace().test_targets(|package| package == "conformance"), ["contract"]);
        assert!(workspace().test_targets(|_| true).len() > 5);
    }
}
