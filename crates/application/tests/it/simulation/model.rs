//! Model of projects that live and die, a bus and a store with outages, and replicas that are killed,
//! paused and disconnected.

use std::time::Duration;

use federation_domain::{CatalogStore, Channel, Clock, Condition, Origin, Source};
use federation_testkit::FakeStore;
use time::OffsetDateTime;

use super::SKEW;
use super::project::SimulatedProject;
use super::replica::Replica;
use crate::world::{World, registration};

pub(super) const TICK_MS: u64 = 250;
const PROJECTS: usize = 6;

/// Deliberate defect that the checks must catch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sabotage {
    /// Hearing is proven while the bus is down.
    ClockRunsByItself,
    /// Hearing is proven before earlier messages are recorded.
    NoDrain,
}

pub(super) struct Simulation {
    pub(super) seed: u64,
    pub(super) now: u64,
    pub(super) store: FakeStore,
    pub(super) projects: Vec<SimulatedProject>,
    pub(super) replicas: Vec<Replica>,
    pub(super) acknowledged: Vec<String>,
    sabotage: Option<Sabotage>,
    rng: fastrand::Rng,
    begun: OffsetDateTime,
    bus_returns_at: u64,
    faults: bool,
}

/// Source over which a project sends heartbeats.
pub(super) fn source_of(project: usize) -> Source {
    if project % 3 == 2 { Source::Http } else { Source::Nats }
}

/// Index of the project with this slug.
pub(super) fn index_of(slug: &str) -> usize {
    slug[1..].parse().unwrap()
}

