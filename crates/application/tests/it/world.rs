//! A service on a fake store with a manual clock.

use std::sync::Arc;
use std::time::Duration;

use federation_application::{
    Deployment, Follower, Ports, ProjectState, RecordError, Service, TICK, Writer,
};
use federation_domain::{
    Cause, ChangeKind, ChangeSink, Channel, Condition, Heartbeat, HeartbeatRelay, InstanceReport,
    LivenessRule, LogEntry, Origin, Prober, Project, ProjectStatus, Proof, Registration,
    RegistrationDraft, Revision, Slug, Source, Stores,
};
use federation_testkit::{FakeStore, ManualClock, entries_after, log_after};
use parking_lot::Mutex;

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<FakeStore>,
    pub(crate) service: Service,
    pub(crate) writer: Writer,
    pub(crate) follower: Follower,
    pub(crate) published: Arc<Published>,
}

/// Deployment of a service.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Setting {
    /// Other replicas use the same store.
    pub(crate) shared_store: bool,
}

#[derive(Default)]
struct Helpers {
    relay: Option<Arc<dyn HeartbeatRelay>>,
    prober: Option<Arc<dyn Prober>>,
}

#[derive(Default)]
pub(crate) struct Published(pub(crate) Mutex<Vec<LogEntry>>);

impl ChangeSink for Published {
    fn publish(&self, entries: &[LogEntry]) {
        self.0.lock().extend_from_slice(entries);
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
    /// Creates a loaded service with these projects, whose sources have proved their hearing once.
    pub(crate) async fn with(slugs: &[&str]) -> Self {
        let world = Self::on(Arc::default(), Arc::default(), Setting::default()).await;
        world.prove_all();
        for slug in slugs {
            world.service.catalog.register(registration(slug), Origin::Api).await.unwrap();
        }
        world
    }

    /// Creates a service on this store and clock.
    pub(crate) async fn on(
        store: Arc<FakeStore>,
        clock: Arc<ManualClock>,
        setting: Setting,
    ) -> Self {
        Self::made(store, clock, setting, Helpers::default()).await
    }

    /// Creates a service that probes silent projects.
    pub(crate) async fn asking(
        store: Arc<FakeStore>,
        clock: Arc<ManualClock>,
        setting: Setting,
        prober: Arc<dyn Prober>,
    ) -> Self {
        Self::made(store, clock, setting, Helpers { prober: Some(prober), relay: None }).await
    }

    /// Creates a replica that relays its HTTP heartbeats by `relay`.
    pub(crate) async fn relaying(
        store: Arc<FakeStore>,
        clock: Arc<ManualClock>,
        relay: Arc<dyn HeartbeatRelay>,
    ) -> Self {
        let helpers = Helpers { relay: Some(relay), prober: None };
        Self::made(store, clock, Setting { shared_store: true }, helpers).await
    }

    /// Creates a service whose catalog is not loaded.
    pub(crate) fn unloaded() -> Service {
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::default()),
            sink: Arc::<Published>::default(),
            clock: Arc::<ManualClock>::default(),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: false, shared_store: false };
        Service::new(ports, LivenessRule::default(), deployment)
    }

    async fn made(
        store: Arc<FakeStore>,
        clock: Arc<ManualClock>,
        setting: Setting,
        helpers: Helpers,
    ) -> Self {
        let published = Arc::<Published>::default();
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::clone(&store)),
            sink: Arc::clone(&published) as Arc<dyn ChangeSink>,
            clock: Arc::clone(&clock) as Arc<dyn federation_domain::Clock>,
            relay: helpers.relay,
            prober: helpers.prober,
        };
        let deployment = Deployment { bus: true, shared_store: setting.shared_store };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        let (writer, follower) = (service.writer(), service.follower());
        Self { clock, store, service, writer, follower, published }
    }

    /// Creates another process on the same store and clock.
    pub(crate) async fn restarted(&self) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        let world = Self::on(store, clock, Setting::default()).await;
        world.prove_all();
        world
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

    /// Lets time pass while all sources prove their hearing at each tick.
    pub(crate) fn listen(&self, time: Duration) {
        self.listen_over(&Source::ALL, time);
    }

    /// Lets time pass while only these sources prove their hearing.
    pub(crate) fn listen_over(&self, sources: &[Source], time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(TICK);
            self.clock.advance(step);
            sources.iter().for_each(|&source| self.prove(source, true));
            left -= step;
        }
    }

    /// Lets time pass while all sources prove their hearing every second, which is enough for what
    /// takes days.
    pub(crate) fn listen_coarsely(&self, time: Duration) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(Duration::from_secs(1));
            self.clock.advance(step);
            Source::ALL.iter().for_each(|&source| self.prove(source, true));
            left -= step;
        }
    }

    /// Returns the stored claims about edges.
    pub(crate) async fn stored_edges(&self) -> Vec<federation_domain::EdgeClaim> {
        let mut claims = Vec::new();
        federation_domain::EdgeStore::load_edges(&*self.store, &mut |claim| claims.push(claim))
            .await
            .unwrap();
        claims
    }

    /// Returns the kinds of the entries of edges in the log of the store.
    pub(crate) async fn edge_entries(&self) -> Vec<String> {
        let entries = entries_after(&*self.store, Revision(0), 10_000).await;
        let edges = entries.iter().filter(|entry| entry.entity() == "edge");
        edges.map(|entry| entry.kind().to_owned()).collect()
    }

    /// Lets time pass without any proof, as in a paused or disconnected process.
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
        let heartbeat = Heartbeat {
            slug,
            source,
            channel,
            condition,
            key: None,
            instance: InstanceReport::default(),
        };
        self.service.presence.recorder().record_heartbeat(&heartbeat)
    }

    /// Records a heartbeat that another replica received over HTTP and relayed.
    pub(crate) fn hear_relayed(
        &self,
        slug: &str,
        condition: Option<Condition>,
    ) -> Result<(), RecordError> {
        let (source, channel) = (Source::Http, Channel::Presence);
        self.service.presence.recorder().record_relayed(&Heartbeat {
            slug,
            source,
            channel,
            condition,
            key: None,
            instance: InstanceReport::default(),
        })
    }

    pub(crate) fn state(&self, name: &str) -> ProjectState {
        self.service.catalog.find(&slug(name)).unwrap()
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        self.service.catalog.find(&slug(name)).is_ok()
    }

    pub(crate) fn project(&self, name: &str) -> Project {
        self.state(name).project
    }

    /// Returns `true` if the status is known.
    pub(crate) fn is_known(&self, name: &str) -> bool {
        self.state(name).status_known
    }

    pub(crate) fn status(&self, name: &str) -> ProjectStatus {
        self.project(name).status
    }

    /// Returns the status changes in the log of the store.
    pub(crate) async fn log(&self) -> Vec<(ProjectStatus, ProjectStatus, Cause)> {
        let changes = log_after(&*self.store, Revision(0), 10_000).await;
        changes
            .into_iter()
            .filter(|change| change.kind == ChangeKind::StatusChanged)
            .map(|change| (change.from.unwrap(), change.to.unwrap(), change.cause))
            .collect()
    }
}
