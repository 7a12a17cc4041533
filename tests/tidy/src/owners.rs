//! One owner for each heavy dependency, so that its types and its version stay in one room.

use crate::tree::Text;
use cargo_metadata::{DependencyKind, Metadata};

/// One use of a foreign crate.
#[derive(Debug, Clone)]
pub struct Use {
    /// The crate that uses it.
    pub by: String,
    /// The foreign crate.
    pub what: String,
    /// In its tests alone.
    pub dev: bool,
}

/// Returns the uses of heavy dependencies outside the rooms that own them. Tests may use another
/// room's dependency to look from outside, except the engine.
#[must_use]
pub fn wrong(uses: &[Use]) -> Vec<String> {
    uses.iter()
        .filter_map(|used| {
            let (_, owners) = OWNERS.iter().find(|(what, _)| *what == used.what)?;
            let fine = owners.contains(&used.by.as_str()) || (used.dev && used.what != "wasmtime");
            (!fine).then(|| {
                format!("{} uses {}, which belongs to {}", used.by, used.what, owners.join(", "))
            })
        })
        .collect()
}

/// Reads the uses from cargo's own account.
#[must_use]
pub fn of(metadata: &Metadata) -> Vec<Use> {
    metadata
        .workspace_packages()
        .iter()
        .flat_map(|package| {
            package.dependencies.iter().map(|used| Use {
                by: package.name.to_string(),
                what: used.name.clone(),
                dev: used.kind == DependencyKind::Development,
            })
        })
        .collect()
}

/// Returns the files of services that speak to the database although they are not the store, and
/// the files of the gateway that speak to Kafka.
#[must_use]
pub fn strayed(files: &[Text]) -> Vec<String> {
    let sources = || files.iter().filter(|file| file.is_rust() && file.path.contains("/src/"));
    let sql = sources()
        .filter(|file| {
            file.path.starts_with("services/") && !file.path.starts_with("services/commons/")
        })
        .filter(|file| file.text.contains("sqlx::query") && !is_store(&file.path))
        .map(|file| format!("{} holds SQL, which belongs in store.rs", file.path));
    let kafka = sources()
        .filter(|file| file.path.starts_with("host/") && file.text.contains("rdkafka::"))
        .map(|file| format!("{} speaks to Kafka, which services alone do", file.path));
    sql.chain(kafka).collect()
}

fn is_store(path: &str) -> bool {
    path.ends_with("/store.rs") || path.contains("/store/")
}

/// The owners of each dependency. The harness and the benchmark hold the client's and the bare
/// proxy's side.
const OWNERS: &[(&str, &[&str])] = &[
    ("wasmtime", &["tollgate-runtime"]),
    ("wasmtime-wizer", &["tollgate-runtime"]),
    ("wasmparser", &["tollgate-runtime"]),
    (
        "hyper",
        &[
            "tollgate-edge",
            "tollgate-upstream",
            // The health listener of the services.
            "tollgate-commons",
            "tollgate-harness",
            "bench",
            "e2e",
            "conformance",
        ],
    ),
    ("axum", &["tollgate-admin", "tollgate-commons"]),
    ("redis", &["tollgate-stores"]),
    ("moka", &["tollgate-capability"]),
    ("redb", &["tollgate-stores"]),
    ("sqlx", &["tollgate-commons", "identity", "deposits"]),
    ("rdkafka", &["tollgate-commons"]),
    // A second reader of protobuf, to compare with.
    ("prost-reflect", &["tollgate-transcode", "fuzz"]),
    ("wit-bindgen", &["tollgate-sdk", "worldly"]),
    ("wit-component", &["xtask"]),
    ("rcgen", &["tollgate-parts", "e2e", "conformance"]),
    ("notify", &["tollgate-control"]),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(by: &str, what: &str, dev: bool) -> usize {
        wrong(&[Use { by: by.to_owned(), what: what.to_owned(), dev }]).len()
    }

    #[test]
    fn the_engine_outside_the_runtime_is_noticed_even_in_tests() {
        assert_eq!(judge("tollgate", "wasmtime", false), 1);
        assert_eq!(judge("conformance", "wasmtime", true), 1);
        assert_eq!(judge("tollgate-runtime", "wasmtime", false), 0);
    }

    #[test]
    fn a_database_in_the_gateway_is_noticed() {
        assert_eq!(judge("tollgate-capability", "sqlx", false), 1);
        assert_eq!(judge("e2e", "sqlx", true), 0);
        assert_eq!(judge("anybody", "serde", false), 0);
    }

    #[test]
    fn sql_outside_the_store_and_kafka_in_the_gateway_are_noticed() {
        let files = [
            Text::new("services/deposits/src/grpc.rs", "sqlx::query(\"SELECT 1\")"),
            Text::new("services/deposits/src/store.rs", "sqlx::query(\"SELECT 1\")"),
            Text::new("host/capability/src/invalidation.rs", "use rdkafka::Message;"),
        ];
        assert_eq!(strayed(&files).len(), 2);
    }
}