impl Simulation {
    /// Creates one to three replicas, depending on the seed. Their clocks differ by up to 0.2 s.
    pub(super) async fn new(seed: u64, sabotage: Option<Sabotage>) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let store = FakeStore::default();
        let count = 1 + usize::try_from(seed % 3).unwrap();
        let replicas: Vec<_> = (0..count)
            .map(|_| {
                let skew = time::Duration::milliseconds(rng.i64(-100..100));
                Replica::new(&store, skew, PROJECTS, count > 1)
            })
            .collect();
        let begun = federation_testkit::ManualClock::default().utc();
        let slug = |n: usize| format!("p{n}");
        let projects = (0..PROJECTS)
            .map(|n| SimulatedProject::new(slug(n), source_of(n), n as u64 * 5_000))
            .collect();
        let mut simulation = Self {
            seed,
            now: 0,
            store,
            projects,
            replicas,
            acknowledged: Vec::new(),
            sabotage,
            rng,
            begun,
            bus_returns_at: 0,
            faults: true,
        };
        for replica in &mut simulation.replicas {
            replica.start_if_due(0).await;
            let catalog = &replica.running(0).unwrap().service.catalog;
            let registrations = (0..PROJECTS).map(|n| registration(&slug(n))).collect();
            catalog.register_all(registrations, Origin::File).await.unwrap();
        }
        simulation
    }

    pub(super) fn millis_of(&self, at: OffsetDateTime) -> u64 {
        u64::try_from((at - self.begun).whole_milliseconds()).unwrap_or(0)
    }

    /// Advances the simulation by one tick.
    pub(super) async fn step(&mut self) {
        self.now += TICK_MS;
        for replica in &mut self.replicas {
            replica.clock.advance(Duration::from_millis(TICK_MS));
        }
        if self.faults {
            self.bring_faults();
        }
        for replica in &mut self.replicas {
            replica.start_if_due(self.now).await;
        }
        if self.faults && self.chance(60) {
            self.register().await;
        }
        self.speak();
        self.listen_and_write().await;
    }

    /// Ends all faults and lets everything settle.
    pub(super) async fn recover(&mut self) {
        self.faults = false;
        self.bus_returns_at = self.now;
        for replica in &mut self.replicas {
            replica.starts_at = self.now;
            for end in [
                &mut replica.paused_until,
                &mut replica.link_returns_at,
                &mut replica.store_returns_at,
            ] {
                *end = (*end).min(self.now);
            }
        }
        self.projects.iter_mut().for_each(|project| project.restless = false);
        // After twelve seconds each replica has written a checkpoint and read those of the others.
        // A change that was held back for ten seconds may still have to be adopted.
        for _ in 0..100 {
            self.step().await;
        }
    }

    /// Returns `true` once in `seconds` on average.
    fn chance(&mut self, seconds: u64) -> bool {
        self.rng.u64(..seconds * 1_000 / TICK_MS) == 0
    }

    fn later(&mut self) -> u64 {
        self.now + self.rng.u64(500..200_000)
    }

    fn bring_faults(&mut self) {
        if self.chance(300) {
            self.bus_returns_at = self.later();
            let until = self.bus_returns_at;
            self.replicas.iter_mut().for_each(|replica| replica.cut_link(until));
        }
        if self.chance(300) {
            let until = self.later();
            self.replicas.iter_mut().for_each(|replica| replica.store_returns_at = until);
        }
        for at in 0..self.replicas.len() {
            let until = self.later();
            match self.rng.u64(..6 * 150_000 / TICK_MS) {
                0 => self.replicas[at].kill(self.now, until),
                1 => self.replicas[at].kill(self.now, self.now + 1_000),
                2 => self.replicas[at].pause(self.now, until),
                3 => self.replicas[at].cut_link(until),
                4 => self.replicas[at].store_returns_at = until,
                _ => {}
            }
        }
        for at in 0..self.projects.len() {
            if self.chance(400) {
                self.projects[at].alive ^= true;
                self.projects[at].next = self.now;
            }
            if self.chance(200) {
                self.projects[at].unwell ^= true;
                self.projects[at].next = self.now;
            }
            // A defect shows in other checks too if projects speak that often.
            if self.sabotage.is_none() && self.chance(300) {
                self.projects[at].restless ^= true;
                self.projects[at].next = self.now;
            }
        }
    }

    async fn register(&mut self) {
        let slug = format!("n{}", self.now);
        let at = self.rng.usize(..self.replicas.len());
        let Some(world) = self.replicas[at].running(self.now) else { return };
        if world.service.catalog.register(registration(&slug), Origin::Api).await.is_ok() {
            self.acknowledged.push(slug);
        }
    }

    fn speak(&mut self) {
        for index in 0..self.projects.len() {
            let Some(condition) = self.projects[index].speak(self.now, &mut self.rng) else {
                continue;
            };
            match self.projects[index].source {
                Source::Nats => {
                    self.replicas.iter_mut().for_each(|replica| replica.spoke(index));
                    self.speak_on_bus(index, condition, None);
                }
                Source::Http => self.speak_over_http(index, condition),
            }
        }
    }

    /// Delivers a message to every replica except `but`, if the bus is up.
    fn speak_on_bus(&mut self, index: usize, condition: Condition, but: Option<usize>) {
        let message = self.projects[index].message(condition);
        let bus_is_up = self.bus_is_up();
        for at in (0..self.replicas.len()).filter(|&at| Some(at) != but) {
            if bus_is_up {
                self.replicas[at].receive(self.now, &message);
            } else {
                self.replicas[at].did_not_hear(index);
            }
        }
        self.projects[index].spoke_to_all(self.now);
    }

    /// Sends a heartbeat to a replica that answers, which relays it if it can.
    fn speak_over_http(&mut self, index: usize, condition: Condition) {
        let running = |at: &usize| self.replicas[*at].running(self.now).is_some();
        let up: Vec<usize> = (0..self.replicas.len()).filter(running).collect();
        // A heartbeat that no replica answers does not count as sent.
        let Some(&at) = up.get(self.rng.usize(..up.len().max(1))) else { return };
        self.replicas.iter_mut().for_each(|replica| replica.spoke(index));
        let world = self.replicas[at].running(self.now).unwrap();
        let said = Some(condition.clone());
        world.say(&self.projects[index].slug, Source::Http, Channel::Presence, said).unwrap();
        if self.replicas.len() == 1 || (self.bus_is_up() && self.replicas[at].has_link(self.now)) {
            self.speak_on_bus(index, condition, Some(at));
        } else {
            self.projects[index].spoke_to_one(self.now);
            self.replicas.iter_mut().for_each(|replica| replica.did_not_hear(index));
        }
    }

    fn bus_is_up(&self) -> bool {
        self.bus_returns_at <= self.now
    }

    async fn listen_and_write(&mut self) {
        let proves = self.bus_is_up() || self.sabotage == Some(Sabotage::ClockRunsByItself);
        let drains = self.sabotage != Some(Sabotage::NoDrain);
        let mut order: Vec<usize> = (0..self.replicas.len()).collect();
        self.rng.shuffle(&mut order);
        for at in order {
            let told = self.rng.bool() && self.bus_is_up();
            let replica = &mut self.replicas[at];
            if self.sabotage == Some(Sabotage::ClockRunsByItself) {
                replica.link_returns_at = replica.link_returns_at.min(self.now);
            }
            replica.listen(self.now, proves, drains);
            replica.write(self.now, told).await;
        }
        self.note_stored().await;
    }

    /// Records heartbeats that all replicas can know by now, because the store has them.
    async fn note_stored(&mut self) {
        if !self.projects.iter().any(SimulatedProject::is_known_to_one_alone) {
            return;
        }
        for stored in self.store.load().await.unwrap().projects {
            let heard = stored.last_heartbeat_at.map(|at| self.millis_of(at));
            let mut projects = self.projects.iter_mut();
            let project = projects.find(|project| project.slug == stored.slug.as_str());
            if let (Some(heard), Some(project)) = (heard, project) {
                // The clock of the replica may be behind.
                project.stored_through(heard + SKEW, self.now);
            }
        }
    }

    /// Running services with their index.
    pub(super) fn running(&self) -> impl Iterator<Item = (usize, &World)> {
        let running = |(at, replica): (usize, &'_ Replica)| replica.running(self.now).map(|_| at);
        let places: Vec<usize> = self.replicas.iter().enumerate().filter_map(running).collect();
        places.into_iter().map(|at| (at, self.replicas[at].world.as_ref().unwrap()))
    }
}
