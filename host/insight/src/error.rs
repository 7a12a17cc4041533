//! Failures of an answer about requests.

use std::io;
use std::path::PathBuf;

use tollgate_config::Problems;
use tollgate_runtime::{DeclaredEngineError, LoadError};

/// The reason why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A component of the folder cannot be used as declared.
    #[error("the configuration was refused\n{0}")]
    Problems(#[from] Problems),
    /// The engine cannot be started as configured.
    #[error(transparent)]
    Engine(#[from] DeclaredEngineError),
    /// A component file cannot be read.
    #[error("{0}")]
    Component(String),
    /// A component file is no component of a policy.
    #[error("{file}: inspect the component")]
    Inspect {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: LoadError,
    },
    /// The runtime of a probe cannot be started.
    #[error("start the runtime")]
    Runtime(#[source] io::Error),
    /// A described request is no request; the text says which part and what was expected.
    #[error("{0}")]
    Described(String),
    /// The gateway would refuse the head of the described request before any policy runs.
    #[error("the gateway would refuse the request before any policy sees it: {0}")]
    Head(#[source] tollgate_chain::Error),
    /// The Snapshot cannot decide about the described request.
    #[error("decide: {0}")]
    Decide(#[source] tollgate_chain::Error),
    /// A key for an assumed caller cannot be drawn.
    #[error("make a key")]
    Key,
    /// A recording cannot be read or written.
    #[error("{}: {doing}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// The operation.
        doing: &'static str,
        /// The error of the system.
        source: io::Error,
    },
    /// A line of a recording is of no known form.
    #[error("{}:{line}: {expected}", path.display())]
    RecordedLine {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The content that was expected there.
        expected: String,
    },
}
