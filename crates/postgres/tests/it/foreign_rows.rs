//! Rows that another program or a person wrote.

use std::sync::{Arc, Mutex};

use federation_domain::{
    Actor, CatalogStore, Checkpoint, CheckpointStore, Origin, Outcome, Precondition, Project,
    ProjectId, ProjectStatus, RegistrationDraft, RegistrationWrite, Slug, StoreError, WriteMode,
};
use federation_testkit::contract::samples::{draft, mark, moment, registration, transition};
use tokio_postgres::Client;

use crate::world::{by_hand, migrated};

/// A bad row for each required column. The database accepts all of them.
const BAD_ROWS: [(&str, &str, &str); 5] = [
    ("name", "''", "blank"),
    ("hub_url", "'javascript:alert(1)'", "scheme"),
    ("last_heartbeat_at", "'infinity'", "infinity"),
    ("created_at", "'-infinity'", "ever"),
    ("status", "'retired'", "label"),
];

/// A row for each bad value of an optional column.
const ODD_ROWS: [(&str, &str, &str); 15] = [
    ("mesh_namespace", "'hub.*'", "wildcard"),
    ("tags", r#"'["\ud800"]'"#, "lone-surrogate"),
    ("tags", r#"'["\u0000"]'"#, "nul"),
    ("tags", r#"'{"a": 1}'"#, "object"),
    ("tags", "'1e999'", "huge-number"),
    ("tags", "'[1, 2]'", "numbers"),
    ("tags", r#"'"python"'"#, "no-list"),
    ("tags", r#"'["a", "a"]'"#, "doubled"),
    ("tags", r#"'[""]'"#, "empty-tag"),
    ("tags", "json_build_array(repeat('t', 51))", "long-tag"),
    ("tags", "(SELECT json_agg('t' || n) FROM generate_series(1, 51) AS n)", "fifty-one"),
    ("heartbeat_interval_ms", "-5", "negative"),
    ("allow_fanout", r#"'[""]'"#, "fanout"),
    ("last_heartbeat_source", "'pigeon'", "source"),
    ("reports", "'[7]'", "reports"),
];

async fn write_bad_rows(client: &Client) {
    client.batch_execute("ALTER TYPE project_status ADD VALUE 'retired'").await.unwrap();
    write_rows(client, &BAD_ROWS).await;
}

async fn write_rows(client: &Client, rows: &[(&str, &str, &str)]) {
    for (column, value, slug) in rows {
        write(client, slug).await;
        let statement = format!("UPDATE projects SET {column} = {value} WHERE slug = '{slug}'");
        client.batch_execute(&statement).await.unwrap();
    }
}

async fn write(client: &Client, slug: &str) {
    let insert = "INSERT INTO projects (slug, name, hub_url) VALUES ($1, 'By hand', 'http://h')";
    client.execute(insert, &[&slug]).await.unwrap();
}

async fn id_of(client: &Client, slug: &str) -> ProjectId {
    let id = "SELECT id FROM projects WHERE slug = $1";
    ProjectId(client.query_one(id, &[&slug]).await.unwrap().get(0))
}

#[tokio::test]
async fn bad_rows_do_not_hide_others() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write(&client, "first").await;
    write_bad_rows(&client).await;
    write(&client, "last").await;
    let snapshot = store.load().await.unwrap();
    let slugs: Vec<_> = snapshot.projects.iter().map(|project| project.slug.as_str()).collect();
    assert_eq!(slugs, ["first", "last"]);
    assert_eq!(snapshot.corrupt_rows, BAD_ROWS.len());
}

#[tokio::test]
async fn find_leaves_out_bad_rows() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write(&client, "good").await;
    write_bad_rows(&client).await;
    let slugs = BAD_ROWS.map(|(_, _, slug)| slug).into_iter().chain(["good"]);
    let slugs: Vec<_> = slugs.map(|slug| Slug::parse(slug).unwrap()).collect();
    assert_eq!(store.find(&slugs).await.unwrap(), store.load().await.unwrap().projects);
}

#[tokio::test]
async fn a_registration_by_heartbeat_does_not_change_a_bad_row() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write_bad_rows(&client).await;
    write_rows(&client, &ODD_ROWS).await;
    let all = "SELECT json_agg(p ORDER BY id)::text FROM projects AS p";
    let before: String = client.query_one(all, &[]).await.unwrap().get(0);
    let slugs = BAD_ROWS.iter().chain(&ODD_ROWS).map(|(_, _, slug)| *slug);
    let batch: Vec<_> = slugs.map(registration).map(RegistrationWrite::from).collect();
    let introduced = store.register(&batch, Origin::Heartbeat, moment(1)).await.unwrap();
    for (introduced, asked) in introduced.iter().zip(&batch) {
        assert_eq!((&introduced.project.slug, &introduced.change), (asked.slug(), &None));
    }
    assert_eq!(client.query_one(all, &[]).await.unwrap().get::<_, String>(0), before);
    assert_eq!(store.load().await.unwrap().revision.0, 0);
}

#[tokio::test]
async fn a_bad_optional_column_reads_as_empty_and_stays_as_it_is() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write(&client, "plain").await;
    let plain = store.load().await.unwrap().projects.remove(0);
    write_rows(&client, &ODD_ROWS).await;
    let snapshot = store.load().await.unwrap();
    assert_eq!((snapshot.corrupt_rows, snapshot.projects.len()), (0, ODD_ROWS.len() + 1));
    for project in snapshot.projects {
        let (id, slug) = (project.id, project.slug.clone());
        let (created_at, updated_at) = (project.created_at, project.updated_at);
        assert_eq!(project, Project { id, slug, created_at, updated_at, ..plain.clone() });
        let online = transition(&project, ProjectStatus::Online, moment(1));
        let outcome = store.commit(&[online]).await.unwrap().remove(0);
        assert!(matches!(outcome, Outcome::Accepted(Some(_))), "{outcome:?}");
    }
    let tags = "SELECT count(*) FROM projects WHERE tags IS NOT NULL";
    assert_eq!(client.query_one(tags, &[]).await.unwrap().get::<_, i64>(0), 10);
}

#[tokio::test]
async fn a_row_of_nulls_is_a_project_without_tags_and_namespace() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write(&client, "bare").await;
    client.batch_execute("UPDATE projects SET tags = NULL, reports = 'null'").await.unwrap();
    let project = store.load().await.unwrap().projects.remove(0);
    assert_eq!(project.status, ProjectStatus::Offline);
    assert_eq!((project.tags.iter().len(), project.mesh_namespace), (0, None));
    assert_eq!(project.allow_fanout.iter().len(), 0);
}

#[tokio::test]
async fn a_registration_repairs_a_bad_row_once() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write_bad_rows(&client).await;
    write_rows(&client, &ODD_ROWS).await;
    for (_, _, slug) in BAD_ROWS.iter().chain(&ODD_ROWS) {
        let id = id_of(&client, slug).await;
        let plain = RegistrationDraft { slug: (*slug).to_owned(), tags: Vec::new(), ..draft() };
        let plain = plain.parse().unwrap();
        let batch = [plain.clone().into(), plain.into()];
        let registered = store.register(&batch, Origin::File, moment(0)).await.unwrap();
        assert_eq!(registered[0].project.id, id);
        assert!(registered[0].change.is_some() && registered[1].change.is_none(), "{slug}");
        let again = store.register(&batch[..1], Origin::File, moment(1)).await.unwrap().remove(0);
        assert_eq!((again.change, &again.project), (None, &registered[0].project), "{slug}");
        assert_eq!(again.project.status, ProjectStatus::Offline);
    }
    let snapshot = store.load().await.unwrap();
    assert_eq!((snapshot.corrupt_rows, snapshot.projects.len()), (0, 20));
}

/// Returns the project of a bad row, as known to a replica that read the row while it was valid.
async fn remembered(client: &Client, slug: &str, like: &Project) -> Project {
    let id = id_of(client, slug).await;
    Project { id, slug: Slug::parse(slug).unwrap(), ..like.clone() }
}

#[tokio::test]
async fn a_transition_of_a_bad_row_is_committed_with_the_batch() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write(&client, "good").await;
    let good = store.load().await.unwrap().projects.remove(0);
    write_bad_rows(&client).await;
    let mut projects = vec![good.clone()];
    for (_, _, slug) in BAD_ROWS {
        projects.push(remembered(&client, slug, &good).await);
    }
    let online = |p: &Project| transition(p, ProjectStatus::Online, moment(1));
    let outcomes = store.commit(&projects.iter().map(online).collect::<Vec<_>>()).await.unwrap();
    for (outcome, project) in outcomes.iter().zip(&projects) {
        let Outcome::Accepted(Some(change)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(change.slug, project.slug);
    }
    let online = "SELECT count(*) FROM projects WHERE status = 'online'";
    let online: i64 = client.query_one(online, &[]).await.unwrap().get(0);
    assert_eq!(online, 6);
    assert_eq!(store.load().await.unwrap().corrupt_rows, 3, "status and heartbeat are repaired");

    let heartbeats = projects.iter().map(|project| mark(project, moment(2))).collect();
    let heard = Checkpoint { heartbeats, ..Checkpoint::default() };
    store.checkpoint(&heard).await.unwrap();
    assert_eq!(store.load().await.unwrap().projects[0].last_heartbeat_at, Some(moment(2)));
}

#[tokio::test]
async fn a_stale_transition_of_a_bad_row_receives_its_status_and_heartbeat() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write(&client, "good").await;
    let good = store.load().await.unwrap().projects.remove(0);
    write_bad_rows(&client).await;
    let bad = remembered(&client, "scheme", &good).await;
    let heard = Checkpoint { heartbeats: vec![mark(&bad, moment(5))], ..Checkpoint::default() };
    store.checkpoint(&heard).await.unwrap();
    let deaf = transition(&bad, ProjectStatus::Degraded, moment(6));
    let outcomes = store.commit(&[deaf]).await.unwrap();
    let [Outcome::Stale(known)] = outcomes.as_slice() else { panic!("{outcomes:?}") };
    assert_eq!((known.id, &known.slug, known.status), (bad.id, &bad.slug, ProjectStatus::Offline));
    assert_eq!(known.last_heartbeat_at, Some(moment(5)));
    let unchanged = "SELECT count(*) FROM projects
                     WHERE slug = 'scheme' AND status = 'offline' AND hub_url LIKE 'javascript%'";
    let unchanged: i64 = client.query_one(unchanged, &[]).await.unwrap().get(0);
    assert_eq!((unchanged, store.load().await.unwrap().revision.0), (1, 0));
}

#[tokio::test]
async fn a_bad_row_can_be_removed() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write_bad_rows(&client).await;
    for (_, _, slug) in BAD_ROWS {
        let removed = store
            .remove(&Slug::parse(slug).unwrap(), &Precondition::Always, &Actor::API, moment(1))
            .await
            .unwrap();
        assert!(removed.is_some(), "{slug}");
    }
    assert_eq!(store.load().await.unwrap().corrupt_rows, 0);
}

#[tokio::test]
async fn a_bad_row_counts_as_missing_for_a_precondition() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write_bad_rows(&client).await;
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

/// Collects the log.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn an_ignored_value_is_named_in_a_warning() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write_rows(&client, &ODD_ROWS).await;
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false);
    let subscriber = subscriber.with_writer(move || writer.clone()).finish();
    let guard = tracing::subscriber::set_default(subscriber);
    store.load().await.unwrap();
    drop(guard);
    let log = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    assert_eq!(log.matches(" WARN ").count(), ODD_ROWS.len(), "{log}");
    for (column, _, slug) in ODD_ROWS {
        let row = id_of(&client, slug).await.0;
        let name = format!(r#"table="projects" column="{column}" row={row} "#);
        assert!(log.contains(&name), "{name} in {log}");
    }
}
