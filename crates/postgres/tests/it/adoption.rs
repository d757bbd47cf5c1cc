//! Adoption of the database of the Python service.

use federation_domain::{CatalogStore, Origin, ProjectStatus};
use federation_postgres::PgStore;
use federation_testkit::TestDatabase;
use federation_testkit::contract::samples::{moment, registration};

use crate::schema::{assert_declared, live};
use crate::world::by_hand;

/// Tables as the Python service creates them. Its versions used different types for `tags`.
fn python_tables(tags: &str) -> String {
    format!(
        "CREATE TYPE project_status AS ENUM ('online', 'offline', 'degraded');
         CREATE TABLE projects (
             id SERIAL PRIMARY KEY,
             slug VARCHAR(50) NOT NULL,
             name VARCHAR(200) NOT NULL,
             hub_url VARCHAR(500) NOT NULL,
             mesh_namespace VARCHAR(100) NOT NULL,
             status project_status NOT NULL,
             tags {tags} NOT NULL DEFAULT '[]',
             last_heartbeat_at TIMESTAMP WITH TIME ZONE,
             created_at TIMESTAMP WITH TIME ZONE DEFAULT now(),
             updated_at TIMESTAMP WITH TIME ZONE DEFAULT now()
         );
         CREATE UNIQUE INDEX ix_projects_slug ON projects (slug);
         CREATE INDEX ix_projects_status ON projects (status);
         ALTER TABLE projects ALTER COLUMN mesh_namespace DROP NOT NULL,
                              ALTER COLUMN tags DROP NOT NULL;
         INSERT INTO projects (slug, name, hub_url, mesh_namespace, status, tags,
                               last_heartbeat_at, created_at, updated_at)
         VALUES ('full', 'Full', 'http://localhost:8000', 'hub.full', 'online', '[\"a\", \"ü\"]',
                 '2026-11-23T14:41:13.511326Z', '2026-11-20T00:00:00Z', '2026-11-21T00:00:00Z'),
                ('bare', 'Bare', 'http://localhost:8001', NULL, 'degraded', NULL,
                 NULL, NULL, NULL);"
    )
}

async fn adopted(tags: &str) -> (PgStore, TestDatabase) {
    let database = TestDatabase::create().await;
    by_hand(&database).await.batch_execute(&python_tables(tags)).await.unwrap();
    let store = PgStore::connect(&database.url()).unwrap();
    store.migrate().await.unwrap();
    (store, database)
}

#[tokio::test]
async fn adoption_keeps_the_projects_of_the_python_service() {
    for tags in ["JSON", "JSONB"] {
        let (store, _database) = adopted(tags).await;
        let snapshot = store.load().await.unwrap();
        assert_eq!(snapshot.corrupt_rows, 0);
        let [full, bare] = &snapshot.projects[..] else { panic!("{snapshot:?}") };
        assert_eq!((full.id.0, full.slug.as_str()), (1, "full"));
        assert_eq!(full.status, ProjectStatus::Online);
        assert_eq!(full.tags.iter().collect::<Vec<_>>(), ["a", "ü"]);
        let heard = time::macros::datetime!(2026-11-23 14:41:13.511_326 UTC);
        assert_eq!((full.last_heartbeat_at, full.last_heartbeat_source), (Some(heard), None));
        assert_eq!((bare.mesh_namespace.clone(), bare.tags.iter().len()), (None, 0));
        assert_eq!(bare.status, ProjectStatus::Degraded);
    }
}

#[tokio::test]
async fn an_adopted_database_has_the_declared_schema() {
    for tags in ["JSON", "JSONB"] {
        let (_store, database) = adopted(tags).await;
        assert_declared(&live(&database).await);
    }
}

#[tokio::test]
async fn an_adopted_database_accepts_new_projects_and_updates() {
    let (store, database) = adopted("JSON").await;
    let batch = [registration("bare").into(), registration("new").into()];
    let registered = store.register(&batch, Origin::File, moment(0)).await.unwrap();
    assert_eq!(registered.iter().map(|r| r.project.id.0).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(registered[0].project.status, ProjectStatus::Degraded);
    assert_eq!(store.load().await.unwrap().projects.len(), 3);
    let indexes = "SELECT count(*) FROM pg_indexes WHERE tablename = 'projects'";
    let count: i64 = by_hand(&database).await.query_one(indexes, &[]).await.unwrap().get(0);
    assert_eq!(count, 3, "existing indexes are used and not duplicated");
}

#[tokio::test]
async fn reverting_all_migrations_keeps_the_projects_of_the_python_service() {
    let (store, database) = adopted("JSON").await;
    store.register(&[registration("new").into()], Origin::File, moment(0)).await.unwrap();
    let client = by_hand(&database).await;
    for down in [
        include_str!("../../../../migrations/postgres/2026-11-29-000023_instance_facts/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-29-000022_actions/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-29-000021_outbox/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-29-000020_incidents/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-28-000010_project_metrics/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-28-000003_uptime/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-24-000006_auto_registered/down.sql"),
        include_str!("../../../../migrations/postgres/2026-11-24-000005_edges/down.sql"),
        include_str!(
            "../../../../migrations/postgres/2026-11-24-000002_listening_periods/down.sql"
        ),
        include_str!("../../../../migrations/postgres/2026-11-24-000001_catalog/down.sql"),
    ] {
        client.batch_execute(down).await.unwrap();
    }
    client.batch_execute("DELETE FROM __diesel_schema_migrations").await.unwrap();
    let row = client.query_one("SELECT count(*), max(id) FROM projects", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1)), (3, 3));
    store.migrate().await.unwrap();
    assert_eq!(store.load().await.unwrap().projects.len(), 3);
}
