use federation_domain::{LivenessRule, Stores};
use federation_testkit::{FakeStore, ManualClock};

use super::*;
use crate::{Deployment, LogSink, Ports, Service};

fn after(revision: i64) -> WatchFrom {
    WatchFrom::After(LogPosition { revision: Revision(revision), ..LogPosition::default() })
}

async fn service() -> Service {
    let ports = Ports {
        stores: Stores::of(Arc::<FakeStore>::default()),
        sink: Arc::new(LogSink),
        clock: Arc::<ManualClock>::default(),
        relay: None,
        prober: None,
    };
    let deployment = Deployment { bus: false, shared_store: false };
    let service = Service::new(ports, LivenessRule::default(), deployment);
    service.load().await.unwrap();
    service
}

#[tokio::test(start_paused = true)]
async fn a_watcher_without_a_permit_to_read_the_log_fails_in_time() {
    let service = service().await;
    let feed = &service.changes;
    let permits = feed.0.reading.acquire_many(2).await.unwrap();
    let watching = timeout(Duration::from_secs(6), feed.watch(after(1)));
    let refused = watching.await.unwrap().err();
    assert!(
        matches!(&refused, Some(WatchError::Store(StoreError::Busy(BusyWith::Reads)))),
        "{refused:?}"
    );
    drop(permits);
    feed.watch(after(1)).await.unwrap();
    assert_eq!(feed.count().load(Ordering::Relaxed), 0, "both have left");
}

#[tokio::test]
async fn lowered_limits_apply_to_watchers_and_waits() {
    let service = service().await;
    let feed = &service.changes;
    feed.lower_limits(1, 20_000);
    let watcher = feed.watch(WatchFrom::Now).await.unwrap();
    let refused = feed.watch(WatchFrom::Now).await.err();
    assert!(matches!(refused, Some(WatchError::TooMany)), "{refused:?}");
    assert_eq!(feed.0.waiting.available_permits(), MOST_WAITING);
    drop(watcher);
    feed.watch(WatchFrom::Now).await.unwrap();
    feed.lower_limits(MOST_WATCHERS, 0);
    let waited = feed.changed(after(0), |_| true).await;
    assert!(matches!(waited, Err(WatchError::TooMany)), "{waited:?}");
}

#[tokio::test]
async fn waits_take_no_permits_from_watchers() {
    let service = service().await;
    let feed = &service.changes;
    let taken = Arc::clone(&feed.0.waiting).acquire_many_owned(10_000).await.unwrap();
    let waited = feed.changed(after(0), |_| true).await;
    assert!(matches!(waited, Err(WatchError::TooMany)), "{waited:?}");
    let watcher = feed.watch(WatchFrom::Now).await.unwrap();
    assert_eq!(feed.count().load(Ordering::Relaxed), 1);
    drop((taken, watcher));
}
