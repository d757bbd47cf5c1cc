//! Writes that the database never accepts, and databases that accept no writes.

use federation_domain::{
    Actor, CatalogStore, Checkpoint, CheckpointStore, Origin, Precondition, Project, ProjectStatus,
    Prospect, RegistrationWrite, RejectReason, Slug, StoreError,
};
use federation_postgres::PgStore;
use federation_testkit::TestDatabase;
use federation_testkit::contract::samples::{mark, moment, registration, transition};

use crate::world::{by_hand, migrated};

/// A constraint and a trigger, each of which rejects one project.
const REJECT: &str = "
    ALTER TABLE projects ADD CONSTRAINT no_constrained CHECK (slug <> 'constrained') NOT VALID;
    CREATE FUNCTION reject_triggered() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF coalesce(NEW.slug, OLD.slug) = 'triggered' THEN
                RAISE EXCEPTION 'rejected by the trigger';
            END IF;
            RETURN coalesce(NEW, OLD);
        END $$;
    CREATE TRIGGER reject BEFORE INSERT OR UPDATE OR DELETE ON projects
        FOR EACH ROW EXECUTE FUNCTION reject_triggered()";

fn rejection(error: &StoreError) -> (Option<&str>, RejectReason) {
    let StoreError::Rejected { project, reason, .. } = error else { panic!("{error:?}") };
    (project.as_ref().map(Slug::as_str), *reason)
}

async fn reject(database: &TestDatabase) {
    by_hand(database).await.batch_execute(REJECT).await.unwrap();
}

async fn register(store: &PgStore, slugs: &[&str]) -> Result<Vec<Project>, StoreError> {
    let writes: Vec<RegistrationWrite> =
        slugs.iter().map(|slug| registration(slug).into()).collect();
    let registered = store.register(&writes, Origin::Api, moment(0)).await?;
    Ok(registered.into_iter().map(|one| one.project).collect())
}

#[tokio::test]
async fn a_rejected_registration_names_its_project_and_applies_nothing() {
    let (store, database) = migrated().await;
    reject(&database).await;
    let error = register(&store, &["constrained"]).await.unwrap_err();
    assert_eq!(rejection(&error), (Some("constrained"), RejectReason::Constraint));
    assert_eq!(error.prospect(), Prospect::Permanent);
    let batch = ["a", "b", "c", "triggered", "d", "e"];
    let error = register(&store, &batch).await.unwrap_err();
    assert_eq!(rejection(&error), (Some("triggered"), RejectReason::Value));
    assert!(store.load().await.unwrap().projects.is_empty());
    register(&store, &["a", "b"]).await.unwrap();
    assert_eq!(store.load().await.unwrap().revision.0, 2);
}

#[tokio::test]
async fn a_rejected_transition_checkpoint_or_removal_is_told_from_an_outage() {
    let (store, database) = migrated().await;
    let projects = register(&store, &["constrained", "triggered", "c"]).await.unwrap();
    reject(&database).await;
    let [constrained, triggered, c] = &projects[..] else { panic!() };
    let to_online = |project| transition(project, ProjectStatus::Online, moment(1));
    for (bad, reason) in [(constrained, RejectReason::Constraint), (triggered, RejectReason::Value)]
    {
        let error = store.commit(&[to_online(c), to_online(bad)]).await.unwrap_err();
        assert_eq!(rejection(&error).1, reason);
        let heartbeats = vec![mark(c, moment(1)), mark(bad, moment(1))];
        let checkpoint = Checkpoint { heartbeats, ..Checkpoint::default() };
        assert_eq!(rejection(&store.checkpoint(&checkpoint).await.unwrap_err()).1, reason);
    }
    let removed =
        store.remove(&triggered.slug, &Precondition::Always, &Actor::API, moment(1)).await;
    assert_eq!(rejection(&removed.unwrap_err()).1, RejectReason::Value);
    store.commit(&[to_online(c)]).await.unwrap();
}

#[tokio::test]
async fn a_database_that_rejects_every_write_needs_repair() {
    let (store, database) = migrated().await;
    let projects = register(&store, &["a"]).await.unwrap();
    let to_online = transition(&projects[0], ProjectStatus::Online, moment(1));
    for (broken, repaired) in [
        (
            "ALTER TABLE projects RENAME reports TO gone",
            "ALTER TABLE projects RENAME gone TO reports",
        ),
        ("ALTER TABLE catalog_state RENAME TO gone", "ALTER TABLE gone RENAME TO catalog_state"),
        ("DELETE FROM catalog_state", "INSERT INTO catalog_state (revision) VALUES (1)"),
    ] {
        by_hand(&database).await.batch_execute(broken).await.unwrap();
        let error = store.commit(std::slice::from_ref(&to_online)).await.unwrap_err();
        assert_eq!(error.prospect(), Prospect::NeedsRepair, "{broken}: {error:?}");
        by_hand(&database).await.batch_execute(repaired).await.unwrap();
    }
    store.commit(&[to_online]).await.unwrap();
}

#[tokio::test]
async fn a_database_in_another_encoding_is_rejected_at_the_start() {
    let latin = "ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0";
    let database = TestDatabase::create_with(latin).await;
    let store = PgStore::connect(&database.url()).unwrap();
    for error in [store.migrate().await.unwrap_err(), store.load().await.unwrap_err()] {
        let StoreError::Failed(cause) = error else { panic!("{error:?}") };
        let cause = cause.to_string();
        for part in ["expected UTF8, got LATIN1", "CREATE DATABASE", "ENCODING 'UTF8'"] {
            assert!(cause.contains(part), "{cause}");
        }
    }
}
