//! A service with many projects.

use std::sync::Arc;

use federation_application::{Deployment, LogSink, Ports, Service};
use federation_domain::{
    Channel, Condition, Heartbeat, InstanceReport, LivenessRule, Origin, Registration,
    RegistrationDraft, Source, Stores,
};
use federation_testkit::{FakeStore, ManualClock};

/// Number of projects registered in one call.
pub(crate) const BATCH: usize = 10_000;

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) clock: Arc<ManualClock>,
}

impl World {
    /// Registers projects with an in-memory store.
    pub(crate) async fn of(projects: usize) -> Self {
        Self::on(Stores::of(Arc::<FakeStore>::default()), projects).await
    }

    /// Registers projects with these stores.
    pub(crate) async fn on(stores: Stores, projects: usize) -> Self {
        let clock = Arc::<ManualClock>::default();
        let service = service(stores, &clock);
        service.load().await.unwrap();
        let all: Vec<Registration> =
            (1..=projects).map(|number| registration(number, &[])).collect();
        for batch in all.chunks(BATCH) {
            service.catalog.register_all(batch.to_vec(), Origin::Api).await.unwrap();
        }
        Self { service, clock }
    }

    /// Makes all projects online.
    pub(crate) async fn hear_all(&self, projects: usize) {
        (1..=projects).for_each(|number| self.hear(number));
        self.service.writer().checkpoint().await.unwrap();
    }

    /// Records a heartbeat over NATS that reports nothing.
    pub(crate) fn hear(&self, number: usize) {
        let slug = slug(number);
        let heartbeat = heartbeat(&slug, Source::Nats, None);
        self.service.presence.recorder().record_heartbeat(&heartbeat).unwrap();
    }
}

pub(crate) fn heartbeat(slug: &str, source: Source, condition: Option<Condition>) -> Heartbeat<'_> {
    Heartbeat {
        slug,
        source,
        channel: Channel::Presence,
        condition,
        key: None,
        instance: InstanceReport::default(),
    }
}

/// Returns a service that has not loaded its stores.
pub(crate) fn service(stores: Stores, clock: &Arc<ManualClock>) -> Service {
    let ports = Ports {
        stores,
        sink: Arc::new(LogSink),
        clock: Arc::<ManualClock>::clone(clock),
        relay: None,
        prober: None,
    };
    let deployment = Deployment { bus: true, shared_store: false };
    Service::new(ports, LivenessRule::default(), deployment)
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
