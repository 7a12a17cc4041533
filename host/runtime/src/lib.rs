//! The sandbox: runs policies as WebAssembly components.
//!
//! An [`Engine`] owns the instance slots and the thread that measures guests. A [`Component`] is
//! one plugin, compiled, linked against what it was granted and proven to accept its settings; it
//! implements [`tollgate_chain::Plugin`], so the rest of the gateway never sees the engine behind
//! it. [`inspect`] tells what a file asks for without putting it to work.
//!
//! Read next: `component.rs` and `prepare.rs` for what happens at load, `instance.rs` for a run.

mod bindings;
mod cache;
mod component;
mod convert;
mod declared;
mod engine;
mod error;
mod exceeded;
mod grants;
mod imports;
mod inspect;
mod instance;
mod limits;
mod prepare;
mod run_clock;
mod schema;
mod sections;
mod snapshot;
mod state;
mod ticker;
mod version;
mod wasi;

pub use component::Component;
pub use declared::{
    CompiledCache, DeclaredEngineError, compile_declared, declared_engine, read_component,
    read_declared,
};
pub use engine::{Engine, EngineError, EngineSettings};
pub use error::{ForeignImport, LoadError, SettingProblem, Ungranted};
pub use exceeded::ExceededLimit;
pub use grants::Grants;
pub use inspect::{Import, Inspection, inspect};
pub use limits::{OutOfBounds, RunLimits};
pub use schema::{SchemaError, settings_schema};
pub use tollgate_chain::{Interface, UnknownInterface};
pub use version::version;
