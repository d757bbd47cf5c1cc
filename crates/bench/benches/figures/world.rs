//! A service on an in-memory store.

use std::sync::Arc;

use federation_application::{Deployment, LogSink, Ports, Service};
use federation_domain::{LivenessRule, Origin, Registration, RegistrationDraft, Stores};
use federation_testkit::{FakeStore, ManualClock};

/// Number of projects registered in one call.
pub(crate) const BATCH: usize = 10_000;

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    pub(crate) async fn of(projects: usize) -> Self {
        let (store, clock) = (Arc::<FakeStore>::default(), Arc::<ManualClock>::default());
        let service = Self::on(&store, &clock);
        service.load().await.unwrap();
        let all: Vec<Registration> =
            (1..=projects).map(|number| registration(number, &[])).collect();
        for batch in all.chunks(BATCH) {
            service.catalog.register_all(batch.to_vec(), Origin::Api).await.unwrap();
        }
        Self { service, store, clock }
    }

    pub(crate) fn on(store: &Arc<FakeStore>, clock: &Arc<ManualClock>) -> Service {
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::clone(store)),
            sink: Arc::new(LogSink),
            clock: Arc::<ManualClock>::clone(clock),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: true, shared_store: false };
        Service::new(ports, LivenessRule::default(), deployment)
    }
}

/// Returns the slug of a project.
pub(crate) fn slug(number: usize) -> String {
    format!("bench-{number:06}")
}

/// Returns a registration that permits these actions.
pub(crate) fn registration(number: usize, actions: &[&str]) -> Registration {
    let slug = slug(number);
    let draft = RegistrationDraft {
        name: format!("Simulated project {slug}"),
        hub_url: format!("http://{slug}.example.com:8000"),
        mesh_namespace: format!("hub.{slug}"),
        tags: vec![format!("team-{}", number % 50)],
        allow_fanout: Some(actions.iter().map(|&action| action.to_owned()).collect()),
        slug,
        ..RegistrationDraft::default()
    };
    draft.parse().unwrap()
}
