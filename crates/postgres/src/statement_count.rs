//! Batches are a fixed number of statements, however large.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::InstrumentationEvent;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use federation_domain::{
    Checkpoint, Listened, Origin, Project, ProjectStatus, Registering, Source,
};
use federation_testkit::TestDatabase;
use federation_testkit::contract::samples::{mark, moment, registration, transition};

use crate::{PgCatalogStore, checkpoint, commit, connection, register};

/// A connection that counts what it sends.
async fn counting(database: &TestDatabase) -> (AsyncPgConnection, Arc<AtomicUsize>) {
    PgCatalogStore::connect(&database.url()).unwrap().migrate().await.unwrap();
    let config = connection::configuration(&database.url()).unwrap();
    let mut connection = connection::open(&config).await.unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
        if matches!(event, InstrumentationEvent::StartQuery { .. }) {
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    (connection, count)
}

async fn registered(connection: &mut AsyncPgConnection, names: usize) -> Vec<Project> {
    let one = |n| Registering::from(registration(&format!("p-{n}")));
    let batch: Vec<Registering> = (0..names).map(one).collect();
    let registered = register::register(connection, &batch, Origin::File, moment(0)).await;
    registered.unwrap().into_iter().map(|registered| registered.project).collect()
}

#[tokio::test]
async fn a_batch_is_as_many_statements_as_one() {
    let database = TestDatabase::create().await;
    let (mut connection, count) = counting(&database).await;
    let projects = registered(&mut connection, 1_000).await;
    assert_eq!(count.swap(0, Ordering::SeqCst), 5);

    let online: Vec<_> = projects
        .iter()
        .map(|project| transition(project, ProjectStatus::Online, moment(1)))
        .collect();
    commit::commit(&mut connection, &online).await.unwrap();
    assert_eq!(count.swap(0, Ordering::SeqCst), 5);
}

#[tokio::test]
async fn a_checkpoint_of_ten_thousand_projects_is_four_statements() {
    let database = TestDatabase::create().await;
    let (mut connection, count) = counting(&database).await;
    let projects = registered(&mut connection, 10_000).await;
    count.store(0, Ordering::SeqCst);
    let heard = Checkpoint {
        heartbeats: projects.iter().map(|project| mark(project, moment(1))).collect(),
        listened: Source::ALL
            .map(|source| Listened { source, from: moment(0), until: moment(1) })
            .to_vec(),
    };
    checkpoint::checkpoint(&mut connection, &heard).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 4);
}
