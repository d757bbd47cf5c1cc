//! Contract of the store of metrics.

use std::sync::Arc;

use federation_domain::{MetricStore, ProjectId, Tier};
use federation_postgres::PgMetricStore;
use federation_testkit::TestDatabase;
use time::OffsetDateTime;

use crate::world::{by_hand, migrated};

async fn fresh_store() -> (Arc<dyn MetricStore>, TestDatabase) {
    let (_, database) = migrated().await;
    (Arc::new(PgMetricStore::connect(&database.url()).unwrap()), database)
}

federation_testkit::metric_store_contract!(fresh_store);

#[tokio::test]
async fn a_row_without_a_value_hides_no_other() {
    let (store, database) = fresh_store().await;
    let insert = "
        CREATE TABLE by_hand PARTITION OF project_metrics DEFAULT;
        INSERT INTO project_metrics (project_id, metric_type, value_number, observed_at, until_at,
                                     window_at, samples, is_constant, source)
        SELECT 1, metric, value, now(), now(), date_trunc('minute', now()), 1, true, 'http'
        FROM (VALUES ('a', 1.0::float8), ('b', NULL), ('C', 2), ('d', 'NaN')) AS v (metric, value)";
    by_hand(&database).await.batch_execute(insert).await.unwrap();
    let newest = store.newest_runs(&[ProjectId(1)]).await.unwrap();
    assert_eq!(newest.iter().map(|run| run.metric.as_str()).collect::<Vec<_>>(), ["a"]);
}

#[tokio::test]
async fn an_unreachable_server_is_an_outage() {
    let store = PgMetricStore::connect("postgres://localhost:1/none").unwrap();
    let error = store.delete_runs(Tier::Fine, OffsetDateTime::UNIX_EPOCH).await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
}
