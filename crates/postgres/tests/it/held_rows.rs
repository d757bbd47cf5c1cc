//! Rows that another transaction holds.

use federation_domain::{
    CatalogStore, Checkpoint, CheckpointStore, HeartbeatMark, Origin, Outcome, Project,
    ProjectStatus, RegistrationWrite,
};
use federation_postgres::PgStore;
use federation_testkit::contract::samples::{mark, moment, registration, transition};

use crate::world::{by_hand, migrated};

async fn two(store: &PgStore) -> Vec<Project> {
    let writes: Vec<RegistrationWrite> =
        ["held", "free"].iter().map(|slug| registration(slug).into()).collect();
    let registered = store.register(&writes, Origin::Api, moment(0)).await.unwrap();
    registered.into_iter().map(|one| one.project).collect()
}

#[tokio::test]
async fn a_held_row_holds_up_neither_a_commit_nor_a_checkpoint() {
    let (store, database) = migrated().await;
    let projects = two(&store).await;
    let mut hand = by_hand(&database).await;
    let lock = hand.transaction().await.unwrap();
    lock.batch_execute("UPDATE projects SET name = name WHERE slug = 'held'").await.unwrap();
    let heartbeats: Vec<_> = projects.iter().map(|project| mark(project, moment(1))).collect();
    let checkpoint = Checkpoint { heartbeats, ..Checkpoint::default() };
    assert_eq!(store.checkpoint(&checkpoint).await.unwrap(), [projects[0].id]);
    let mut online: Vec<_> = projects
        .iter()
        .map(|project| transition(project, ProjectStatus::Online, moment(2)))
        .collect();
    online.iter_mut().for_each(|one| one.last_heartbeat_at = Some(moment(1)));
    let outcomes = store.commit(&online).await.unwrap();
    assert_eq!(outcomes[0], Outcome::Locked);
    assert!(matches!(outcomes[1], Outcome::Accepted(Some(_))), "{outcomes:?}");
    lock.rollback().await.unwrap();
    assert_eq!(store.checkpoint(&checkpoint).await.unwrap(), []);
    let outcomes = store.commit(&online[..1]).await.unwrap();
    assert!(matches!(outcomes[0], Outcome::Accepted(Some(_))), "{outcomes:?}");
}

#[tokio::test]
async fn a_checkpoint_locks_only_rows_that_it_changes() {
    let (store, database) = migrated().await;
    let projects = two(&store).await;
    let at = |seconds| Checkpoint {
        heartbeats: projects.iter().map(|project| mark(project, moment(seconds))).collect(),
        ..Checkpoint::default()
    };
    store.checkpoint(&at(5)).await.unwrap();
    let version =
        "SELECT string_agg(xmin::text || ' ' || xmax::text, ',' ORDER BY id) FROM projects";
    let hand = by_hand(&database).await;
    let versions = async || hand.query_one(version, &[]).await.unwrap().get::<_, String>(0);
    let before = versions().await;
    store.checkpoint(&at(5)).await.unwrap();
    store.checkpoint(&at(4)).await.unwrap();
    let tolerance = std::time::Duration::from_secs(1);
    let same: Vec<_> =
        at(6).heartbeats.into_iter().map(|mark| HeartbeatMark { tolerance, ..mark }).collect();
    let same = Checkpoint { heartbeats: same, ..Checkpoint::default() };
    assert_eq!(store.checkpoint(&same).await.unwrap(), []);
    assert_eq!(versions().await, before, "rows are neither locked nor written");
    store.checkpoint(&at(6)).await.unwrap();
    assert_ne!(versions().await, before);
}
