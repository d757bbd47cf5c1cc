//! Several processes on one Postgres and one NATS.

use std::time::Duration;

use federation_testkit::{NatsServer, TestDatabase};

use super::process::{COMMANDCENTER, QUICK, Service, folder, until};

/// Longer than the threshold of 3 s: who is not heard for so long is offline.
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
async fn what_one_replica_registers_and_removes_the_others_know_within_two_seconds() {
    let mut fleet = Fleet::new().await;
    let (one, other) = (fleet.replica(), fleet.replica());
    assert_eq!(one.register("docs"), 201);
    let (_, told) = until("the other knows", || knows(&other, "docs").then_some(()));
    fleet.nats.stop();
    assert_eq!(other.register("wiki"), 201);
    let (_, found) = until("the one knows", || knows(&one, "wiki").then_some(()));
    assert_eq!(one.remove("docs"), 204);
    until("the other forgot", || (!knows(&other, "docs")).then_some(()));
    assert!(told < Duration::from_secs(2) && found < Duration::from_secs(2), "{told:?} {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_heartbeat_over_http_at_one_counts_at_all() {
    let fleet = Fleet::new().await;
    let (one, other) = (fleet.replica(), fleet.replica());
    let begun = super::process::now();
    while begun.elapsed() < LONG {
        assert_eq!(one.beat("commandcenter"), 204);
        other.until_status("commandcenter", "online");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(other.status("commandcenter"), "online");
    one.kill();
    other.until_status("commandcenter", "offline");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_all_replicas_find_is_logged_once() {
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
