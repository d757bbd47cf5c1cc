//! Rows that another program or a person wrote.

use federation_domain::{
    CatalogStore, Checkpoint, Origin, Outcome, Project, ProjectId, ProjectStatus, Slug,
};
use federation_testkit::contract::samples::{mark, moment, registration, transition};
use tokio_postgres::Client;

use crate::world::{by_hand, migrated};

/// A row of its own for each column that can go wrong, none of which the database refuses.
const BAD_ROWS: [(&str, &str, &str); 9] = [
    ("name", "''", "blank"),
    ("hub_url", "'javascript:alert(1)'", "scheme"),
    ("mesh_namespace", "'hub.*'", "wildcard"),
    ("tags", r#"'["\ud800"]'"#, "lone-surrogate"),
    ("tags", r#"'{"a": 1}'"#, "object"),
    ("tags", "'1e999'", "huge-number"),
    ("heartbeat_interval_ms", "-5", "negative"),
    ("last_heartbeat_at", "'infinity'", "infinity"),
    ("status", "'retired'", "label"),
];

async fn write_bad_rows(client: &Client) {
    client.batch_execute("ALTER TYPE project_status ADD VALUE 'retired'").await.unwrap();
    for (column, value, slug) in BAD_ROWS {
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
async fn bad_rows_never_hide_the_others() {
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
async fn a_row_with_nothing_in_it_is_a_project_without_tags_and_namespace() {
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
async fn registering_mends_what_it_replaces() {
    let (store, database) = migrated().await;
    let client = by_hand(&database).await;
    write_bad_rows(&client).await;
    for slug in ["blank", "scheme", "wildcard", "lone-surrogate", "object", "huge-number"] {
        let id = id_of(&client, slug).await;
        let registration = registration(slug);
        let batch = [registration.clone(), registration];
        let registered = store.register(&batch, Origin::Api, moment(0)).await.unwrap();
        assert_eq!(registered[0].project.id, id);
        assert!(registered[0].change.is_some() && registered[1].change.is_none());
    }
    assert_eq!(store.load().await.unwrap().corrupt_rows, 3);
    let error = store.register(&[registration("label")], Origin::Api, moment(0)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the store holds a value that does not parse: projects.status of row {}",
            id_of(&client, "label").await.0
        )
    );
}

/// The project of a bad row, as who read it while it was good remembers it.
async fn remembered(client: &Client, slug: &str, like: &Project) -> Project {
    let id = id_of(client, slug).await;
    Project { id, slug: Slug::parse(slug).unwrap(), ..like.clone() }
}

#[tokio::test]
async fn bad_rows_do_not_hold_up_a_batch_and_change_their_status_too() {
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
    assert_eq!(online, 10);
    assert_eq!(store.load().await.unwrap().corrupt_rows, 7, "status and heartbeat are mended");

    let heartbeats = projects.iter().map(|project| mark(project, moment(2))).collect();
    let heard = Checkpoint { heartbeats, ..Checkpoint::default() };
    store.checkpoint(&heard).await.unwrap();
    assert_eq!(store.load().await.unwrap().projects[0].last_heartbeat_at, Some(moment(2)));
}

#[tokio::test]
async fn who_knows_less_than_a_bad_row_is_told_its_status_and_heartbeat() {
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
        let removed = store.remove(&Slug::parse(slug).unwrap(), moment(1)).await.unwrap();
        assert!(removed.is_some(), "{slug}");
    }
    assert_eq!(store.load().await.unwrap().corrupt_rows, 0);
}
