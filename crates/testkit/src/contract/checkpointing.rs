//! `checkpoint`.

use std::sync::Arc;

use federation_domain::{
    CatalogStore, Checkpoint, HeartbeatMark, Listened, Project, Revision, Source,
};

use super::samples::{mark, moment, register, register_all, registration, stored};

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

fn spell(source: Source, from: i64, until: i64) -> Listened {
    Listened { source, from: moment(from), until: moment(until) }
}

async fn listen(store: &dyn CatalogStore, listened: &[Listened]) {
    let listened = listened.to_vec();
    store.checkpoint(&Checkpoint { listened, ..Checkpoint::default() }).await.unwrap();
}

/// By source, since their order in a snapshot is free.
async fn listened(store: &dyn CatalogStore) -> Vec<Listened> {
    let mut listened = store.load().await.unwrap().listened;
    listened.sort_unstable_by_key(|spell| spell.source);
    listened
}

/// Neither end of it, however early it began.
pub async fn an_older_spell_of_listening_changes_nothing(store: &Arc<dyn CatalogStore>) {
    let newest = spell(Source::Nats, 5, 9);
    listen(store.as_ref(), &[newest]).await;
    for older in [spell(Source::Nats, 1, 4), spell(Source::Nats, 1, 8), spell(Source::Nats, 7, 8)] {
        listen(store.as_ref(), &[older]).await;
        assert_eq!(listened(store.as_ref()).await, [newest]);
    }
}

/// Also one that began earlier, or that ends in the same moment.
pub async fn a_newer_spell_of_listening_replaces_both_ends(store: &Arc<dyn CatalogStore>) {
    for newer in [(3, 5), (3, 6), (4, 7), (1, 8), (2, 8), (9, 10)] {
        let newer = spell(Source::Nats, newer.0, newer.1);
        listen(store.as_ref(), &[newer]).await;
        assert_eq!(listened(store.as_ref()).await, [newer]);
    }
}

/// Within one call too.
pub async fn each_source_has_a_spell_of_its_own(store: &Arc<dyn CatalogStore>) {
    let (nats, http) = (spell(Source::Nats, 6, 8), spell(Source::Http, 2, 4));
    let older = spell(Source::Nats, 1, 5);
    for call in [vec![older, http], vec![nats, older], vec![spell(Source::Http, 1, 3)]] {
        listen(store.as_ref(), &call).await;
    }
    let mut expected = [nats, http];
    expected.sort_unstable_by_key(|spell| spell.source);
    assert_eq!(listened(store.as_ref()).await, expected);
    let last = spell(Source::Http, 7, 9);
    listen(store.as_ref(), &[spell(Source::Http, 6, 9), last, nats]).await;
    assert!(listened(store.as_ref()).await.contains(&last), "of two that end at once, the last");
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
