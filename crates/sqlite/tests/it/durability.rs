//! What was answered stays.

use std::task::{Context, Waker};

use diesel::prelude::*;
use diesel::sql_types::Text;
use federation_domain::{
    CatalogStore, Checkpoint, Listened, Origin, ProjectStatus, Revision, Source,
};
use federation_testkit::contract::samples::{mark, moment, registration, transition};
use federation_testkit::log_after;

use crate::world::{FILE, by_hand, migrated, store_in};

#[tokio::test]
async fn everything_is_there_after_the_file_was_closed_and_opened() {
    let (store, folder) = migrated().await;
    let batch = [registration("a"), registration("b")];
    let a = store.register(&batch, Origin::File, moment(0)).await.unwrap().remove(0).project;
    store.commit(&[transition(&a, ProjectStatus::Online, moment(1))]).await.unwrap();
    let spell = Listened { source: Source::Nats, from: moment(1), until: moment(3) };
    let heard = Checkpoint { heartbeats: vec![mark(&a, moment(2))], listened: vec![spell] };
    store.checkpoint(&heard).await.unwrap();
    let (before, log) = (store.load().await.unwrap(), log_of(&store).await);
    drop(store);

    let store = store_in(folder.path());
    assert_eq!(store.migrate().await.unwrap(), Vec::<String>::new());
    assert_eq!((store.load().await.unwrap(), log_of(&store).await), (before, log));
}

async fn log_of(store: &dyn CatalogStore) -> Vec<federation_domain::Change> {
    log_after(store, Revision(0), usize::MAX).await
}

#[tokio::test]
async fn an_id_is_not_used_again_after_a_restart_either() {
    let (store, folder) = migrated().await;
    let register = async |store: &dyn CatalogStore| {
        let registered = store.register(&[registration("a")], Origin::Api, moment(0)).await;
        registered.unwrap().remove(0).project
    };
    let first = register(&store).await;
    store.remove(&first.slug, moment(1)).await.unwrap();
    drop(store);
    assert!(register(&store_in(folder.path())).await.id > first.id);
}

/// The files as a process leaves them that is killed: nobody closed the database.
#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let (store, folder) = migrated().await;
    for n in 0..20 {
        let one = [registration(&format!("p-{n}"))];
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

/// A caller that is dropped in the middle, as by a client that hung up.
#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_goes_away_leaves_nothing_half_done() {
    let (store, _folder) = migrated().await;
    for round in 0..20 {
        let batch: Vec<_> = (0..50).map(|n| registration(&format!("p-{round}-{n}"))).collect();
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
    store.register(&[registration("after")], Origin::Api, moment(1)).await.unwrap();
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
    store.register(&[registration("a")], Origin::Api, moment(0)).await.unwrap();
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
