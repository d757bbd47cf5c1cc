//! Rules of the change log and `ChangeLogStore::changes_after`.

use std::sync::Arc;

use federation_domain::{
    Actor, Cause, Change, Origin, Precondition, Probe, ProjectStatus, Registration,
    RegistrationWrite, Revision, Source, Store, Transition,
};

use super::samples::{moment, register, registration, stored, transition};
use crate::log::log_after;

/// No part of a cause is lost.
pub async fn every_cause_is_read_as_written(store: &Arc<dyn Store>) {
    register(store.as_ref(), "a").await;
    let causes = [
        Cause::Heartbeat { source: Source::Nats },
        Cause::Heartbeat { source: Source::Http },
        silence(None),
        silence(Some(Probe::Answered)),
        silence(Some(Probe::NoResponders)),
        silence(Some(Probe::NoAnswer)),
        silence(Some(Probe::NotAsked)),
        Cause::Reported { reasons: Vec::new() },
        Cause::Reported { reasons: vec!["\"ä\\ 🦀".to_owned(), String::new()] },
        Cause::Registered { by: Origin::Heartbeat },
        Cause::Operator,
    ];
    for (n, cause) in causes.iter().enumerate() {
        let to = [ProjectStatus::Online, ProjectStatus::Offline][n % 2];
        let project = stored(store.as_ref()).await;
        let found = Transition { cause: cause.clone(), ..transition(&project, to, moment(1)) };
        store.commit(&[found]).await.unwrap();
    }
    let log = log_after(store.as_ref(), Revision(1), 100).await;
    assert_eq!(log.into_iter().map(|change| change.cause).collect::<Vec<_>>(), causes);
}

fn silence(probe: Option<Probe>) -> Cause {
    Cause::Silence { silence_ms: 90_017, deaf_ms: 0, probe }
}

/// A page starts after any revision and has at most the requested length.
pub async fn changes_are_read_in_pages(store: &Arc<dyn Store>) {
    for n in 0..5 {
        register(store.as_ref(), &format!("p-{n}")).await;
    }
    for (after, limit, expected) in
        [(0, 2, vec![1, 2]), (2, 2, vec![3, 4]), (4, 2, vec![5]), (5, 2, vec![]), (0, 0, vec![])]
    {
        let page = log_after(store.as_ref(), Revision(after), limit).await;
        let revisions: Vec<_> = page.iter().map(|change| change.revision.0).collect();
        assert_eq!(revisions, expected, "after {after}, at most {limit}");
    }
    assert_eq!(log_after(store.as_ref(), Revision(-1), usize::MAX).await.len(), 5);
}

/// Registrations, transitions and removals of several writers share one sequence.
pub async fn revisions_have_no_gaps_under_concurrent_writers(store: &Arc<dyn Store>) {
    for writer in write_at_once(store) {
        writer.await.unwrap();
    }
    let log = log_after(store.as_ref(), Revision(0), usize::MAX).await;
    let revisions: Vec<_> = log.iter().map(|change| change.revision.0).collect();
    assert_eq!(revisions, (1..=8 * 30).collect::<Vec<_>>());
    assert_eq!(store.load().await.unwrap().revision, Revision(8 * 30));
    assert_eq!(store.load().await.unwrap().projects, []);
}

/// A change never appears after one with a higher revision.
pub async fn a_follower_of_the_log_misses_nothing(store: &Arc<dyn Store>) {
    let writers = write_at_once(store);
    let mut heard: Vec<Change> = Vec::new();
    loop {
        let all_written = writers.iter().all(tokio::task::JoinHandle::is_finished);
        let newest = heard.last().map_or(Revision(0), |change| change.revision);
        let page = log_after(store.as_ref(), newest, 7).await;
        if all_written && page.is_empty() {
            break;
        }
        heard.extend(page);
        tokio::task::yield_now().await;
    }
    for writer in writers {
        writer.await.unwrap();
    }
    let revisions: Vec<_> = heard.iter().map(|change| change.revision.0).collect();
    assert_eq!(revisions, (1..=8 * 30).collect::<Vec<_>>());
}

/// Spawns eight writers that each make thirty changes, ten of each kind.
fn write_at_once(store: &Arc<dyn Store>) -> Vec<tokio::task::JoinHandle<()>> {
    let write = |n: i64| {
        let store = Arc::clone(store);
        async move {
            for round in 0..10 {
                let project = register(store.as_ref(), &format!("w-{n}-{round}")).await;
                let online = transition(&project, ProjectStatus::Online, moment(round));
                store.commit(&[online]).await.unwrap();
                store
                    .remove(&project.slug, &Precondition::Always, &Actor::API, moment(round))
                    .await
                    .unwrap()
                    .expect("a project");
                let known = registration("never-there");
                assert_eq!(
                    store
                        .remove(&known.slug, &Precondition::Always, &Actor::API, moment(round))
                        .await
                        .unwrap(),
                    None
                );
            }
        }
    };
    (0..8).map(|n| tokio::spawn(write(n))).collect()
}

/// Every port that logs passes on its actor.
pub async fn every_entry_has_its_actor(store: &Arc<dyn Store>) {
    let key = Actor::of_key(Some("env-1"));
    let by_key = RegistrationWrite::from(registration("a")).by(key.clone());
    for (write, by, expected) in [
        (by_key, Origin::Api, key.clone()),
        (registration("b").into(), Origin::Api, Actor::API),
        (registration("c").into(), Origin::File, Actor::FILE),
        (registration("d").into(), Origin::Heartbeat, Actor::NATS),
    ] {
        let registered = store.register(&[write], by, moment(0)).await.unwrap().remove(0);
        assert_eq!(registered.change.unwrap().actor, expected);
    }
    let project = store.find(&["a".parse().unwrap()]).await.unwrap().remove(0);
    let online =
        Transition { actor: Actor::NATS, ..transition(&project, ProjectStatus::Online, moment(1)) };
    store.commit(&[online]).await.unwrap();
    let patch = RegistrationWrite::from(Registration {
        name: "Other".parse().unwrap(),
        ..registration("a")
    });
    store.register(&[patch.by(key.clone())], Origin::Api, moment(2)).await.unwrap();
    store.remove(&project.slug, &Precondition::Always, &key, moment(3)).await.unwrap();
    let log = log_after(store.as_ref(), Revision(0), 100).await;
    let actors: Vec<_> = log.iter().map(|change| change.actor.as_str()).collect();
    assert_eq!(actors, ["env-1", "api", "file", "nats", "nats", "env-1", "env-1"]);
}

/// Each new log has an epoch. Only the one who knows it can replace it.
pub async fn the_epoch_of_a_log_changes_only_when_it_is_renewed(store: &Arc<dyn Store>) {
    register(store.as_ref(), "a").await;
    let first = store.load().await.unwrap().epoch;
    register(store.as_ref(), "b").await;
    let part = store.changes_after(Revision(0), 10).await.unwrap();
    assert_eq!((part.epoch, part.oldest), (first, Revision(1)));
    store.renew_epoch(first).await.unwrap();
    let second = store.load().await.unwrap().epoch;
    assert_ne!(second, first);
    store.renew_epoch(first).await.unwrap();
    let empty = store.changes_after(Revision(2), 10).await.unwrap();
    assert!(empty.entries.is_empty() && empty.epoch == second, "{empty:?}");
}
