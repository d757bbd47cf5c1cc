//! Reads on behalf of clients, which must not disturb the service.

use std::sync::Arc;

use federation_application::{CatalogError, Deployment, LogSink, Ports, Service};
use federation_domain::{
    BusyWith, ClientReads, LivenessRule, MockChangeLogStore, Origin, StoreError, Stores,
};
use federation_testkit::{FakeStore, ManualClock};

use crate::world::{registration, slug};

/// Creates a service whose reads for clients fail like this.
async fn service(fail: fn() -> StoreError) -> Service {
    let mut log = MockChangeLogStore::new();
    log.expect_history().returning(move |_, _, _| Err(fail()));
    log.expect_changes_after().returning(move |_, _| Err(fail()));
    let stores = Stores::of(Arc::<FakeStore>::default());
    let client_reads = ClientReads { change_log: Arc::new(log), ..stores.client_reads.clone() };
    let ports = Ports {
        stores: Stores { client_reads, ..stores },
        sink: Arc::new(LogSink),
        clock: Arc::<ManualClock>::default(),
        relay: None,
        prober: None,
    };
    let service = Service::new(ports, LivenessRule::default(), Deployment::default());
    service.load().await.unwrap();
    service.readiness.start();
    service.catalog.register(registration("a"), Origin::Api).await.unwrap();
    service
}

#[tokio::test]
async fn a_refused_read_is_counted_and_is_not_an_outage() {
    let service = service(|| StoreError::Busy(BusyWith::Reads)).await;
    let refused = service.catalog.history(&slug("a"), None, 10).await;
    let Err(CatalogError::Store(StoreError::Busy(_))) = refused else { panic!("{refused:?}") };
    assert!(service.catalog.explain(&slug("a")).await.unwrap().last_change.is_none());
    let metrics = service.metrics.encode().unwrap();
    assert!(metrics.contains("federation_store_calls_refused_total{call=\"read\"} 2"), "{metrics}");
    assert!(metrics.contains("federation_store_up 1"), "{metrics}");
    assert!(service.readiness.check().await.ready);
}

#[tokio::test]
async fn a_failed_read_of_a_client_does_not_make_the_store_unavailable() {
    let service = service(|| StoreError::Unavailable("too slow".into())).await;
    assert!(service.catalog.history(&slug("a"), None, 10).await.is_err());
    assert!(service.metrics.encode().unwrap().contains("federation_store_up 1"));
}
