//! Several replicas on one Postgres and one NATS server.

use std::time::Duration;

use federation_testkit::{NatsServer, TestDatabase};

use super::process::{COMMANDCENTER, QUICK, Service, age, folder, until};

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
