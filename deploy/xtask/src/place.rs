//! Where things are: the workspace, the build folder, and `.tollgate`, which holds what runs here.

use anyhow::{Context, Result};
use std::path::{Path, PathBuf};
use tollgate_parts::daemon::Daemon;

/// The folders that the verbs work in. All paths are absolute.
#[derive(Debug)]
pub(crate) struct Place {
    root: PathBuf,
    target: PathBuf,
}

impl Place {
    /// Finds the workspace that cargo runs this program for; run without cargo, the one it was built
    /// from. Checkouts that share a build folder share this program, so the two may differ.
    /// Reads the environment, alone here.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place of xtask that reads the environment"
    )]
    pub(crate) fn find() -> Result<Self> {
        let here = std::env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = here.ancestors().nth(2).context("xtask lies two folders deep")?.to_path_buf();
        let target = std::env::var("CARGO_TARGET_DIR")
            .map_or_else(|_| root.join("target"), |given| root.join(given));
        Ok(Self { root, target })
    }

    /// The root of the workspace.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The build folder.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// A path under `.tollgate`.
    pub(crate) fn state(&self, below: &str) -> PathBuf {
        self.root.join(".tollgate").join(below)
    }

    /// A daemon of `up`, with its pid file and log under `.tollgate`.
    pub(crate) fn daemon(&self, name: &str) -> Daemon {
        Daemon::new(name, &self.state("run"), &self.state("logs"))
    }

    /// A binary that `up` and `test` build.
    pub(crate) fn binary(&self, name: &str) -> PathBuf {
        self.target.join("debug").join(name)
    }

    /// The folder of Kafka's jars.
    pub(crate) fn jars(&self) -> PathBuf {
        self.target.join("kafka")
    }

    /// The folder of the built components.
    pub(crate) fn components(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// The `buf` program.
    pub(crate) fn buf(&self) -> PathBuf {
        self.target.join("tools/node_modules/.bin/buf")
    }
}
