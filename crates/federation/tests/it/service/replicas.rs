//! Several replicas on one Postgres and one NATS server.

use std::io::{BufRead as _, BufReader};
use std::time::Duration;

use federation_testkit::{NatsServer, TestDatabase};

use super::process::{COMMANDCENTER, QUICK, Service, age, federation, folder, until};

/// Longer than the threshold of 3 s.
const LONG: Duration = Duration::from_secs(5);

struct Fleet {
    nats: NatsServer,
    database: TestDatabase,
    folder: tempfile::TempDir,
}

impl Fleet {
    async fn new() -> Self {
        let (nats, database) = (NatsServer::start().await, TestDatabase::create().await);
        Self { nats, database, folder: folder(COMMANDCENTER) }
    }

    fn replica(&self) -> Service {
        let (database, nats) = (self.database.url(), self.nats.url());
        let settings = [("DATABASE_URL", database.as_str()), ("NATS_URL", &nats), QUICK];
        Service::ready(self.folder.path(), &settings)
    }
}

fn knows(service: &Service, slug: &str) -> bool {
    service.get(&format!("/api/fed/projects/{slug}")).0 == 200
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_learn_of_registrations_and_removals_within_two_seconds() {
    let mut fleet = Fleet::new().await;
    let (one, other) = (fleet.replica(), fleet.replica());
    assert_eq!(one.register("docs"), 201);
    let (_, told) =
        until("the other replica knows the project", || knows(&other, "docs").then_some(()));
    fleet.nats.stop();
    assert_eq!(other.register("wiki"), 201);
    let (_, found) =
        until("the first replica knows the project", || knows(&one, "wiki").then_some(()));
    assert_eq!(one.remove("docs"), 204);
    until("the other replica forgets the project", || (!knows(&other, "docs")).then_some(()));
    assert!(told < Duration::from_secs(2) && found < Duration::from_secs(2), "{told:?} {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_heartbeat_at_one_replica_counts_at_all() {
    let fleet = Fleet::new().await;
    let (one, other) = (fleet.replica(), fleet.replica());
    assert_eq!(one.beat("commandcenter"), 204);
    other.until_status("commandcenter", "online");
    let first = other.last_heartbeat("commandcenter");
    until("the other replica hears heartbeats for longer than the threshold of 3 s", || {
        assert_eq!(other.status("commandcenter"), "online");
        let last = other.last_heartbeat("commandcenter");
        // Heartbeats are sent every half interval.
        if age(last) > Duration::from_millis(500) {
            assert_eq!(one.beat("commandcenter"), 204);
        }
        (last - first > LONG).then_some(())
    });
    one.kill();
    other.until_status("commandcenter", "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_found_by_all_replicas_is_logged_once() {
    let fleet = Fleet::new().await;
    let replicas = [fleet.replica(), fleet.replica(), fleet.replica()];
    assert_eq!(replicas[0].beat("commandcenter"), 204);
    for replica in &replicas {
        replica.until_status("commandcenter", "online");
    }
    for replica in &replicas {
        replica.until_status("commandcenter", "offline");
        replica.until_nothing_waits();
    }
    let history = replicas[1].get("/api/fed/projects/commandcenter/history").1;
    let changes = history["changes"].as_array().unwrap();
    let statuses: Vec<_> =
        changes.iter().rev().map(|change| change["to"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["offline", "online", "degraded", "offline"], "{history}");
}

/// Changes the database as a newer version does when its first replica starts: it adds columns and a
/// migration, and writes entries of kinds and entities that this version does not know.
const NEWER_VERSION: &str = r#"
    ALTER TABLE projects ADD COLUMN colour text NOT NULL DEFAULT 'red';
    ALTER TABLE changes ADD COLUMN trace text;
    ALTER TABLE catalog_state ADD COLUMN note text NOT NULL DEFAULT '';
    INSERT INTO __diesel_schema_migrations (version) VALUES ('20991231000001');
    BEGIN;
    INSERT INTO changes (revision, at, entity, key, kind, payload, actor, trace)
    SELECT revision + 1, now(), 'project', 'commandcenter', 'painted', '{"to": "blue"}', 'env-1', 't'
    FROM catalog_state FOR UPDATE;
    INSERT INTO changes (revision, at, entity, key, kind, payload, actor)
    SELECT revision + 2, now(), 'flag', 'f', 'raised', '[]', 'service' FROM catalog_state;
    UPDATE catalog_state SET revision = revision + 2;
    COMMIT"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_goes_on_while_a_newer_version_shares_its_database() {
    let fleet = Fleet::new().await;
    let (one, other) = (fleet.replica(), fleet.replica());
    let mut events = BufReader::new(other.send("/api/fed/events"));
    fleet.database.execute(NEWER_VERSION).await;
    assert_eq!(one.register("docs"), 201);
    until("the other replica knows the project", || knows(&other, "docs").then_some(()));
    assert_eq!(one.beat("commandcenter"), 204);
    other.until_status("commandcenter", "online");
    let mut names = Vec::new();
    while names.last().is_none_or(|name| name != "status_changed") {
        let mut line = String::new();
        events.read_line(&mut line).unwrap();
        names.extend(line.strip_prefix("event: ").map(|name| name.trim().to_owned()));
    }
    assert_eq!(names, ["ready", "painted", "flag.raised", "registered", "status_changed"]);
    let history = other.get("/api/fed/projects/commandcenter/history").1;
    let painted = &history["changes"][1];
    assert_eq!((&painted["kind"], &painted["payload"]["to"]), (&"painted".into(), &"blue".into()));
    assert_eq!(one.remove("docs"), 204);
    let (database, nats) = (fleet.database.url(), fleet.nats.url());
    let settings = [("DATABASE_URL", database.as_str()), ("NATS_URL", &nats)];
    for auto_migrate in ["true", "false"] {
        let mut serve = federation(fleet.folder.path());
        serve
            .arg("serve")
            .envs(settings)
            .env("SERVICE_PORT", "0")
            .env("AUTO_MIGRATE", auto_migrate);
        let refused = serve.output().unwrap();
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success(), "{said}");
        assert!(said.contains("schema version 20991231000001, which is newer than 2026"), "{said}");
    }
}
