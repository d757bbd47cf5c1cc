//! The evaluator and maintenance windows.

use federation_application::MaintenanceError;
use federation_domain::{MaintenanceDraft, MaintenanceId, MaintenanceWindow, WeeklyDraft};

use super::*;

fn draft(project: &str, duration: u64) -> MaintenanceDraft {
    MaintenanceDraft {
        projects: vec![project.to_owned()],
        duration: Some(seconds(duration)),
        reason: "new disks".to_owned(),
        ..MaintenanceDraft::default()
    }
}

impl Watched {
    async fn maintain(&self, draft: &MaintenanceDraft) -> MaintenanceWindow {
        let actor = Actor::parse("key-1");
        self.world.service.maintenance.create(draft, actor).await.unwrap()
    }
}

#[tokio::test]
async fn a_project_that_is_down_when_its_window_ends_opens_an_incident_then() {
    let mut watched = Watched::with(&["db", "web", "other"], &["web/db/api"]).await;
    notify(&watched, Vec::new());
    watched.maintain(&draft("db", 600)).await;
    watched.pass(seconds(590), &["other"]).await;
    assert!(watched.open().is_empty(), "the window covers db, and web because of db");
    assert!(told(&watched).await.is_empty());
    watched.pass(seconds(15), &["other"]).await;
    assert_eq!(watched.open(), ["db: web"]);
    assert_eq!(told(&watched).await, ["1 opened"]);
}

#[tokio::test]
async fn a_project_that_recovers_within_its_window_opens_nothing() {
    let mut watched = Watched::with(&["db"], &[]).await;
    watched.maintain(&draft("db", 600)).await;
    watched.pass(seconds(400), &[]).await;
    watched.pass(seconds(300), &["db"]).await;
    assert!(watched.logged().await.is_empty());
}

#[tokio::test]
async fn a_window_covers_only_the_projects_that_it_names() {
    let mut watched = Watched::with(&["db", "web"], &[]).await;
    watched.maintain(&draft("db", 600)).await;
    watched.pass(seconds(170), &[]).await;
    assert_eq!(watched.open(), ["web: "]);
}

#[tokio::test]
async fn an_incident_resolves_within_a_window_and_is_told() {
    let mut watched = Watched::with(&["db"], &[]).await;
    notify(&watched, Vec::new());
    watched.pass(seconds(170), &[]).await;
    assert_eq!(watched.open(), ["db: "]);
    watched.maintain(&draft("db", 3_600)).await;
    watched.pass(seconds(75), &["db"]).await;
    assert!(watched.open().is_empty());
    assert_eq!(told(&watched).await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn an_open_incident_is_neither_repeated_nor_escalated_within_a_window() {
    let mut watched = Watched::with(&["db"], &[]).await;
    notify(&watched, Vec::new());
    watched.pass(seconds(170), &[]).await;
    let until = 5 * 3_600;
    let window = watched.maintain(&draft("db", until)).await;
    watched.pass(seconds(until - 60), &[]).await;
    assert_eq!(told(&watched).await, ["1 opened"]);
    assert_eq!(watched.logged().await, ["1 opened", "1 affected"]);
    watched.world.service.maintenance.remove(window.id, Actor::API).await.unwrap();
    watched.pass(seconds(120), &[]).await;
    assert_eq!(told(&watched).await, ["1 opened", "1 repeated"]);
    assert_eq!(watched.logged().await, ["1 opened", "1 affected", "1 escalated"]);
}

#[tokio::test]
async fn a_window_of_another_replica_is_known_when_its_entry_arrives() {
    let mut watched = Watched::with(&["db"], &[]).await;
    let other = watched.world.restarted().await;
    let windows = &other.service.maintenance;
    let window = windows.create(&draft("db", 3_600), Actor::API).await.unwrap();
    watched.world.follower.follow().await.unwrap();
    assert_eq!(watched.world.service.maintenance.list().unwrap(), [(window.clone(), true)]);
    watched.pass(seconds(300), &[]).await;
    assert!(watched.open().is_empty());
    windows.remove(window.id, Actor::API).await.unwrap();
    watched.world.follower.follow().await.unwrap();
    assert!(watched.world.service.maintenance.list().unwrap().is_empty());
    let restarted = watched.world.restarted().await;
    assert!(restarted.service.maintenance.list().unwrap().is_empty());
    watched.pass(seconds(10), &[]).await;
    assert_eq!(watched.open(), ["db: "]);
}

#[tokio::test]
async fn windows_are_replaced_and_removed_by_their_number() {
    let watched = Watched::with(&["db"], &[]).await;
    let windows = &watched.world.service.maintenance;
    let window = watched.maintain(&draft("db", 600)).await;
    assert_eq!(window.created_by.as_str(), "key-1");
    let replaced = windows.replace(window.id, &draft("web", 60), Actor::API).await.unwrap();
    assert_eq!((replaced.id, replaced.plan.projects[0].as_str()), (window.id, "web"));
    let weekly = WeeklyDraft { zone: "Mars/Base".to_owned(), ..WeeklyDraft::default() };
    let invalid = MaintenanceDraft { weekly: Some(weekly), ..draft("db", 600) };
    let refused = windows.create(&invalid, Actor::API).await;
    assert!(matches!(refused, Err(MaintenanceError::Invalid(_))), "{refused:?}");
    windows.remove(window.id, Actor::API).await.unwrap();
    let gone = windows.remove(window.id, Actor::API).await;
    assert!(matches!(gone, Err(MaintenanceError::NotFound(MaintenanceId(1)))), "{gone:?}");
    let entries = entries_after(&*watched.world.store, Revision(0), 10_000).await;
    let entries = entries.iter().filter(|entry| entry.entity() == "maintenance");
    let entries: Vec<_> = entries.map(|entry| (entry.kind(), entry.actor().as_str())).collect();
    assert_eq!(entries[0], ("created", "key-1"));
    assert_eq!(entries.len(), 3);
}
