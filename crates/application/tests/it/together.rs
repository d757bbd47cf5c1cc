//! Registrations that come at once.

use std::sync::Arc;

use federation_application::{
    CatalogError, Deployment, LogSink, Ports, ProjectState, Service, SystemClock,
};
use federation_domain::{
    CatalogStore, LivenessRule, MockCatalogStore, Origin, Registered, Registering, Snapshot,
    StoreError,
};
use federation_testkit::FakeCatalogStore;
use futures_util::FutureExt;
use futures_util::future::join_all;
use parking_lot::Mutex;

use crate::world::{registration, slug};

/// How many registrations each transaction had.
type Sizes = Arc<Mutex<Vec<usize>>>;

/// What a store says to a transaction.
type Say = fn(&[Registering]) -> Option<StoreError>;

/// A service on a store that says so first, and else does what it is asked.
async fn service(say: Say) -> (Service, Sizes) {
    let (sizes, fake) = (Sizes::default(), FakeCatalogStore::default());
    let mut store = MockCatalogStore::new();
    store.expect_load().returning(|| Ok(Snapshot::default()));
    store.expect_spells().returning(|_, _| Ok(Vec::new()));
    let seen = Arc::clone(&sizes);
    store.expect_register_if().returning(move |registrations, by, at| {
        seen.lock().push(registrations.len());
        let stored = || fake.register_if(registrations, by, at).now_or_never().unwrap();
        say(registrations).map_or_else(stored, Err::<Vec<Registered>, _>)
    });
    let ports = Ports {
        store: Arc::new(store),
        sink: Arc::new(LogSink),
        clock: Arc::new(SystemClock::start()),
        relay: None,
        prober: None,
    };
    let service = Service::new(ports, LivenessRule::default(), Deployment::default());
    service.load().await.unwrap();
    (service, sizes)
}

async fn register(service: &Service, slugs: &[&str]) -> Vec<Result<ProjectState, CatalogError>> {
    join_all(slugs.iter().map(|one| service.catalog.register(registration(one), Origin::Api))).await
}

#[tokio::test]
async fn they_are_one_transaction_and_each_is_answered_for_itself() {
    let (service, sizes) = service(|_| None).await;
    let registered = register(&service, &["c", "a", "b", "a"]).await;
    assert_eq!(*sizes.lock(), [4]);
    let slugs = registered.iter().map(|one| one.as_ref().unwrap().project.slug.to_string());
    assert_eq!(slugs.collect::<Vec<_>>(), ["c", "a", "b", "a"]);
    assert!(["a", "b", "c"].iter().all(|one| service.catalog.find(&slug(one)).is_ok()));
}

#[tokio::test]
async fn a_transaction_stays_short() {
    let (service, sizes) = service(|_| None).await;
    let slugs: Vec<String> = (0..100).map(|number| format!("p-{number}")).collect();
    register(&service, &slugs.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(*sizes.lock(), [64, 36]);
}

#[tokio::test]
async fn nobody_fails_for_another() {
    let refuses_b: Say = |registrations| {
        let is_there = registrations.iter().any(|one| one.slug().as_str() == "b");
        is_there.then(|| StoreError::Failed("a value that it does not take".into()))
    };
    let (service, sizes) = service(refuses_b).await;
    let registered = register(&service, &["a", "b", "c"]).await;
    assert_eq!(registered.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(*sizes.lock(), [3, 1, 1, 1]);
}

#[tokio::test]
async fn a_store_that_is_away_is_asked_once_for_all() {
    let (service, sizes) = service(|_| Some(StoreError::Unavailable("away".into()))).await;
    for refused in register(&service, &["a", "b", "c"]).await {
        let Err(CatalogError::Store(error)) = refused else { panic!("{refused:?}") };
        assert!(error.is_unavailable());
    }
    assert_eq!(*sizes.lock(), [3]);
}

#[tokio::test]
async fn callers_that_send_again_as_soon_as_they_are_answered_stay_together() {
    let (service, sizes) = service(|_| None).await;
    let caller = async |name: &str| {
        for _ in 0..5 {
            service.catalog.register(registration(name), Origin::Api).await.unwrap();
        }
    };
    join_all(["a", "b", "c", "d", "e", "f", "g", "h"].map(caller)).await;
    assert_eq!(*sizes.lock(), [8; 5]);
}

#[tokio::test]
async fn each_is_answered_with_what_it_wrote_itself() {
    let (service, sizes) = service(|_| None).await;
    let named = |name: &str| {
        let named = federation_domain::ProjectName::parse(name).unwrap();
        federation_domain::Registration { name: named, ..registration("a") }
    };
    let written =
        ["first", "second", "third"].map(|name| service.catalog.register(named(name), Origin::Api));
    let names =
        join_all(written).await.into_iter().map(|one| one.unwrap().project.name.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["first", "second", "third"]);
    assert_eq!(*sizes.lock(), [3]);
}
