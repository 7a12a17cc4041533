//! The data by which the queries of identity are checked at compile time.

use std::path::Path;

use tollgate_commons::testing::stale_queries;

use crate::support::bench;

#[tokio::test]
async fn the_query_data_is_that_of_the_migrations_and_of_the_source() {
    let bench = bench().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    assert_eq!(stale_queries(&bench.pool, folder).await, [] as [String; 0]);
}
