//! Rows that another program or a person wrote.

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use federation_domain::{
    Actor, CatalogStore, Checkpoint, CheckpointStore, Origin, Outcome, Precondition, Project,
    ProjectId, ProjectStatus, RegistrationDraft, RegistrationWrite, Slug, StoreError, WriteMode,
};
use federation_testkit::contract::samples::{draft, mark, moment, registration, transition};
use tempfile::TempDir;

use crate::world::{by_hand, migrated};

diesel::table! {
    projects (id) {
        id -> BigInt,
        status -> Text,
        hub_url -> Text,
        tags -> Nullable<Text>,
    }
}

/// A bad row for each required column. The file accepts all of them.
const BAD_ROWS: [(&str, &str, &str); 4] = [
    ("name", "' '", "blank"),
    ("hub_url", "'javascript:alert(1)'", "scheme"),
    ("created_at", "'yesterday'", "time"),
    ("last_heartbeat_at", "'infinity'", "heard"),
];

/// A row for each bad value of an optional column.
const ODD_ROWS: [(&str, &str, &str); 14] = [
    ("mesh_namespace", "'hub.*'", "wildcard"),
    ("tags", r#"'["\ud800"]'"#, "lone-surrogate"),
    ("tags", r#"'["\u0000"]'"#, "nul"),
    ("tags", r#"'{"a": 1}'"#, "object"),
    ("tags", "'[1, 2]'", "numbers"),
    ("tags", r#"'"python"'"#, "no-list"),
    ("tags", r#"'["a", "a"]'"#, "doubled"),
    ("tags", r#"'[""]'"#, "empty-tag"),
    ("tags", r#"'["' || printf('%051d', 0) || '"]'"#, "long-tag"),
    (
        "tags",
        "(WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 51)
          SELECT json_group_array('t' || i) FROM n)",
        "fifty-one",
    ),
    ("heartbeat_interval_ms", "-5", "negative"),
    ("allow_fanout", r#"'[""]'"#, "fanout"),
    ("last_heartbeat_source", "'pigeon'", "source"),
    ("reports", "'[7]'", "reports"),
];

fn write(folder: &TempDir, slug: &str) {
    let insert = format!(
        "INSERT INTO projects (slug, name, hub_url, created_at, updated_at)
         VALUES ('{slug}', 'By hand', 'http://h', '2026-11-24T12:00:00Z', '2026-11-24T12:00:00Z')"
    );
    by_hand(folder).batch_execute(&insert).unwrap();
}

fn write_bad_rows(folder: &TempDir) {
    write_rows(folder, &BAD_ROWS);
}

fn write_rows(folder: &TempDir, rows: &[(&str, &str, &str)]) {
    for (column, value, slug) in rows {
        write(folder, slug);
        let update = format!("UPDATE projects SET {column} = {value} WHERE slug = '{slug}'");
        by_hand(folder).batch_execute(&update).unwrap();
    }
}

#[tokio::test]
async fn bad_rows_do_not_hide_others() {
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
async fn find_leaves_out_bad_rows() {
    let (store, folder) = migrated().await;
    write(&folder, "good");
    write_bad_rows(&folder);
    let slugs = BAD_ROWS.map(|(_, _, slug)| slug).into_iter().chain(["good"]);
    let slugs: Vec<_> = slugs.map(|slug| Slug::parse(slug).unwrap()).collect();
    assert_eq!(store.find(&slugs).await.unwrap(), store.load().await.unwrap().projects);
}

#[tokio::test]
async fn a_registration_by_heartbeat_does_not_change_a_bad_row() {
    let (store, folder) = migrated().await;
    write_bad_rows(&folder);
    write_rows(&folder, &ODD_ROWS);
    let columns = (projects::id, projects::status, projects::hub_url, projects::tags);
    let all = || {
        let rows = projects::table.select(columns).order(projects::id);
        rows.load::<(i64, String, String, Option<String>)>(&mut by_hand(&folder)).unwrap()
    };
    let before = all();
    let slugs = BAD_ROWS.iter().chain(&ODD_ROWS).map(|(_, _, slug)| *slug);
    let batch: Vec<_> = slugs.map(registration).map(RegistrationWrite::from).collect();
    let introduced = store.register(&batch, Origin::Heartbeat, moment(1)).await.unwrap();
    for (introduced, asked) in introduced.iter().zip(&batch) {
        assert_eq!((&introduced.project.slug, &introduced.change), (asked.slug(), &None));
    }
    assert_eq!(all(), before);
    assert_eq!(store.load().await.unwrap().revision.0, 0);
}

#[tokio::test]
async fn a_bad_optional_column_reads_as_empty_and_stays_as_it_is() {
    let (store, folder) = migrated().await;
    write(&folder, "plain");
    let plain = store.load().await.unwrap().projects.remove(0);
    write_rows(&folder, &ODD_ROWS);
    let snapshot = store.load().await.unwrap();
    assert_eq!((snapshot.corrupt_rows, snapshot.projects.len()), (0, ODD_ROWS.len() + 1));
    for project in snapshot.projects {
        let expected = Project { id: project.id, slug: project.slug.clone(), ..plain.clone() };
        assert_eq!(project, expected);
        let online = transition(&project, ProjectStatus::Online, moment(1));
        let outcome = store.commit(&[online]).await.unwrap().remove(0);
        assert!(matches!(outcome, Outcome::Accepted(Some(_))), "{outcome:?}");
    }
    let tags = projects::table.select(projects::tags).filter(projects::tags.is_not_null());
    assert_eq!(tags.load::<Option<String>>(&mut by_hand(&folder)).unwrap().len(), 9);
}

#[tokio::test]
async fn a_row_of_nulls_is_a_project_without_tags_and_namespace() {
    let (store, folder) = migrated().await;
    write(&folder, "bare");
    let project = store.load().await.unwrap().projects.remove(0);
    assert_eq!(project.status, ProjectStatus::Offline);
    assert_eq!((project.tags.iter().len(), project.mesh_namespace), (0, None));
}

#[tokio::test]
async fn a_registration_repairs_a_bad_row_once() {
    let (store, folder) = migrated().await;
    write_bad_rows(&folder);
    write_rows(&folder, &ODD_ROWS);
    write(&folder, "label");
    let status = "PRAGMA ignore_check_constraints = ON;
                  UPDATE projects SET status = 'retired' WHERE slug = 'label'";
    by_hand(&folder).batch_execute(status).unwrap();
    for (_, _, slug) in BAD_ROWS.iter().chain(&ODD_ROWS).chain([&("", "", "label")]) {
        let plain = RegistrationDraft { slug: (*slug).to_owned(), tags: Vec::new(), ..draft() };
        let plain = plain.parse().unwrap();
        let batch = [plain.clone().into(), plain.into()];
        let registered = store.register(&batch, Origin::File, moment(0)).await.unwrap();
        assert!(registered[0].change.is_some() && registered[1].change.is_none(), "{slug}");
        let again = store.register(&batch[..1], Origin::File, moment(1)).await.unwrap().remove(0);
        assert_eq!((again.change, &again.project), (None, &registered[0].project), "{slug}");
        assert_eq!(again.project.status, ProjectStatus::Offline);
    }
    let snapshot = store.load().await.unwrap();
    assert_eq!((snapshot.corrupt_rows, snapshot.projects.len()), (0, 19));
}

/// Returns the projects of the bad rows, as known to a replica that read the rows while they were
/// valid.
fn remembered(good: &Project) -> impl Iterator<Item = Project> {
    BAD_ROWS.iter().zip(good.id.0 + 1..).map(|((_, _, slug), id)| Project {
        id: ProjectId(id),
        slug: Slug::parse(slug).unwrap(),
        ..good.clone()
    })
}

#[tokio::test]
async fn a_transition_of_a_bad_row_is_committed_with_the_batch() {
    let (store, folder) = migrated().await;
    write(&folder, "good");
    let good = store.load().await.unwrap().projects.remove(0);
    write_bad_rows(&folder);
    let projects: Vec<_> = remembered(&good).chain([good.clone()]).collect();
    let online = |p: &Project| transition(p, ProjectStatus::Online, moment(1));
    let outcomes = store.commit(&projects.iter().map(online).collect::<Vec<_>>()).await.unwrap();
    for (outcome, project) in outcomes.iter().zip(&projects) {
        let Outcome::Accepted(Some(change)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(change.slug, project.slug);
    }
    let online = projects::table.filter(projects::status.eq("online"));
    assert_eq!(online.count().get_result::<i64>(&mut by_hand(&folder)).unwrap(), 5);
    assert_eq!(store.load().await.unwrap().corrupt_rows, 3, "the heartbeat is repaired");
}

#[tokio::test]
async fn a_stale_transition_of_a_bad_row_receives_its_status_and_heartbeat() {
    let (store, folder) = migrated().await;
    write(&folder, "good");
    let good = store.load().await.unwrap().projects.remove(0);
    write_bad_rows(&folder);
    let bad = remembered(&good).find(|project| project.slug.as_str() == "scheme").unwrap();
    let heard = Checkpoint { heartbeats: vec![mark(&bad, moment(5))], ..Checkpoint::default() };
    store.checkpoint(&heard).await.unwrap();
    let deaf = transition(&bad, ProjectStatus::Degraded, moment(6));
    let outcomes = store.commit(&[deaf]).await.unwrap();
    let [Outcome::Stale(known)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((known.id, &known.slug, known.status), (bad.id, &bad.slug, ProjectStatus::Offline));
    assert_eq!(known.last_heartbeat_at, Some(moment(5)));
    let stored = projects::table.find(bad.id.0).select((projects::status, projects::hub_url));
    let stored: (String, String) = stored.first(&mut by_hand(&folder)).unwrap();
    assert_eq!(stored, ("offline".to_owned(), "javascript:alert(1)".to_owned()));
    assert_eq!(store.load().await.unwrap().revision.0, 0);
}

#[tokio::test]
async fn a_bad_row_can_be_removed() {
    let (store, folder) = migrated().await;
    write_bad_rows(&folder);
    for (_, _, slug) in BAD_ROWS {
        let removed = store
            .remove(&Slug::parse(slug).unwrap(), &Precondition::Always, &Actor::API, moment(1))
            .await
            .unwrap();
        assert!(removed.is_some(), "{slug}");
    }
}

#[tokio::test]
async fn a_bad_row_counts_as_missing_for_a_precondition() {
    let (store, folder) = migrated().await;
    write_bad_rows(&folder);
    for (_, _, slug) in BAD_ROWS {
        let one = |only_if| [RegistrationWrite::new(WriteMode::Merge(registration(slug)), only_if)];
        let (at, by) = (moment(1), Origin::Api);
        let refused = store.register(&one(Precondition::Present), by, at).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::PreconditionFailed(refusal) if refusal.stored.is_none())
        );
        let slug = Slug::parse(slug).unwrap();
        let refused =
            store.remove(&slug, &Precondition::Present, &Actor::API, at).await.unwrap_err();
        assert!(
            matches!(refused, StoreError::PreconditionFailed(refusal) if refusal.stored.is_none())
        );
        store.register(&one(Precondition::Absent), by, at).await.unwrap();
        let again = store.register(&one(Precondition::Absent), by, at).await.unwrap();
        assert!(again[0].change.is_none(), "a repeated write changes nothing");
    }
    assert_eq!(store.load().await.unwrap().corrupt_rows, 0);
}

#[tokio::test]
async fn the_file_rejects_an_unknown_status_and_invalid_json() {
    let (_store, folder) = migrated().await;
    write(&folder, "a");
    for bad in ["status = 'Online'", "status = NULL", "tags = 'a, b'", "id = 'x'", "slug = ''"] {
        let update = format!("UPDATE projects SET {bad}");
        assert!(by_hand(&folder).batch_execute(&update).is_err(), "{bad}");
    }
}
