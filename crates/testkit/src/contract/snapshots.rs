//! Rules of `CatalogStore::load`.

use std::collections::BTreeSet;
use std::sync::Arc;

use federation_domain::{
    Actor, Change, ChangeKind, Checkpoint, ListeningPeriod, Precondition, Revision, Snapshot,
    Source, Store,
};
use time::{Duration, OffsetDateTime};

use super::samples::{mark, moment, register, register_all, registration, stored};
use crate::log::log_after;

/// Loading an empty store is not an error.
pub async fn an_empty_store_has_an_empty_snapshot(store: &Arc<dyn Store>) {
    let snapshot = store.load().await.unwrap();
    assert_eq!(snapshot, Snapshot { epoch: snapshot.epoch, ..Snapshot::default() });
    assert_eq!(log_after(store.as_ref(), Revision(0), 10).await, []);
    store.ping().await.unwrap();
}

/// Checks that the order is neither by slug nor by the time of the last write.
pub async fn projects_are_ordered_by_id(store: &Arc<dyn Store>) {
    let batch = ["c", "a", "b"].map(registration);
    let projects = register_all(store.as_ref(), &batch).await;
    let renamed = federation_domain::RegistrationDraft {
        slug: "c".to_owned(),
        name: "Renamed".to_owned(),
        ..super::samples::draft()
    };
    register_all(store.as_ref(), &[renamed.parse().expect("a valid registration")]).await;
    let snapshot = store.load().await.unwrap();
    let ids = |projects: &[federation_domain::Project]| {
        projects.iter().map(|project| project.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(&snapshot.projects), ids(&projects));
    assert_eq!(snapshot.revision, Revision(4));
}

/// Replaying the log up to the revision of a snapshot gives its projects.
pub async fn projects_and_revision_are_consistent(store: &Arc<dyn Store>) {
    let writer = tokio::spawn({
        let store = Arc::clone(store);
        async move {
            for n in 0..40 {
                let project = register(store.as_ref(), &format!("p-{n}")).await;
                if n % 3 == 0 {
                    store
                        .remove(&project.slug, &Precondition::Always, &Actor::API, moment(n))
                        .await
                        .unwrap();
                }
            }
        }
    });
    let mut snapshots = Vec::new();
    while !writer.is_finished() {
        snapshots.push(store.load().await.unwrap());
        tokio::task::yield_now().await;
    }
    writer.await.unwrap();
    let log = log_after(store.as_ref(), Revision(0), usize::MAX).await;
    for snapshot in snapshots {
        let slugs = snapshot.projects.iter().map(|project| project.slug.to_string()).collect();
        assert_eq!(told_by(&log, snapshot.revision), slugs);
    }
}

fn told_by(log: &[Change], until: Revision) -> BTreeSet<String> {
    let mut slugs = BTreeSet::new();
    for change in log.iter().filter(|change| change.revision <= until) {
        match change.kind {
            ChangeKind::Removed => slugs.remove(change.slug.as_str()),
            _ => slugs.insert(change.slug.to_string()),
        };
    }
    slugs
}

/// This holds for every column with a time.
pub async fn times_keep_their_microseconds(store: &Arc<dyn Store>) {
    let odd = moment(0) + Duration::microseconds(123_433);
    let even = odd.replace_nanosecond(0).expect("a whole second");
    for at in [odd, even] {
        let registered = store
            .register(&[registration("a").into()], federation_domain::Origin::Api, at)
            .await
            .unwrap()
            .remove(0);
        let heartbeats = vec![mark(&registered.project, at)];
        let period = ListeningPeriod { source: Source::Nats, from: at, until: odd };
        let checkpoint = Checkpoint { heartbeats, listening_periods: vec![period] };
        store.checkpoint(&checkpoint).await.unwrap();
        let project = stored(store.as_ref()).await;
        assert_eq!((project.created_at, project.updated_at), (at, at));
        let periods = store.listening_periods(Source::Nats, OffsetDateTime::UNIX_EPOCH).await;
        assert_eq!(periods.unwrap(), [period]);
        let log = log_after(store.as_ref(), Revision(0), 100).await;
        assert_eq!(log.last().expect("a change").at, at);
        store.remove(&project.slug, &Precondition::Always, &Actor::API, at).await.unwrap();
    }
}
