//! A service on an in-memory store, with all projects online.

use std::sync::Arc;

use actix_web::rt::System;
use federation_application::{Deployment, LogSink, Ports, Service, TICK};
use federation_domain::{
    CatalogStore as _, Channel, Clock as _, Heartbeat, HeartbeatInterval, InstanceReport,
    LivenessRule, Origin, Proof, Registration, RegistrationDraft, Source, Stores,
};
use federation_testkit::{FakeStore, ManualClock};

/// Number of projects registered in one call.
const BATCH: usize = 10_000;

/// The longest possible interval, so that no status changes in a benchmark.
const INTERVAL_SECONDS: f64 = 86_400.0;

pub(crate) struct World {
    pub(crate) service: Service,
    pub(crate) slugs: Vec<String>,
    clock: Arc<ManualClock>,
}

impl World {
    pub(crate) fn of(projects: usize) -> Self {
        let slugs: Vec<String> =
            (1..=projects).map(|number| format!("bench-{number:06}")).collect();
        let store = Arc::new(FakeStore::default());
        let clock = Arc::new(ManualClock::default());
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::clone(&store)),
            sink: Arc::new(LogSink),
            clock: Arc::<ManualClock>::clone(&clock),
            relay: None,
            prober: None,
        };
        let interval = HeartbeatInterval::from_seconds(INTERVAL_SECONDS).unwrap();
        let rule = LivenessRule::new(interval, None, None).unwrap();
        let service = Service::new(ports, rule, Deployment { bus: true, shared_store: false });
        System::new().block_on(async {
            for batch in slugs.chunks(BATCH) {
                let writes: Vec<_> = batch.iter().map(|slug| registration(slug).into()).collect();
                store.register(&writes, Origin::Api, clock.utc()).await.unwrap();
            }
            service.load().await.unwrap();
            service.readiness.start();
        });
        let world = Self { service, slugs, clock };
        world.tick();
        world.slugs.iter().for_each(|slug| world.hear(slug));
        // Stores the changed statuses, so that none waits during the benchmarks.
        System::new().block_on(async {
            world.service.writer().checkpoint().await.unwrap();
        });
        world
    }

    pub(crate) fn hear(&self, slug: &str) {
        let heartbeat = Heartbeat {
            slug,
            source: Source::Nats,
            channel: Channel::Presence,
            condition: None,
            key: None,
            instance: InstanceReport::default(),
        };
        self.service.presence.recorder().record_heartbeat(&heartbeat).unwrap();
    }

    /// Proves that the source hears, which evaluates all projects.
    pub(crate) fn tick(&self) {
        self.clock.advance(TICK);
        let heard_through = self.clock.monotonic();
        let proof = Proof { heard_through, unbroken: true };
        self.service.presence.prove_hearing(Source::Nats, proof);
    }

    /// Returns the name of a benchmark with the number of projects.
    pub(crate) fn name(&self, what: &str) -> String {
        format!("{what}/{}", self.slugs.len())
    }
}

fn registration(slug: &str) -> Registration {
    let draft = RegistrationDraft {
        slug: slug.to_owned(),
        name: format!("Simulated project {slug}"),
        hub_url: format!("http://{slug}.example.com:8000"),
        mesh_namespace: format!("hub.{slug}"),
        tags: vec!["bench".to_owned(), "python".to_owned()],
        heartbeat_interval_seconds: None,
        allow_fanout: None,
    };
    draft.parse().unwrap()
}
