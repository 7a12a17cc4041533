//! Why a component was not put to work.

use std::fmt;

use tollgate_chain::{Failure, Interface};

use crate::ExceededLimit;

/// Something wrong in a policy's settings, in the plugin's own words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingProblem {
    /// The path of the key from the root of the settings, as `origins[2]`.
    pub key: String,
    /// A sentence that says what was expected, and what was found.
    pub message: String,
}

impl fmt::Display for SettingProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// An import of the contract that was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ungranted {
    /// The import, by its full name.
    pub import: String,
    /// The grant that it would need.
    pub grant: Interface,
}

impl fmt::Display for Ungranted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} needs the grant \"{}\"", self.import, self.grant)
    }
}

/// An import that the contract does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignImport(
    /// The full name.
    pub String,
);

impl fmt::Display for ForeignImport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a component was not put to work. Each is the fault of the file, its declaration or its
/// settings; loading it again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The file is something else.
    #[error("not a component: {found}")]
    NotAComponent {
        /// The kind of file that it looks like.
        found: &'static str,
    },
    /// The file is larger than any policy.
    #[error("the component has {bytes} bytes; at most {most} are accepted")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The file ends too early.
    #[error("the component is truncated at byte {at}")]
    Truncated {
        /// Where the section starts that is not all there.
        at: usize,
    },
    /// The file is damaged, or uses what the engine does not support.
    #[error("compile the component: {0}")]
    Compile(String),
    /// The component needs more than its policy, or the engine, allows.
    #[error(transparent)]
    Limit(#[from] ExceededLimit),
    /// The component was built for another version of the contract.
    #[error("built for the contract {found}; this host serves {served}")]
    Contract {
        /// The version the component was built for.
        found: String,
        /// The version of this host.
        served: &'static str,
    },
    /// Exports that the contract requires are absent or of another type.
    #[error("exports missing or of another type: {}", .0.join(", "))]
    Exports(
        /// Their names.
        Vec<&'static str>,
    ),
    /// The component imports what the contract does not have.
    #[error("imports outside of the contract: {}", joined(.0))]
    ForeignImports(
        /// All of them.
        Vec<ForeignImport>,
    ),
    /// The component imports what its policy was not granted.
    #[error("imports that were not granted: {}", joined(.0))]
    Ungranted(
        /// All of them.
        Vec<Ungranted>,
    ),
    /// An import has another type than the contract's.
    #[error("link the component: {0}")]
    Link(String),
    /// The settings are larger than any policy's.
    #[error("the settings have {bytes} bytes; at most {most} are accepted")]
    SettingsTooLarge {
        /// Their size.
        bytes: usize,
        /// The limit.
        most: usize,
    },
    /// The plugin refused its settings.
    #[error("settings refused: {}", joined(.0))]
    Settings(
        /// All that is wrong, in the plugin's own words.
        Vec<SettingProblem>,
    ),
    /// The component could not be instantiated, or `configure` came to no end of its own.
    #[error("configure the component: {0}")]
    Configure(
        /// The failure.
        Failure,
    ),
}

fn joined<T: fmt::Display>(list: &[T]) -> String {
    list.iter().map(T::to_string).collect::<Vec<_>>().join("; ")
}
