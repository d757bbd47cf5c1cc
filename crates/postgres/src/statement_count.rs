//! Tests that a batch of any size takes a fixed number of statements.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use diesel::connection::InstrumentationEvent;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use federation_domain::{
    Checkpoint, ListeningPeriod, Origin, Project, ProjectStatus, RegistrationWrite, Source,
};
use federation_testkit::TestDatabase;
use federation_testkit::contract::samples::{mark, moment, registration, transition};

use crate::{PgStore, checkpoint, commit, connection, listening_periods, register};

/// Opens a connection that counts its statements.
async fn counting(database: &TestDatabase) -> (AsyncPgConnection, Arc<AtomicUsize>) {
    PgStore::connect(&database.url()).unwrap().migrate().await.unwrap();
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
    let one = |n| RegistrationWrite::from(registration(&format!("p-{n}")));
    let batch: Vec<RegistrationWrite> = (0..names).map(one).collect();
    let registered = register::register(connection, &batch, Origin::File, moment(0)).await;
    registered.unwrap().into_iter().map(|registered| registered.project).collect()
}

#[tokio::test]
async fn a_batch_of_any_size_takes_five_statements() {
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
async fn a_checkpoint_of_ten_thousand_projects_takes_four_statements() {
    let database = TestDatabase::create().await;
    let (mut connection, count) = counting(&database).await;
    let projects = registered(&mut connection, 10_000).await;
    count.store(0, Ordering::SeqCst);
    let heard = Checkpoint {
        heartbeats: projects.iter().map(|project| mark(project, moment(1))).collect(),
        listening_periods: Source::ALL
            .map(|source| ListeningPeriod { source, from: moment(0), until: moment(1) })
            .to_vec(),
    };
    checkpoint::write_heartbeats(&mut connection, &heard.heartbeats).await.unwrap();
    listening_periods::join(&mut connection, &heard.listening_periods).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 4);
}
