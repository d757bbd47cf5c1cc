//! Durability.

use std::task::{Context, Waker};

use diesel::prelude::*;
use diesel::sql_types::Text;
use federation_domain::{
    Actor, CatalogStore, Checkpoint, CheckpointStore, ListeningPeriod, Origin, Precondition,
    ProjectStatus, Revision, Source, Store,
};
use federation_testkit::contract::samples::{mark, moment, registration, transition};
use federation_testkit::log_after;

use crate::world::{FILE, by_hand, migrated, store_in};

#[tokio::test]
async fn data_survive_closing_and_opening_the_file() {
    let (store, folder) = migrated().await;
    let batch = [registration("a").into(), registration("b").into()];
    let a = store.register(&batch, Origin::File, moment(0)).await.unwrap().remove(0).project;
    store.commit(&[transition(&a, ProjectStatus::Online, moment(1))]).await.unwrap();
    let period = ListeningPeriod { source: Source::Nats, from: moment(1), until: moment(3) };
    let heard =
        Checkpoint { heartbeats: vec![mark(&a, moment(2))], listening_periods: vec![period] };
    store.checkpoint(&heard).await.unwrap();
    let (before, log) = (store.load().await.unwrap(), log_of(&store).await);
    drop(store);

    let store = store_in(folder.path());
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    assert_eq!((store.load().await.unwrap(), log_of(&store).await), (before, log));
}

async fn log_of(store: &dyn Store) -> Vec<federation_domain::Change> {
    log_after(store, Revision(0), usize::MAX).await
}

#[tokio::test]
async fn an_id_is_not_reused_after_a_restart() {
    let (store, folder) = migrated().await;
    let register = async |store: &dyn Store| {
        let registered = store.register(&[registration("a").into()], Origin::Api, moment(0)).await;
        registered.unwrap().remove(0).project
    };
    let first = register(&store).await;
    store.remove(&first.slug, &Precondition::Always, &Actor::API, moment(1)).await.unwrap();
    drop(store);
    assert!(register(&store_in(folder.path())).await.id > first.id);
}

/// Uses the files as a killed process leaves them, with the database still open.
#[tokio::test]
async fn acknowledged_writes_survive_a_kill() {
    let (store, folder) = migrated().await;
    for n in 0..20 {
        let one = [registration(&format!("p-{n}")).into()];
        store.register(&one, Origin::Api, moment(n)).await.unwrap();
        let left_behind = tempfile::tempdir().unwrap();
        for name in [FILE.to_owned(), format!("{FILE}-wal")] {
            std::fs::copy(folder.path().join(&name), left_behind.path().join(&name)).unwrap();
        }
        let found = store_in(left_behind.path()).load().await.unwrap();
        assert_eq!(found, store.load().await.unwrap());
        assert_eq!(found.revision.0, n + 1);
    }
}

/// Drops a call at each of its await points, as when a client disconnects.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_call_is_applied_completely_or_not_at_all() {
    let (store, _folder) = migrated().await;
    for round in 0..20 {
        let batch: Vec<_> =
            (0..50).map(|n| registration(&format!("p-{round}-{n}")).into()).collect();
        {
            let mut call = store.register(&batch, Origin::File, moment(0));
            for _ in 0..=round {
                let waker = Waker::noop();
                if call.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let snapshot = store.load().await.unwrap();
        assert_eq!(snapshot.projects.len() % 50, 0);
        assert_eq!(snapshot.projects.len(), usize::try_from(snapshot.revision.0).unwrap());
    }
    store.register(&[registration("after").into()], Origin::Api, moment(1)).await.unwrap();
}

#[derive(QueryableByName, Debug, PartialEq)]
struct ByHand {
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Text)]
    tags: String,
    #[diesel(sql_type = Text)]
    created_at: String,
}

#[tokio::test]
async fn people_can_read_the_table() {
    let (store, folder) = migrated().await;
    store.register(&[registration("a").into()], Origin::Api, moment(0)).await.unwrap();
    let rows: Vec<ByHand> =
        diesel::sql_query("SELECT slug, status, tags, created_at FROM projects")
            .load(&mut by_hand(&folder))
            .unwrap();
    let expected = ByHand {
        slug: "a".to_owned(),
        status: "offline".to_owned(),
        tags: r#"["python","rag"]"#.to_owned(),
        created_at: "2026-11-24T12:00:00.000017Z".to_owned(),
    };
    assert_eq!(rows, [expected]);
}
