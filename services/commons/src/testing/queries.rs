//! Comparison of a crate's query data (`.sqlx`) with its migrated database and its source.

use std::path::Path;

use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor as _, PgPool, SqlSafeStr as _};

/// Returns a line for each file of query data in `crate_folder` that is stale: PostgreSQL describes
/// its query otherwise, or the query is not in the crate's source. `cargo xtask queries` refreshes
/// them. A query without data needs no test, as it does not compile.
pub async fn stale_queries(pool: &PgPool, crate_folder: &Path) -> Vec<String> {
    let mut source = String::new();
    if let Err(error) = read_source(&crate_folder.join("src"), &mut source) {
        return vec![format!("read the source: {error}")];
    }
    let files = match std::fs::read_dir(crate_folder.join(".sqlx")) {
        Ok(files) => files,
        Err(error) => return vec![format!("read the query data: {error}")],
    };

    let mut stale = Vec::new();
    for file in files.flatten() {
        let name = file.file_name().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file.path()).unwrap_or_default();
        let Ok(data) = serde_json::from_str::<Value>(&text) else {
            stale.push(format!("{name} is not JSON"));
            continue;
        };
        let query = data.get("query").and_then(Value::as_str).unwrap_or_default();
        if !source.contains(query) {
            stale.push(format!("{name} is not in the source: {query}"));
        } else if describe(pool, query).await.ok().as_ref() != data.get("describe") {
            stale.push(format!("{name} differs from the database: {query}"));
        }
    }
    stale
}

async fn describe(pool: &PgPool, query: &str) -> Result<Value, String> {
    let query = AssertSqlSafe(query.to_owned()).into_sql_str();
    let described = pool.describe(query).await.map_err(|error| error.to_string())?;
    serde_json::to_value(described).map_err(|error| error.to_string())
}

fn read_source(folder: &Path, source: &mut String) -> std::io::Result<()> {
    for file in std::fs::read_dir(folder)? {
        let path = file?.path();
        if path.is_dir() {
            read_source(&path, source)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            source.push_str(&std::fs::read_to_string(path)?);
        }
    }
    Ok(())
}
