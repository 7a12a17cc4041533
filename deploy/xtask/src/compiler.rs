//! The compiler of the workspace's own crates: `rustc`, or clippy's driver, which lints as it compiles.
//!
//! `cargo clippy` checks every dependency again, because metadata of a check cannot serve a build.
//! Clippy's driver in place of `rustc` compiles the workspace's crates with lints and shares the
//! dependencies of a build, so that one build serves lints and tests.

use std::process::Command;

/// A compiler for the crates of the workspace. Dependencies are compiled by `rustc` in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// `rustc`.
    Rustc,
    /// Clippy's driver, with warnings as errors.
    Clippy,
}

impl Compiler {
    /// Makes a run of cargo use this compiler.
    pub(crate) fn apply(self, cargo: &mut Command) -> &mut Command {
        match self {
            Self::Rustc => cargo,
            Self::Clippy => cargo
                .env("RUSTC_WORKSPACE_WRAPPER", "clippy-driver")
                // `cargo clippy -- -D warnings` passes the same; the driver splits at this word.
                .env("CLIPPY_ARGS", "-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__"),
        }
    }
}
