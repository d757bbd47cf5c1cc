//! Projects that live and die, a bus and a store that come and go, a process that is killed and
//! paused.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Channel, Clock, Origin, ProjectStatus, Source};
use federation_testkit::{FakeCatalogStore, ManualClock};
use time::OffsetDateTime;

use crate::world::{World, registration};

pub(super) const TICK_MS: u64 = 250;
const CHECKPOINT_MS: u64 = 10_000;

pub(super) struct Simulation {
    pub(super) seed: u64,
    pub(super) now: u64,
    pub(super) store: Arc<FakeCatalogStore>,
    pub(super) projects: Vec<SimulatedProject>,
    pub(super) acknowledged: Vec<String>,
    /// Breaks the rule on purpose: the bus proves its hearing while it is down.
    pub(super) prove_without_hearing: bool,
    rng: fastrand::Rng,
    clock: Arc<ManualClock>,
    begun: OffsetDateTime,
    world: Option<World>,
    starts_at: u64,
    bus_returns_at: Option<u64>,
    bus_is_new: bool,
    store_returns_at: Option<u64>,
    disturbed: [u64; 2],
    /// How long each source has listened, and when it last proved it.
    listened: [u64; 2],
    proven: [u64; 2],
}

/// A project and what it really did, in ms since the start.
pub(super) struct SimulatedProject {
    pub(super) slug: String,
    pub(super) source: Source,
    pub(super) last_sent: u64,
    /// How long its source had listened when it was heard last; unknown since a kill.
    pub(super) heard: Option<u64>,
    /// Its status a step ago.
    pub(super) status: ProjectStatus,
    sent: Vec<u64>,
    alive: bool,
    next: u64,
}

impl SimulatedProject {
    /// The last heartbeat that it sent up to a moment; the start, if none.
    pub(super) fn sent_before(&self, at: u64) -> u64 {
        let count = self.sent.partition_point(|&sent| sent <= at);
        count.checked_sub(1).map_or(0, |last| self.sent[last])
    }
}

impl Simulation {
    pub(super) async fn new(seed: u64) -> Self {
        let (store, clock) = (Arc::<FakeCatalogStore>::default(), Arc::<ManualClock>::default());
        let begun = clock.utc();
        let world = World::on(Arc::clone(&store), Arc::clone(&clock)).await;
        let mut projects = Vec::new();
        for n in 0..6 {
            let slug = format!("p{n}");
            world.service.catalog.register(registration(&slug), Origin::File).await.unwrap();
            let source = if n % 3 == 2 { Source::Http } else { Source::Nats };
            let next = n * 5_000;
            projects.push(SimulatedProject {
                slug,
                source,
                last_sent: 0,
                heard: None,
                status: ProjectStatus::Offline,
                sent: Vec::new(),
                alive: true,
                next,
            });
        }
        Self {
            seed,
            now: 0,
            store,
            projects,
            acknowledged: Vec::new(),
            prove_without_hearing: false,
            rng: fastrand::Rng::with_seed(seed),
            clock,
            begun,
            world: Some(world),
            starts_at: 0,
            bus_returns_at: None,
            bus_is_new: false,
            store_returns_at: None,
            disturbed: [0, 0],
            listened: [0, 0],
            proven: [0, 0],
        }
    }

    pub(super) fn running(&self) -> Option<&World> {
        self.world.as_ref()
    }

    /// Until when a source could last not hear.
    pub(super) fn disturbed_until(&self, source: Source) -> u64 {
        self.disturbed[source.index()]
    }

    /// How long a source has listened in all.
    pub(super) fn listened(&self, source: Source) -> u64 {
        self.listened[source.index()]
    }

    pub(super) fn millis_of(&self, at: OffsetDateTime) -> u64 {
        u64::try_from((at - self.begun).whole_milliseconds()).unwrap()
    }

    /// One tick of the world.
    pub(super) async fn step(&mut self) {
        self.pass(TICK_MS);
        self.bring_faults().await;
        self.end_faults().await;
        self.send_heartbeats();
        self.prove();
        self.write().await;
    }

    /// Ends all faults and lets everything settle.
    pub(super) async fn recover(&mut self) {
        self.bus_returns_at = self.bus_returns_at.map(|_| self.now);
        self.store_returns_at = self.store_returns_at.map(|_| self.now);
        self.starts_at = self.now;
        self.end_faults().await;
        self.prove();
        self.running().unwrap().writer.checkpoint().await.unwrap();
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.clock.advance(Duration::from_millis(millis));
    }

