use std::time::Duration;

use federation_testkit::TestDatabase;
use serde_json::Value;

use super::process::{COMMANDCENTER, QUICK, Service, age, folder, now, until};

/// Checks that acknowledged writes and statuses survive a kill.
fn a_kill_loses_nothing(database: &str) {
    let folder = folder(COMMANDCENTER);
    let settings = [("DATABASE_URL", database)];
    let service = Service::ready(folder.path(), &settings);
    for n in 0..20 {
        assert_eq!(service.register(&format!("p{n}")), 201);
    }
    assert_eq!(service.beat("p7"), 204);
    assert_eq!(service.status("p7"), "online");
    // The response does not wait for the store.
    service.until_nothing_waits();
    let before = without_heartbeat(service.get("/api/fed/projects").1);
    service.kill();
    let service = Service::ready(folder.path(), &settings);
    assert_eq!(without_heartbeat(service.get("/api/fed/projects").1), before);
    assert_eq!(service.status("p7"), "online");
    assert!(service.terminate().success());
}

/// Removes the newest heartbeats, which a kill may lose before the next checkpoint.
fn without_heartbeat(mut projects: Value) -> Value {
    for project in projects.as_array_mut().unwrap() {
        project["last_heartbeat_at"].take();
        *project = stored(project.take());
    }
    projects
}

/// Removes `status_known`, which ends with the process.
fn stored(mut project: Value) -> Value {
    project["status_known"].take();
    project
}

#[test]
fn a_kill_loses_nothing_on_sqlite() {
    a_kill_loses_nothing("sqlite:federation.db");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_loses_nothing_on_postgres() {
    let database = TestDatabase::create().await;
    let url = database.url();
    tokio::task::spawn_blocking(move || a_kill_loses_nothing(&url)).await.unwrap();
}

#[test]
fn a_clean_stop_keeps_the_newest_heartbeat() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[]);
    service.beat("commandcenter");
    let before = stored(service.get("/api/fed/projects/commandcenter").1);
    assert!(service.terminate().success());
    let service = Service::ready(folder.path(), &[]);
    assert_eq!(stored(service.get("/api/fed/projects/commandcenter").1), before);
}

#[test]
fn an_endless_request_does_not_delay_the_stop() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[]);
    let _half = service.post_half();
    assert!(service.terminate().success());
}

#[test]
fn a_pause_does_not_count_as_silence() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[QUICK]);
    service.beat("commandcenter");
    let heartbeat = service.last_heartbeat("commandcenter");
    service.signal("-STOP");
    until("the heartbeat is older than the threshold of 3 s", || {
        (age(heartbeat) > Duration::from_secs(5)).then_some(())
    });
    service.signal("-CONT");
    assert_eq!(service.status("commandcenter"), "online");
    let took = service.until_status("commandcenter", "offline");
    assert!(took > Duration::from_millis(1_500), "offline only after {took:?} of listening");
}

#[test]
fn frequent_short_pauses_do_not_keep_a_dead_project_online() {
    let folder = folder(COMMANDCENTER);
    let service = Service::ready(folder.path(), &[QUICK]);
    service.beat("commandcenter");
    let wait = |time| {
        let begun = now();
        until("time passes", || (begun.elapsed() > time).then_some(()));
    };
    // Less than 1.5 intervals of listening between two pauses, five times.
    let mut status = String::new();
    for _ in 0..5 {
        service.signal("-STOP");
        wait(Duration::from_millis(1_500));
        service.signal("-CONT");
        wait(Duration::from_millis(750));
        status = service.status("commandcenter");
    }
    assert_eq!(status, "offline", "the threshold is 3 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_can_start_together_on_a_new_database() {
    let database = TestDatabase::create().await;
    let folder = folder(COMMANDCENTER);
    let url = database.url();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let service = Service::ready(folder.path(), &[("DATABASE_URL", &url)]);
                let (_, projects) = service.get("/api/fed/projects");
                assert_eq!(projects.as_array().unwrap().len(), 1);
            });
        }
    });
}
