//! Inspection of a component: its imports and exports, checked against the contract.

use tollgate_chain::{Function, Interface};
use wasmtime::component::types::ComponentItem;

use crate::error::{ForeignImport, Ungranted};
use crate::snapshot::ACCESSORS;
use crate::{Engine, Grants, LoadError, sections, wasi};

/// The package of the contract.
const PACKAGE: &str = "tollgate:policy/";
/// Interfaces that hold types only, and so need no grant.
const TYPES_ONLY: &str = "verdicts";
/// The contract that this host serves.
pub(crate) const SERVED: &str = "tollgate:policy@0.1";

pub(crate) const CONFIGURE: &str = "configure";
pub(crate) const ON_REQUEST: &str = "on-request";
pub(crate) const ON_RESPONSE: &str = "on-response";

/// Something that a component imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The full name, as `tollgate:policy/request@0.1.0`.
    pub name: String,
    /// The functions of it that are used, by name. Without any, only types are used.
    pub functions: Vec<String>,
    /// The grant that it needs: none when only types are used, or when it is foreign.
    pub grant: Option<Interface>,
}

/// The imports and exports of a component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// In the order of the file.
    pub imports: Vec<Import>,
    /// The names, in the order of the file.
    pub exports: Vec<String>,
    /// The contract it was built for, as `tollgate:policy@0.1.0`.
    pub contract: Option<String>,
}

impl Inspection {
    /// The least that must be granted.
    #[must_use]
    pub fn grants_needed(&self) -> Grants {
        self.imports.iter().filter_map(|import| import.grant).collect()
    }

    /// Returns true if the component uses this function of the contract.
    #[must_use]
    pub fn uses(&self, function: &Function) -> bool {
        let mut imports = self.imports.iter();
        imports.any(|import| {
            import.grant == Some(function.interface)
                && import.functions.iter().any(|used| used == function.short_name())
        })
    }

    /// Refuses what does not fit the contract, or goes beyond the grants.
    pub(crate) fn check(&self, grants: &Grants) -> Result<(), LoadError> {
        if let Some(found) = self.contract.as_deref().filter(|found| !is_served(found)) {
            return Err(LoadError::Contract { found: found.to_owned(), served: SERVED });
        }
        let foreign: Vec<_> = self.foreign().collect();
        if !foreign.is_empty() {
            return Err(LoadError::ForeignImports(foreign));
        }
        let ungranted: Vec<_> = self.ungranted(grants).collect();
        if !ungranted.is_empty() {
            return Err(LoadError::Ungranted(ungranted));
        }
        let missing: Vec<_> = [CONFIGURE, ON_REQUEST]
            .into_iter()
            .filter(|name| !self.exports.iter().any(|export| export == name))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(LoadError::Exports(missing)) }
    }

    fn foreign(&self) -> impl Iterator<Item = ForeignImport> {
        self.imports
            .iter()
            .filter(|import| !is_known(&import.name))
            .map(|import| ForeignImport(import.name.clone()))
    }

    fn ungranted(&self, grants: &Grants) -> impl Iterator<Item = Ungranted> {
        self.imports.iter().filter_map(|import| {
            let grant = import.grant.filter(|grant| !grants.contains(*grant))?;
            Some(Ungranted { import: import.name.clone(), grant })
        })
    }
}

/// Compiles the file and tells what it asks for, whether or not it fits this host: for tools.
/// Takes tens of milliseconds; to be called off the serving threads.
///
/// # Errors
/// The file is no component, is damaged, or uses what the engine does not support.
pub fn inspect(engine: &Engine, file: &[u8]) -> Result<Inspection, LoadError> {
    sections::check(file)?;
    Ok(describe(&engine.compile(engine.wasm(), file)?))
}

pub(crate) fn describe(component: &wasmtime::component::Component) -> Inspection {
    let engine = component.engine();
    let described = component.component_type();
    let imports: Vec<_> = described
        .imports(engine)
        .map(|(name, import)| describe_import(engine, name, &import.ty))
        .collect();
    let exports = described.exports(engine).map(|(name, _)| name.to_owned());
    let exports = exports.filter(|name| name != ACCESSORS).collect();
    let contract = imports.iter().filter_map(|import| contract(&import.name));
    // Were there several, the one that this host does not serve is the one to name.
    let contract = contract.min_by_key(|contract| is_served(contract));
    Inspection { imports, exports, contract }
}

fn describe_import(engine: &wasmtime::Engine, name: &str, item: &ComponentItem) -> Import {
    let functions = match item {
        ComponentItem::ComponentInstance(instance) => instance
            .exports(engine)
            .filter(|(_, export)| !matches!(export.ty, ComponentItem::Type(_)))
            .map(|(name, _)| name.to_owned())
            .collect(),
        ComponentItem::ComponentFunc(_)
        | ComponentItem::CoreFunc(_)
        | ComponentItem::Module(_)
        | ComponentItem::Component(_)
        | ComponentItem::Type(_)
        | ComponentItem::Resource(_) => vec![name.to_owned()],
    };
    let grant = grant(name).filter(|_| !functions.is_empty());
    Import { name: name.to_owned(), functions, grant }
}

/// `tollgate:policy/request@0.1.0` → `request`.
fn interface_name(import: &str) -> Option<&str> {
    let rest = import.strip_prefix(PACKAGE)?;
    Some(rest.split_once('@').map_or(rest, |(name, _)| name))
}

/// `tollgate:policy/request@0.1.0` → `tollgate:policy@0.1.0`.
fn contract(import: &str) -> Option<String> {
    let rest = import.strip_prefix(PACKAGE)?;
    let version = rest.split_once('@').map_or("", |(_, version)| version);
    Some(format!("tollgate:policy@{version}"))
}

/// Returns true if the contract is of the version that this host serves, patch releases included.
fn is_served(contract: &str) -> bool {
    contract
        .strip_prefix(SERVED)
        .and_then(|rest| rest.strip_prefix('.'))
        .is_some_and(|patch| patch.parse::<u32>().is_ok())
}

fn is_known(import: &str) -> bool {
    interface_name(import) == Some(TYPES_ONLY) || grant(import).is_some()
}

/// The grant that an import needs; none for one that the contract does not have.
fn grant(import: &str) -> Option<Interface> {
    if wasi::is_accepted(import) {
        return Some(Interface::Wasi);
    }
    let own = interface_name(import)?.parse().ok();
    own.filter(|interface| *interface != Interface::Wasi)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_releases_of_the_contract_are_served_and_others_are_not() {
        for (contract, served) in [
            ("tollgate:policy@0.1.0", true),
            ("tollgate:policy@0.1.17", true),
            ("tollgate:policy@0.2.0", false),
            ("tollgate:policy@0.10.0", false),
            ("tollgate:policy@1.1.0", false),
            ("tollgate:policy@0.1.0-draft", false),
            ("tollgate:policy@", false),
        ] {
            assert_eq!(is_served(contract), served, "{contract}");
        }
    }

    #[test]
    fn names_of_imports_are_taken_apart() {
        assert_eq!(interface_name("tollgate:policy/reply-headers@0.1.0"), Some("reply-headers"));
        assert_eq!(interface_name("wasi:clocks/wall-clock@0.2.6"), None);
        assert_eq!(contract("tollgate:policy/log@0.3.1").as_deref(), Some("tollgate:policy@0.3.1"));
    }
}
