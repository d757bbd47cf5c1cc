//! Writes that the database never accepts, and files that accept no writes.

use diesel::connection::SimpleConnection;
use federation_domain::{
    CatalogStore, Checkpoint, CheckpointStore, Origin, Project, ProjectStatus, Prospect,
    RegistrationWrite, Slug, StoreError,
};
use federation_sqlite::SqliteStore;
use federation_testkit::contract::samples::{mark, moment, registration, transition};

use crate::world::{by_hand, migrated};

/// Triggers that reject one project.
const REJECT: &str = "
    CREATE TRIGGER reject_insert BEFORE INSERT ON projects WHEN NEW.slug = 'bad'
        BEGIN SELECT RAISE(ABORT, 'rejected by the trigger'); END;
    CREATE TRIGGER reject_update BEFORE UPDATE ON projects WHEN NEW.slug = 'bad'
        BEGIN SELECT RAISE(ABORT, 'rejected by the trigger'); END;";

fn rejected_project(error: &StoreError) -> Option<&str> {
    let StoreError::Rejected { project, .. } = error else { panic!("{error:?}") };
    project.as_ref().map(Slug::as_str)
}

async fn register(store: &SqliteStore, slugs: &[&str]) -> Result<Vec<Project>, StoreError> {
    let writes: Vec<RegistrationWrite> =
        slugs.iter().map(|slug| registration(slug).into()).collect();
    let registered = store.register(&writes, Origin::Api, moment(0)).await?;
    Ok(registered.into_iter().map(|one| one.project).collect())
}

#[tokio::test]
async fn a_rejected_registration_names_its_project_and_applies_nothing() {
    let (store, folder) = migrated().await;
    by_hand(&folder).batch_execute(REJECT).unwrap();
    let error = register(&store, &["a", "bad", "c"]).await.unwrap_err();
    assert_eq!(rejected_project(&error), Some("bad"));
    assert_eq!(error.prospect(), Prospect::Permanent);
    assert!(store.load().await.unwrap().projects.is_empty());
    register(&store, &["a", "c"]).await.unwrap();
}

#[tokio::test]
async fn a_rejected_transition_or_checkpoint_is_told_from_a_failure() {
    let (store, folder) = migrated().await;
    let projects = register(&store, &["bad", "c"]).await.unwrap();
    by_hand(&folder).batch_execute(REJECT).unwrap();
    let to_online = |project| transition(project, ProjectStatus::Online, moment(1));
    let error = store.commit(&[to_online(&projects[1]), to_online(&projects[0])]).await;
    assert_eq!(error.unwrap_err().prospect(), Prospect::Permanent);
    let heartbeats = projects.iter().map(|project| mark(project, moment(1))).collect();
    let checkpoint = Checkpoint { heartbeats, ..Checkpoint::default() };
    let error = store.checkpoint(&checkpoint).await.unwrap_err();
    assert_eq!(error.prospect(), Prospect::Permanent);
    store.commit(&[to_online(&projects[1])]).await.unwrap();
}

#[tokio::test]
async fn a_file_without_a_table_needs_repair() {
    let (store, folder) = migrated().await;
    let projects = register(&store, &["a"]).await.unwrap();
    let change = transition(&projects[0], ProjectStatus::Online, moment(1));
    by_hand(&folder).batch_execute("ALTER TABLE catalog_state RENAME TO gone").unwrap();
    let error = store.commit(std::slice::from_ref(&change)).await.unwrap_err();
    assert_eq!(error.prospect(), Prospect::NeedsRepair, "{error:?}");
    by_hand(&folder).batch_execute("ALTER TABLE gone RENAME TO catalog_state").unwrap();
    store.commit(&[change]).await.unwrap();
}