    /// Whether something that happens once in so many seconds happens now.
    fn chance(&mut self, seconds: u64) -> bool {
        self.rng.u64(..seconds * 1_000 / TICK_MS) == 0
    }

    fn later(&mut self) -> u64 {
        self.now + self.rng.u64(500..200_000)
    }

    async fn bring_faults(&mut self) {
        if self.chance(240) && self.bus_returns_at.is_none() {
            self.bus_returns_at = Some(self.later());
        }
        if self.chance(240) && self.store_returns_at.is_none() {
            self.store_returns_at = Some(self.later());
            self.store.set_available(false);
        }
        if self.chance(300) && self.world.take().is_some() {
            // Killed: what it had not stored is lost.
            self.starts_at = self.later();
            self.projects.iter_mut().for_each(|project| project.heard = None);
        }
        if self.chance(300) {
            self.pause();
        }
        for at in 0..self.projects.len() {
            if self.chance(400) {
                self.projects[at].alive ^= true;
                self.projects[at].next = self.now;
            }
        }
        if self.chance(60) {
            self.register().await;
        }
    }

    /// The process stands still; the world goes on, and its heartbeats reach nobody.
    fn pause(&mut self) {
        let until = self.later();
        while self.now < until {
            self.pass(TICK_MS);
            self.send_without_hearers();
        }
        self.disturbed = [self.now; 2];
    }

    async fn register(&mut self) {
        let slug = format!("n{}", self.now);
        let Some(world) = self.running() else { return };
        if world.service.catalog.register(registration(&slug), Origin::Api).await.is_ok() {
            self.acknowledged.push(slug);
        }
    }

    async fn end_faults(&mut self) {
        if self.store_returns_at.is_some_and(|at| at <= self.now) {
            self.store_returns_at = None;
            self.store.set_available(true);
        }
        if self.bus_returns_at.is_some_and(|at| at <= self.now) {
            self.bus_returns_at = None;
            self.bus_is_new = true;
        }
        let startable = self.starts_at <= self.now && self.store_returns_at.is_none();
        if self.world.is_none() && startable {
            let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
            self.world = Some(World::on(store, clock).await);
        }
        if self.world.is_none() {
            self.disturbed = [self.now; 2];
        }
        if self.bus_returns_at.is_some() || self.bus_is_new {
            self.disturbed[Source::Nats.index()] = self.now;
        }
    }

    fn send_heartbeats(&mut self) {
        let bus_is_up = self.bus_returns_at.is_none();
        for project in &mut self.projects {
            if !project.send_if_due(self.now, &mut self.rng) {
                continue;
            }
            let Some(world) = &self.world else { continue };
            if project.source == Source::Http || bus_is_up {
                world.say(&project.slug, project.source, Channel::Presence, None).unwrap();
                project.heard = Some(self.listened[project.source.index()]);
            }
        }
    }

    fn send_without_hearers(&mut self) {
        for project in &mut self.projects {
            project.send_if_due(self.now, &mut self.rng);
        }
    }

    fn prove(&mut self) {
        if self.world.is_none() {
            return;
        }
        self.prove_over(Source::Http, true);
        if self.prove_without_hearing {
            self.prove_over(Source::Nats, true);
        } else if self.bus_returns_at.is_none() {
            self.prove_over(Source::Nats, !self.bus_is_new);
            self.bus_is_new = false;
        }
    }

    fn prove_over(&mut self, source: Source, unbroken: bool) {
        if let Some(world) = &self.world {
            world.prove(source, unbroken);
        }
        let gap = self.now - self.proven[source.index()];
        self.listened[source.index()] += if unbroken { gap.min(1_000) } else { 0 };
        self.proven[source.index()] = self.now;
    }

    async fn write(&mut self) {
        let Some(world) = &self.world else { return };
        // A store that is away is part of the game.
        let _ = if self.now.is_multiple_of(CHECKPOINT_MS) {
            world.writer.checkpoint().await
        } else {
            world.writer.flush().await
        };
    }
}

impl SimulatedProject {
    /// Sends when it is time: every 30 s, give or take a tenth.
    fn send_if_due(&mut self, now: u64, rng: &mut fastrand::Rng) -> bool {
        if !self.alive || self.next > now {
            return false;
        }
        self.next = now + rng.u64(27_000..33_000);
        self.last_sent = now;
        self.sent.push(now);
        true
    }
}
