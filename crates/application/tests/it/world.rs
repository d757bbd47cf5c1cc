//! A service on a fake store with a manual clock.

use std::sync::Arc;
use std::time::Duration;

use federation_application::{Ports, RecordError, Service, TICK, Writer};
use federation_domain::{
    CatalogStore, Cause, Change, ChangeKind, ChangeSink, Channel, Condition, Heartbeat,
    LivenessRule, Origin, Project, ProjectStatus, Proof, Registration, RegistrationDraft, Revision,
    Slug, Source,
};
use federation_testkit::{FakeCatalogStore, ManualClock};
use parking_lot::Mutex;

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<FakeCatalogStore>,
    pub(crate) service: Service,
    pub(crate) writer: Writer,
    pub(crate) published: Arc<Published>,
}

#[derive(Default)]
pub(crate) struct Published(pub(crate) Mutex<Vec<Change>>);

impl ChangeSink for Published {
    fn publish(&self, changes: &[Change]) {
        self.0.lock().extend_from_slice(changes);
    }
}

pub(crate) fn registration(slug: &str) -> Registration {
    RegistrationDraft {
        slug: slug.into(),
        name: slug.to_uppercase(),
        hub_url: "http://localhost:8000".into(),
        mesh_namespace: format!("hub.{slug}"),
        ..RegistrationDraft::default()
    }
    .parse()
    .unwrap()
}

pub(crate) fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

pub(crate) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    /// A loaded service with these projects, whose sources have proved their hearing once.
    pub(crate) async fn with(slugs: &[&str]) -> Self {
        let world = Self::on(Arc::default(), Arc::default()).await;
        for slug in slugs {
            world.service.catalog.register(registration(slug), Origin::Api).await.unwrap();
        }
        world
    }

    /// A service that starts on this store at this time.
    pub(crate) async fn on(store: Arc<FakeCatalogStore>, clock: Arc<ManualClock>) -> Self {
        let published = Arc::<Published>::default();
        let ports = Ports {
            store: Arc::clone(&store) as Arc<dyn CatalogStore>,
            sink: Arc::clone(&published) as Arc<dyn ChangeSink>,
            clock: Arc::clone(&clock) as Arc<dyn federation_domain::Clock>,
        };
        let service = Service::new(ports, LivenessRule::default(), true);
        service.load().await.unwrap();
        let writer = service.writer();
        let world = Self { clock, store, service, writer, published };
        world.prove_all();
        world
    }

    /// The same store and clock, another process.
    pub(crate) async fn restarted(&self) -> Self {
        Self::on(Arc::clone(&self.store), Arc::clone(&self.clock)).await
    }

    fn prove_all(&self) {
        for source in Source::ALL {
            self.prove(source, true);
        }
    }

    pub(crate) fn prove(&self, source: Source, unbroken: bool) {
        let heard_through = self.service.presence.now();
        self.service.presence.prove_hearing(source, Proof { heard_through, unbroken });
    }

    /// Lets time pass, all sources proving their hearing at each tick.
    pub(crate) fn listen(&self, time: Duration) {
        self.listen_over(&Source::ALL, time);
    }

    /// Lets time pass, these sources alone proving their hearing.
    pub(crate) fn listen_over(&self, sources: &[Source], time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(TICK);
            self.clock.advance(step);
            sources.iter().for_each(|&source| self.prove(source, true));
            left -= step;
        }
    }

    /// Lets time pass without any proof: the process is paused, or all is cut off.
    pub(crate) fn sleep(&self, time: Duration) {
        self.clock.advance(time);
    }

    pub(crate) fn beat(&self, slug: &str) -> Result<(), RecordError> {
        self.say(slug, Source::Nats, Channel::Presence, None)
    }

    pub(crate) fn say(
        &self,
        slug: &str,
        source: Source,
        channel: Channel,
        condition: Option<Condition>,
    ) -> Result<(), RecordError> {
        let heartbeat = Heartbeat { slug, source, channel, condition };
        self.service.presence.record_heartbeat(&heartbeat)
    }

    pub(crate) fn project(&self, name: &str) -> Project {
        self.service.catalog.find(&slug(name)).unwrap().project
    }

    /// Whether the status can be relied on.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.service.catalog.find(&slug(name)).unwrap().status_known
    }

    pub(crate) fn status(&self, name: &str) -> ProjectStatus {
        self.project(name).status
    }

    /// The status changes that the store has logged.
    pub(crate) async fn log(&self) -> Vec<(ProjectStatus, ProjectStatus, Cause)> {
        let changes = self.store.changes_after(Revision(0), 10_000).await.unwrap();
        changes
            .into_iter()
            .filter(|change| change.kind == ChangeKind::StatusChanged)
            .map(|change| (change.from.unwrap(), change.to.unwrap(), change.cause))
            .collect()
    }
}
