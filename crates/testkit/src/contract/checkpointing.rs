//! Rules of `CheckpointStore`.

use std::sync::Arc;

use federation_domain::{
    Actor, Checkpoint, HeartbeatMark, Origin, Precondition, Project, ProjectStatus, Revision,
    Source, Store,
};
use tokio::task::JoinHandle;

use super::samples::{
    mark, moment, period, register, register_all, registration, stored, transition,
};

async fn hear(store: &dyn Store, heartbeats: Vec<HeartbeatMark>) {
    store.checkpoint(&Checkpoint { heartbeats, ..Checkpoint::default() }).await.unwrap();
}

/// An older heartbeat is ignored, together with its source.
pub async fn heartbeats_move_forward_only(store: &Arc<dyn Store>) {
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

/// The order of the marks does not matter.
pub async fn the_newest_of_several_marks_of_a_project_counts(store: &Arc<dyn Store>) {
    let project = register(store.as_ref(), "a").await;
    let marks = [3, 9, 6].map(|seconds| mark(&project, moment(seconds))).to_vec();
    hear(store.as_ref(), marks).await;
    assert_eq!(stored(store.as_ref()).await.last_heartbeat_at, Some(moment(9)));
}

/// A heartbeat is not a change: neither the log nor `updated_at` moves.
pub async fn a_checkpoint_logs_nothing(store: &Arc<dyn Store>) {
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

/// Heartbeats of other projects in the same call are stored.
pub async fn a_checkpoint_ignores_removed_projects(store: &Arc<dyn Store>) {
    let gone = register(store.as_ref(), "gone").await;
    let there = register(store.as_ref(), "there").await;
    store.remove(&gone.slug, &Precondition::Always, &Actor::API, moment(1)).await.unwrap();
    hear(store.as_ref(), vec![mark(&gone, moment(2)), mark(&there, moment(2))]).await;
    assert_eq!(stored(store.as_ref()).await.last_heartbeat_at, Some(moment(2)));
}

/// Each project gets its own time.
pub async fn one_call_stores_ten_thousand_heartbeats(store: &Arc<dyn Store>) {
    let registrations: Vec<_> = (0..10_000).map(|n| registration(&format!("p-{n}"))).collect();
    let projects = register_all(store.as_ref(), &registrations).await;
    let at = |project: &Project| moment(project.id.0);
    let marks = projects.iter().rev().map(|project| mark(project, at(project))).collect();
    hear(store.as_ref(), marks).await;
    let stored = store.load().await.unwrap().projects;
    assert_eq!(stored.len(), 10_000);
    assert!(stored.iter().all(|project| project.last_heartbeat_at == Some(at(project))));
}

/// Checks that concurrent calls that touch the same projects in different orders do not deadlock.
pub async fn concurrent_replicas_do_not_deadlock(store: &Arc<dyn Store>) {
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
    let periods = store.listening_periods(Source::Nats, moment(-1)).await.unwrap();
    assert_eq!(periods, [period(Source::Nats, 0, 33)]);
}

fn hear_all(store: &Arc<dyn Store>, projects: Vec<Project>, n: i64) -> JoinHandle<()> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        for round in 1..=30 {
            let at = moment(round + n);
            let heartbeats = projects.iter().map(|project| mark(project, at)).collect();
            let listening_periods = vec![period(Source::Nats, n, round + n + 1)];
            store.checkpoint(&Checkpoint { heartbeats, listening_periods }).await.unwrap();
        }
    })
}

fn judge_all(store: &Arc<dyn Store>, projects: Vec<Project>) -> JoinHandle<()> {
    let store = Arc::clone(store);
    tokio::spawn(async move {
        let writes: Vec<_> =
            projects.iter().map(|project| registration(project.slug.as_str()).into()).collect();
        for round in 1..=15 {
            let online = |project| transition(project, ProjectStatus::Online, moment(round));
            store.commit(&projects.iter().map(online).collect::<Vec<_>>()).await.unwrap();
            store.register(&writes, Origin::File, moment(round)).await.unwrap();
        }
    })
}
