//! Writes behind a store that hangs. Time is paused, so it jumps to the next deadline.

use std::sync::Arc;

use async_trait::async_trait;
use federation_application::{CatalogError, Deployment, LogSink, Ports, Service};
use federation_domain::{
    Actor, BusyWith, CatalogStore, Change, LivenessRule, Origin, Outcome, Precondition, Project,
    ProjectId, Registered, RegistrationWrite, Slug, Snapshot, StoreError, Stores, Transition,
};
use federation_testkit::{FakeStore, ManualClock};
use futures_util::FutureExt;
use futures_util::future::join_all;
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Semaphore;

use crate::world::{registration, slug};

/// A store whose registrations and removals hang until they are let through.
struct Hanging {
    inner: FakeStore,
    gate: Semaphore,
    reached: Mutex<Vec<String>>,
}

impl Hanging {
    async fn pass(&self, slug: &Slug) {
        self.reached.lock().push(slug.to_string());
        self.gate.acquire().await.unwrap().forget();
    }
}

#[async_trait]
impl CatalogStore for Hanging {
    async fn load(&self) -> Result<Snapshot, StoreError> {
        self.inner.load().await
    }

    async fn find(&self, slugs: &[Slug]) -> Result<Vec<Project>, StoreError> {
        self.inner.find(slugs).await
    }

    async fn register(
        &self,
        writes: &[RegistrationWrite],
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<Registered>, StoreError> {
        self.pass(writes[0].slug()).await;
        self.inner.register(writes, by, at).await
    }

    async fn remove(
        &self,
        slug: &Slug,
        only_if: &Precondition,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<Option<(ProjectId, Change)>, StoreError> {
        self.pass(slug).await;
        self.inner.remove(slug, only_if, actor, at).await
    }

    async fn commit(&self, transitions: &[Transition]) -> Result<Vec<Outcome>, StoreError> {
        self.inner.commit(transitions).await
    }
}

async fn service() -> (Service, Arc<Hanging>) {
    let hanging = Arc::new(Hanging {
        inner: FakeStore::default(),
        gate: Semaphore::new(0),
        reached: Mutex::default(),
    });
    let catalog = Arc::<Hanging>::clone(&hanging);
    let ports = Ports {
        stores: Stores { catalog, ..Stores::of(Arc::<FakeStore>::default()) },
        sink: Arc::new(LogSink),
        clock: Arc::<ManualClock>::default(),
        relay: None,
        prober: None,
    };
    let service = Service::new(ports, LivenessRule::default(), Deployment::default());
    service.load().await.unwrap();
    (service, hanging)
}

/// Starts a registration and waits until it has reached the store, where it hangs.
async fn occupy(service: &Service, store: &Hanging) -> tokio::task::JoinHandle<bool> {
    let catalog = service.catalog.clone();
    let first = async move { catalog.register(registration("first"), Origin::Api).await.is_ok() };
    let first = tokio::spawn(first);
    while store.reached.lock().is_empty() {
        tokio::task::yield_now().await;
    }
    first
}

fn is_busy<T>(result: &Result<T, CatalogError>) -> bool {
    matches!(result, Err(CatalogError::Store(StoreError::Busy(BusyWith::Writes))))
}

#[tokio::test(start_paused = true)]
async fn a_write_that_got_no_turn_in_time_is_refused_and_never_applied() {
    let (service, store) = service().await;
    let first = occupy(&service, &store).await;
    let (name, removed) = (slug("first"), registration("second"));
    let (registered, removed) = tokio::join!(
        service.catalog.register(removed, Origin::Api),
        service.catalog.remove(&name, Precondition::Always, Actor::API),
    );
    assert!(is_busy(&registered) && is_busy(&removed), "{registered:?} {removed:?}");
    store.gate.add_permits(10);
    assert!(first.await.unwrap(), "a write that reached the store is applied");
    service.catalog.register(registration("third"), Origin::Api).await.unwrap();
    assert_eq!(*store.reached.lock(), ["first", "third"]);
    assert!(service.catalog.find(&slug("second")).is_err());
}

#[tokio::test(start_paused = true)]
async fn the_number_of_waiting_writes_is_bounded() {
    let (service, store) = service().await;
    let first = occupy(&service, &store).await;
    let catalog = &service.catalog;
    let mut writes: Vec<_> = (0..1_200)
        .map(|number| {
            let write = registration(&format!("p-{number}"));
            Box::pin(async move { is_busy(&catalog.register(write, Origin::Api).await) })
        })
        .collect();
    let at_once = writes.iter_mut().filter_map(|write| write.now_or_never());
    assert_eq!(at_once.filter(|is_busy| *is_busy).count(), 201, "1,000 places, one is in use");
    writes.truncate(999);
    assert!(join_all(writes).await.into_iter().all(|is_busy| is_busy));
    let metrics = service.metrics.encode().unwrap();
    assert!(metrics.contains("calls_refused_total{call=\"write\"} 1200"), "{metrics}");
    store.gate.add_permits(10);
    assert!(first.await.unwrap());
    service.catalog.register(registration("last"), Origin::Api).await.unwrap();
    assert_eq!(*store.reached.lock(), ["first", "last"]);
}

#[tokio::test(start_paused = true)]
async fn a_write_of_any_size_is_accepted_by_an_idle_service() {
    let (service, store) = service().await;
    store.gate.add_permits(10);
    let many = (0..30_000).map(|number| registration(&format!("p-{number}"))).collect();
    assert_eq!(service.catalog.register_all(many, Origin::File).await.unwrap().len(), 30_000);
}
