//! The import table: which crate may import which.
//!
//! `gateway → admin → insight, control → proxy → edge, runtime, capability, stores, transcode,
//! upstream → chain, config → terms`, downwards only; those in the middle never import each other;
//! a plugin imports only the SDK; a service never imports another.

use cargo_metadata::{DependencyKind, Metadata};

/// One import of a crate of ours by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The importing crate.
    pub from: String,
    /// Whom.
    pub to: String,
    /// In its tests alone.
    pub dev: bool,
}

/// Returns what is wrong with the imports, given all crates of the workspace.
#[must_use]
pub fn wrong(crates: &[String], imports: &[Import]) -> Vec<String> {
    let unknown = crates
        .iter()
        .filter(|name| allowed(name).is_none())
        .map(|name| format!("{name} has no line in the import table (tests/tidy/src/imports.rs)"));
    let forbidden = imports.iter().filter(|import| !may(import)).map(|import| {
        let tests = if import.dev { " in its tests" } else { "" };
        format!(
            "{} imports {}{tests}, which the import table does not allow",
            import.from, import.to
        )
    });
    unknown.chain(forbidden).collect()
}

/// Reads crates and imports from cargo's own account.
#[must_use]
pub fn of(metadata: &Metadata) -> (Vec<String>, Vec<Import>) {
    let packages = metadata.workspace_packages();
    let crates: Vec<String> = packages.iter().map(|package| package.name.to_string()).collect();
    let imports = packages
        .iter()
        .flat_map(|package| package.dependencies.iter().map(move |to| (package, to)))
        .filter(|(_, to)| crates.contains(&to.name))
        .map(|(package, to)| Import {
            from: package.name.to_string(),
            to: to.name.clone(),
            dev: to.kind == DependencyKind::Development,
        })
        .collect();
    (crates, imports)
}

fn may(import: &Import) -> bool {
    let Some(allowed) = allowed(&import.from) else { return true };
    allowed.contains(&import.to.as_str())
        || allowed.contains(&ANY)
        || (allowed.contains(&MIDDLE) && MIDDLE_ROOMS.contains(&import.to.as_str()))
        || (import.dev && import.to == "tollgate-harness")
}

/// The import table. `*` is for the rooms that put everything together to prove it.
fn allowed(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "tollgate-terms" | "tollgate-supervisor" | "tollgate-sdk" | "tollgate-parts" => &[],
        // What gateway and services share, and its form on the wire.
        "tollgate-chain" | "tollgate-proto" => &["tollgate-terms"],
        "tollgate-config" => &["tollgate-chain", "tollgate-terms"],
        "tollgate-runtime" | "tollgate-transcode" | "tollgate-edge" | "tollgate-upstream" => {
            &["tollgate-chain", "tollgate-config", "tollgate-terms"]
        }
        // The signed principal is a message of the services: `proto` is where host and services meet.
        "tollgate-capability" => {
            &["tollgate-chain", "tollgate-config", "tollgate-proto", "tollgate-terms"]
        }
        // Back ends implement the traits of `capability`, and speak to identity in its own language.
        "tollgate-stores" => {
            &["tollgate-chain", "tollgate-capability", "tollgate-proto", "tollgate-terms"]
        }
        "tollgate-proxy" => &[MIDDLE],
        "tollgate-control" | "tollgate-insight" => &["tollgate-proxy", MIDDLE],
        "tollgate-admin" => &["tollgate-insight", "tollgate-control", "tollgate-proxy", MIDDLE],
        "tollgate" => &[
            "tollgate-admin",
            "tollgate-insight",
            "tollgate-control",
            "tollgate-proxy",
            "tollgate-supervisor",
            MIDDLE,
        ],

        "allowed-hosts" | "cors" | "auth" | "rate-limit" | "routing" | "idempotency" => {
            &["tollgate-sdk"]
        }
        // The guests of the tests.
        "hostile" | "curious" | "modest" | "vouched" | "worldly" => &["tollgate-sdk"],
        "tollgate-commons" => &["tollgate-proto", "tollgate-supervisor", "tollgate-terms"],
        "identity" | "deposits" => &["tollgate-proto", "tollgate-terms", "tollgate-commons"],
        "xtask" | "tollgate-harness" => &["tollgate-parts"],
        "conformance" | "e2e" | "bench" | "fault" | "fuzz" => &[ANY],
        "suites" => &["tollgate-harness", "e2e"],
        "tidy" => &[],
        _ => return None,
    })
}

const ANY: &str = "*";

/// The rooms of the host that the upper ones are made of, and that never import each other.
const MIDDLE: &str = "the middle of the host";
const MIDDLE_ROOMS: &[&str] = &[
    "tollgate-chain",
    "tollgate-config",
    "tollgate-runtime",
    "tollgate-capability",
    "tollgate-stores",
    "tollgate-transcode",
    "tollgate-edge",
    "tollgate-upstream",
    "tollgate-terms",
];

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(from: &str, to: &str, dev: bool) -> Vec<String> {
        let import = Import { from: from.to_owned(), to: to.to_owned(), dev };
        wrong(&[from.to_owned(), to.to_owned()], &[import])
    }

    #[test]
    fn those_in_the_middle_may_not_import_each_other() {
        assert_eq!(judge("tollgate-edge", "tollgate-upstream", false).len(), 1);
        assert_eq!(judge("tollgate-runtime", "tollgate-capability", true).len(), 1);
        assert!(judge("tollgate-edge", "tollgate-chain", false).is_empty());
    }

    #[test]
    fn the_upper_rooms_of_the_host_import_downwards_only() {
        assert!(judge("tollgate-admin", "tollgate-insight", false).is_empty());
        assert!(judge("tollgate-control", "tollgate-runtime", false).is_empty());
        assert_eq!(judge("tollgate-insight", "tollgate-control", false).len(), 1);
        assert_eq!(judge("tollgate-control", "tollgate-insight", true).len(), 1);
        assert_eq!(judge("tollgate-proxy", "tollgate-control", true).len(), 1);
        assert_eq!(judge("tollgate-edge", "tollgate-proxy", false).len(), 1);
    }

    #[test]
    fn a_plugin_may_import_only_the_sdk_and_a_service_no_other_service() {
        assert_eq!(judge("auth", "tollgate-chain", false).len(), 1);
        assert!(judge("auth", "tollgate-sdk", false).is_empty());
        assert_eq!(judge("deposits", "identity", false).len(), 1);
        assert_eq!(judge("tollgate", "deposits", false).len(), 1);
    }

    #[test]
    fn the_harness_is_for_tests_alone() {
        assert!(judge("identity", "tollgate-harness", true).is_empty());
        assert_eq!(judge("identity", "tollgate-harness", false).len(), 1);
    }

    #[test]
    fn a_crate_without_a_line_in_the_table_is_noticed() {
        assert_eq!(wrong(&["newcomer".to_owned()], &[]).len(), 1);
    }
}
