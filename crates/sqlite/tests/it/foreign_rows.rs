//! Rows that another program or a person wrote.

use diesel::connection::SimpleConnection;
use federation_domain::{CatalogStore, Origin, Outcome, Project, ProjectId, ProjectStatus, Slug};
use federation_testkit::contract::samples::{moment, registration, transition};
use tempfile::TempDir;

use crate::world::{by_hand, migrated};

/// A row of its own for each column that can go wrong, none of which the file refuses.
const BAD_ROWS: [(&str, &str, &str); 8] = [
    ("name", "' '", "blank"),
    ("hub_url", "'javascript:alert(1)'", "scheme"),
    ("mesh_namespace", "'hub.*'", "wildcard"),
    ("tags", r#"'["\ud800"]'"#, "lone-surrogate"),
    ("tags", r#"'{"a": 1}'"#, "object"),
    ("heartbeat_interval_ms", "-5", "negative"),
    ("created_at", "'yesterday'", "time"),
    ("last_heartbeat_source", "'pigeon'", "source"),
];

fn write(folder: &TempDir, slug: &str) {
    let insert = format!(
        "INSERT INTO projects (slug, name, hub_url, created_at, updated_at)
         VALUES ('{slug}', 'By hand', 'http://h', '2026-11-24T12:00:00Z', '2026-11-24T12:00:00Z')"
    );
    by_hand(folder).batch_execute(&insert).unwrap();
}

fn write_bad_rows(folder: &TempDir) {
    for (column, value, slug) in BAD_ROWS {
        write(folder, slug);
        let update = format!("UPDATE projects SET {column} = {value} WHERE slug = '{slug}'");
        by_hand(folder).batch_execute(&update).unwrap();
    }
}

#[tokio::test]
async fn bad_rows_never_hide_the_others() {
    let (store, folder) = migrated().await;
    write(&folder, "first");
    write_bad_rows(&folder);
    write(&folder, "last");
    let snapshot = store.load().await.unwrap();
    let slugs: Vec<_> = snapshot.projects.iter().map(|project| project.slug.as_str()).collect();
    assert_eq!(slugs, ["first", "last"]);
    assert_eq!(snapshot.corrupt_rows, BAD_ROWS.len());
}

#[tokio::test]
async fn a_row_with_nothing_in_it_is_a_project_without_tags_and_namespace() {
    let (store, folder) = migrated().await;
    write(&folder, "bare");
    let project = store.load().await.unwrap().projects.remove(0);
    assert_eq!(project.status, ProjectStatus::Offline);
    assert_eq!((project.tags.iter().len(), project.mesh_namespace), (0, None));
}

#[tokio::test]
async fn registering_mends_what_it_replaces() {
    let (store, folder) = migrated().await;
    write_bad_rows(&folder);
    for slug in ["blank", "scheme", "wildcard", "lone-surrogate", "object"] {
        let batch = [registration(slug), registration(slug)];
        let registered = store.register(&batch, Origin::Api, moment(0)).await.unwrap();
        assert!(registered[0].change.is_some() && registered[1].change.is_none());
    }
    assert_eq!(store.load().await.unwrap().corrupt_rows, 3);
    let error = store.register(&[registration("time")], Origin::Api, moment(0)).await.unwrap_err();
    assert!(error.to_string().contains("projects.created_at of row 7"), "{error}");
}

#[tokio::test]
async fn a_bad_row_does_not_hold_up_a_batch_and_can_be_removed() {
    let (store, folder) = migrated().await;
    write(&folder, "good");
    let good = store.load().await.unwrap().projects.remove(0);
    write_bad_rows(&folder);
    let bad = Project { id: ProjectId(good.id.0 + 1), ..good.clone() };
    let batch = [&bad, &good].map(|p| transition(p, ProjectStatus::Online, moment(1)));
    let outcomes = store.commit(&batch).await.unwrap();
    assert_eq!(outcomes[0], Outcome::Gone);
    assert!(matches!(outcomes[1], Outcome::Accepted(Some(_))));
    for (_, _, slug) in BAD_ROWS {
        let removed = store.remove(&Slug::parse(slug).unwrap(), moment(1)).await.unwrap();
        assert!(removed.is_some(), "{slug}");
    }
}

#[tokio::test]
async fn the_file_refuses_a_status_that_does_not_exist_and_json_that_is_none() {
    let (_store, folder) = migrated().await;
    write(&folder, "a");
    for bad in ["status = 'Online'", "status = NULL", "tags = 'a, b'", "id = 'x'", "slug = ''"] {
        let update = format!("UPDATE projects SET {bad}");
        assert!(by_hand(&folder).batch_execute(&update).is_err(), "{bad}");
    }
}
