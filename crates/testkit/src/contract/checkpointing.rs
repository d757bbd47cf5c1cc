//! `checkpoint`.

use std::sync::Arc;

use federation_domain::{
    CatalogStore, Checkpoint, HeartbeatMark, Origin, Project, ProjectStatus, Revision, Source,
};
use tokio::task::JoinHandle;

use super::samples::{
    mark, moment, register, register_all, registration, spell, stored, transition,
};

async fn hear(store: &dyn CatalogStore, heartbeats: Vec<HeartbeatMark>) {
    store.checkpoint(&Checkpoint { heartbeats, ..Checkpoint::default() }).await.unwrap();
}

/// An older heartbeat is passed over, with its source.
pub async fn times_move_forward_only(store: &Arc<dyn CatalogStore>) {
    let project = register(store.as_ref(), "a").await;
    let newer = HeartbeatMark { source: Source::Http, ..mark(&project, moment(10)) };
    for (heard, expected) in [
        (mark(&project, moment(5)), (moment(5), Source::Nats)),
        (newer, (moment(10), Source::Http)),
        (mark(&project, moment(7)), (moment(10), Source::Http)),
        (mark(&project, moment(10)), (moment(10), Source::Http)),
    ] {
        hear(store.as_ref(), vec![heard]).await;
        let stored = stored(store.as_ref()).await;
        let kept = (stored.last_heartbeat_at, stored.last_heartbeat_source);
        assert_eq!(kept, (Some(expected.0), Some(expected.1)));
    }
}

/// Whatever their order.
pub async fn of_several_marks_of_a_project_the_newest_counts(store: &Arc<dyn CatalogStore>) {
    let project = register(store.as_ref(), "a").await;
    let marks = [3, 9, 6].map(|seconds| mark(&project, moment(seconds))).to_vec();
    hear(store.as_ref(), marks).await;
    assert_eq!(stored(store.as_ref()).await.last_heartbeat_at, Some(moment(9)));
}

/// A heartbeat is no change.
pub async fn nothing_is_logged(store: &Arc<dyn CatalogStore>) {
    let project = register(store.as_ref(), "a").await;
    hear(store.as_ref(), vec![mark(&project, moment(9))]).await;
    let expected = Project {
        last_heartbeat_at: Some(moment(9)),
        last_heartbeat_source: Some(Source::Nats),
        ..project
    };
    assert_eq!(stored(store.as_ref()).await, expected);
    assert_eq!(store.load().await.unwrap().revision, Revision(1));
}

/// The others are noted.
pub async fn projects_that_are_gone_are_passed_over(store: &Arc<dyn CatalogStore>) {
    let gone = register(store.as_ref(), "gone").await;
    let there = register(store.as_ref(), "there").await;
    store.remove(&gone.slug, moment(1)).await.unwrap();
    hear(store.as_ref(), vec![mark(&gone, moment(2)), mark(&there, moment(2))]).await;
    assert_eq!(stored(store.as_ref()).await.last_heartbeat_at, Some(moment(2)));
}

/// Each is noted by its own time.
pub async fn ten_thousand_projects_are_one_call(store: &Arc<dyn CatalogStore>) {
    let registrations: Vec<_> = (0..10_000).map(|n| registration(&format!("p-{n}"))).collect();
    let projects = register_all(store.as_ref(), &registrations).await;
    let at = |project: &Project| moment(project.id.0);
    let marks = projects.iter().rev().map(|project| mark(project, at(project))).collect();
    hear(store.as_ref(), marks).await;
    let stored = store.load().await.unwrap().projects;
    assert_eq!(stored.len(), 10_000);
    assert!(stored.iter().all(|project| project.last_heartbeat_at == Some(at(project))));
}

/// No call waits for another that waits for it, in whatever order they touch the projects.
pub async fn replicas_that_write_at_once_do_not_stand_in_each_others_way(
    store: &Arc<dyn CatalogStore>,
) {
    let registrations: Vec<_> = (0..20).map(|n| registration(&format!("p-{n}"))).collect();
    let mut projects = register_all(store.as_ref(), &registrations).await;
    let mut replicas = Vec::new();
    for n in 0..3 {
        projects.rotate_left(7);
        replicas.push(hear_all(store, projects.clone(), n));
        replicas.push(judge_all(store, projects.clone()));
    }
    for replica in replicas {
        replica.await.unwrap();
    }
    assert!(store.load().await.unwrap().projects.iter().all(|p| p.last_heartbeat_at.is_some()));
    let spells = store.spells(Source::Nats, moment(-1)).await.unwrap();
    assert_eq!(spells, [spell(Source::Nats, 0, 33)]);
}

fn hear_all(store: &Arc<dyn CatalogStore>, projects: Vec<Project>, n: i64) -> JoinHandle<()> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        for round in 1..=30 {
            let at = moment(round + n);
            let heartbeats = projects.iter().map(|project| mark(project, at)).collect();
            let listened = vec![spell(Source::Nats, n, round + n + 1)];
            store.checkpoint(&Checkpoint { heartbeats, listened }).await.unwrap();
        }
    })
}

fn judge_all(store: &Arc<dyn CatalogStore>, projects: Vec<Project>) -> JoinHandle<()> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let registrations: Vec<_> =
            projects.iter().map(|project| registration(project.slug.as_str())).collect();
        for round in 1..=15 {
            let online = |project| transition(project, ProjectStatus::Online, moment(round));
            store.commit(&projects.iter().map(online).collect::<Vec<_>>()).await.unwrap();
            store.register(&registrations, Origin::File, moment(round)).await.unwrap();
        }
    })
}
