//! Concurrent registrations.

use std::sync::Arc;

use federation_application::{
    CatalogError, Deployment, LogSink, Ports, Service, SystemClock, WrittenProject,
};
use federation_domain::{
    CatalogStore, LivenessRule, MockCatalogStore, Origin, Registered, RegistrationWrite,
    RejectReason, Snapshot, StoreError, Stores,
};
use federation_testkit::FakeStore;
use futures_util::FutureExt;
use futures_util::future::join_all;
use parking_lot::Mutex;

use crate::world::{registration, slug};

/// Number of registrations per transaction.
type Sizes = Arc<Mutex<Vec<usize>>>;

/// Error to inject for a transaction.
type Say = fn(&[RegistrationWrite]) -> Option<StoreError>;

/// Creates a service on a store that fails with the errors that `say` returns.
async fn service(say: Say) -> (Service, Sizes) {
    let (sizes, fake) = (Sizes::default(), FakeStore::default());
    let mut store = MockCatalogStore::new();
    store.expect_load().returning(|| Ok(Snapshot::default()));
    let seen = Arc::clone(&sizes);
    store.expect_register().returning(move |registrations, by, at| {
        seen.lock().push(registrations.len());
        let stored = || fake.register(registrations, by, at).now_or_never().unwrap();
        say(registrations).map_or_else(stored, Err::<Vec<Registered>, _>)
    });
    let ports = Ports {
        stores: Stores { catalog: Arc::new(store), ..Stores::of(Arc::<FakeStore>::default()) },
        sink: Arc::new(LogSink),
        clock: Arc::new(SystemClock::start()),
        relay: None,
        prober: None,
    };
    let service = Service::new(ports, LivenessRule::default(), Deployment::default());
    service.load().await.unwrap();
    (service, sizes)
}

async fn register(service: &Service, slugs: &[&str]) -> Vec<Result<WrittenProject, CatalogError>> {
    join_all(slugs.iter().map(|one| service.catalog.register(registration(one), Origin::Api))).await
}

#[tokio::test]
async fn concurrent_registrations_share_a_transaction_and_get_their_own_answers() {
    let (service, sizes) = service(|_| None).await;
    let registered = register(&service, &["c", "a", "b", "a"]).await;
    assert_eq!(*sizes.lock(), [4]);
    let slugs = registered.iter().map(|one| one.as_ref().unwrap().state.project.slug.to_string());
    assert_eq!(slugs.collect::<Vec<_>>(), ["c", "a", "b", "a"]);
    assert!(["a", "b", "c"].iter().all(|one| service.catalog.find(&slug(one)).is_ok()));
}

#[tokio::test]
async fn a_transaction_holds_a_bounded_number_of_registrations() {
    let (service, sizes) = service(|_| None).await;
    let slugs: Vec<String> = (0..100).map(|number| format!("p-{number}")).collect();
    register(&service, &slugs.iter().map(String::as_str).collect::<Vec<_>>()).await;
    assert_eq!(*sizes.lock(), [64, 36]);
}

#[tokio::test]
async fn a_registration_does_not_fail_for_another() {
    let refuses_b: Say = |registrations| {
        let is_there = registrations.iter().any(|one| one.slug().as_str() == "b");
        is_there.then(|| StoreError::Rejected {
            project: None,
            reason: RejectReason::Constraint,
            source: "a value that it does not take".into(),
        })
    };
    let (service, sizes) = service(refuses_b).await;
    let registered = register(&service, &["a", "b", "c"]).await;
    assert_eq!(registered.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(*sizes.lock(), [3, 1, 1, 1]);
}

#[tokio::test]
async fn an_unavailable_store_is_called_once_for_all() {
    let (service, sizes) = service(|_| Some(StoreError::Unavailable("away".into()))).await;
    for refused in register(&service, &["a", "b", "c"]).await {
        let Err(CatalogError::Store(error)) = refused else { panic!("{refused:?}") };
        assert!(error.is_unavailable());
    }
    assert_eq!(*sizes.lock(), [3]);
}

#[tokio::test]
async fn callers_that_repeat_at_once_keep_sharing_transactions() {
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
async fn each_registration_is_answered_with_its_own_result() {
    let (service, sizes) = service(|_| None).await;
    let named = |name: &str| {
        let named = federation_domain::ProjectName::parse(name).unwrap();
        federation_domain::Registration { name: named, ..registration("a") }
    };
    let written =
        ["first", "second", "third"].map(|name| service.catalog.register(named(name), Origin::Api));
    let names =
        join_all(written).await.into_iter().map(|one| one.unwrap().state.project.name.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["first", "second", "third"]);
    assert_eq!(*sizes.lock(), [3]);
}
