//! The data by which the queries of commons are checked at compile time.

use std::path::Path;

use tollgate_commons::testing::stale_queries;

use crate::support::bench;

#[tokio::test]
async fn the_query_data_of_commons_is_that_of_its_migrations_and_its_source() {
    let bench = bench().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(stale_queries(&bench.pool, folder).await, [] as [String; 0]);
}

#[tokio::test]
async fn a_changed_table_and_a_query_without_a_source_are_noticed() {
    let bench = bench().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    bench.database.sql("ALTER TABLE operations ALTER COLUMN method DROP NOT NULL").unwrap();
    let stale = stale_queries(&bench.pool, folder).await;
    assert!(stale.len() == 1 && stale[0].contains("SELECT fingerprint, method"), "{stale:?}");

    let copy = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(copy.path().join(".sqlx")).unwrap();
    std::fs::create_dir_all(copy.path().join("src")).unwrap();
    let data = r#"{"query": "SELECT 1 AS one", "describe": {}}"#;
    std::fs::write(copy.path().join(".sqlx/query-1.json"), data).unwrap();
    let stale = stale_queries(&bench.pool, copy.path()).await;
    assert!(stale.iter().any(|line| line.contains("is not in the source")), "{stale:?}");
}
