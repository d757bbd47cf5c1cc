//! Several processes on one file, and files that cannot be opened.

use std::sync::Arc;

use diesel::connection::SimpleConnection;
use federation_domain::{CatalogStore, Origin, StoreError, StoreHealth};
use federation_testkit::contract::conditions;
use federation_testkit::contract::samples::{moment, registration};

use crate::world::{FILE, by_hand, migrated, store_in};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_processes_wait_for_each_other() {
    let (store, folder) = migrated().await;
    let write = |name: &'static str| {
        let store = store_in(folder.path());
        tokio::spawn(async move {
            for n in 0..50 {
                let one = [registration(&format!("{name}-{n}")).into()];
                store.register(&one, Origin::Api, moment(n)).await.unwrap();
            }
        })
    };
    for writer in [write("a"), write("b")] {
        writer.await.unwrap();
    }
    let snapshot = store.load().await.unwrap();
    assert_eq!((snapshot.projects.len(), snapshot.revision.0), (100, 100));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_several_writers_in_two_processes_with_the_same_tag_wins() {
    let (store, folder) = migrated().await;
    conditions::race(&[Arc::new(store), Arc::new(store_in(folder.path()))]).await;
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    let (store, folder) = migrated().await;
    let mut other = by_hand(&folder);
    other.batch_execute("BEGIN IMMEDIATE; DELETE FROM projects").unwrap();
    store.ping().await.unwrap();
    assert_eq!(store.load().await.unwrap().projects, []);
}

/// Returns an error with its sources, as an operator reads it.
fn told(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn a_missing_folder_fails_until_it_exists() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("data");
    let store = store_in(&inner);
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    let file = inner.join(FILE);
    assert_eq!(
        told(&error),
        format!(
            "the store failed: could not open the database file {}: unable to open database file",
            file.display()
        )
    );
    std::fs::create_dir(&inner).unwrap();
    store.migrate().await.unwrap();
    store.ping().await.unwrap();
}

#[tokio::test]
async fn a_folder_in_place_of_the_file_fails() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(FILE)).unwrap();
    let error = store_in(folder.path()).migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
}

/// Not even root can create a file in `/proc`.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_read_only_folder_fails() {
    let error = store_in(std::path::Path::new("/proc")).migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
}

#[tokio::test]
async fn a_file_locked_by_another_process_is_unavailable() {
    let (_, folder) = migrated().await;
    let mut other = by_hand(&folder);
    other.batch_execute("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE").unwrap();
    let error = store_in(folder.path()).migrate().await.unwrap_err();
    assert!(error.is_unavailable(), "{error:?}");
}

#[tokio::test]
async fn a_file_that_is_not_a_database_is_not_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(FILE);
    let text = "dear diary, ".repeat(1_000);
    std::fs::write(&file, &text).unwrap();
    let store = store_in(folder.path());
    let error = store.migrate().await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
    assert!(told(&error).ends_with("file is not a database"), "{}", told(&error));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
}

#[tokio::test]
async fn a_store_without_migrations_fails_and_is_not_unavailable() {
    let folder = tempfile::tempdir().unwrap();
    let error = store_in(folder.path()).load().await.unwrap_err();
    assert!(matches!(error, StoreError::Failed(_)), "{error:?}");
}
