//! A simulated replica: its process, its links, and what it can know.

use std::sync::Arc;

use federation_domain::{Channel, Condition, SETTLE, Source};
use federation_testkit::{FakeStore, ManualClock};

use super::CHANCE;
use super::project::SimulatedProject;
use crate::world::{Setting, World};

/// Listened time after a cut in which publishers reconnect, in ms.
const SETTLE_MS: u64 = SETTLE.as_millis() as u64;

pub(super) struct Replica {
    pub(super) clock: Arc<ManualClock>,
    /// Its own connection to the shared store.
    pub(super) store: Arc<FakeStore>,
    pub(super) world: Option<World>,
    pub(super) starts_at: u64,
    pub(super) paused_until: u64,
    paused_at: u64,
    pub(super) link_returns_at: u64,
    pub(super) store_returns_at: u64,
    /// Messages that arrived while the process was paused.
    backlog: Vec<Message>,
    link_is_new: bool,
    /// Listened time since the last interruption, by source.
    settled: [u64; 2],
    /// Time of the newest proof, by source.
    proven: [u64; 2],
    /// Silence that this replica must know of, by project.
    silence: Vec<i64>,
    /// By project: cuts since it was heard.
    cuts: Vec<u64>,
    /// The newest heartbeat did not reach this replica in time, by project.
    told: Vec<bool>,
    checkpointed_at: u64,
    died_at: u64,
    shared: bool,
}

#[derive(Clone)]
pub(super) struct Message {
    pub(super) slug: String,
    pub(super) source: Source,
    pub(super) condition: Condition,
}

impl Replica {
    pub(super) fn new(
        store: &FakeStore,
        skew: time::Duration,
        projects: usize,
        shared: bool,
    ) -> Self {
        let clock = Arc::<ManualClock>::default();
        clock.shift_utc(skew);
        Self {
            clock,
            store: Arc::new(store.sharing()),
            world: None,
            starts_at: 0,
            paused_until: 0,
            paused_at: 0,
            link_returns_at: 0,
            store_returns_at: 0,
            backlog: Vec::new(),
            link_is_new: true,
            settled: [0; 2],
            proven: [0; 2],
            silence: vec![0; projects],
            cuts: vec![0; projects],
            told: vec![false; projects],
            checkpointed_at: 0,
            died_at: 0,
            shared,
        }
    }

    /// The service, if its process runs and is not paused.
    pub(super) fn running(&self, now: u64) -> Option<&World> {
        self.world.as_ref().filter(|_| self.paused_until <= now)
    }

    /// Silence of a project that this replica must know of, and its listened time since the last
    /// interruption.
    pub(super) fn known_silence(&self, project: usize, source: Source) -> (u64, u64) {
        let silence = self.silence[project].max(0).unsigned_abs();
        let settled = self.settled[source.index()];
        // If the store may have a newer heartbeat, only the current listening period counts.
        (if self.told[project] { silence.min(settled) } else { silence }, settled)
    }

    /// Silence after which this replica must show a project as offline or its status as unknown.
    pub(super) fn due(&self, project: usize) -> u64 {
        let cuts = self.cuts[project];
        90_000 + CHANCE * cuts.min(2) + SETTLE_MS * cuts
    }

    pub(super) async fn start_if_due(&mut self, now: u64) {
        self.store.set_available(self.store_returns_at <= now);
        if self.world.is_some() || self.starts_at > now || self.store_returns_at > now {
            return;
        }
        let setting = Setting { shared_store: self.shared };
        let world = World::on(Arc::clone(&self.store), Arc::clone(&self.clock), setting).await;
        self.world = Some(world);
        self.link_is_new = true;
        self.proven = [now; 2];
        self.resume();
    }

    /// Continues silence from the last checkpoint, limited to the last listening period. If other
    /// replicas also write periods, the last one may be from another replica and shorter.
    fn resume(&mut self) {
        let lost = self.died_at - self.checkpointed_at;
        for (index, silence) in self.silence.iter_mut().enumerate() {
            let period = self.settled[super::source_of(index).index()];
            let resumed = (*silence).min(period.cast_signed()) - lost.cast_signed();
            *silence = if self.shared { 0 } else { resumed };
        }
        // The store may not have the newest heartbeats yet.
        self.told.fill(self.shared);
        self.settled = [0; 2];
        self.cuts.iter_mut().for_each(|cuts| *cuts += 1);
    }

    pub(super) fn kill(&mut self, now: u64, until: u64) {
        if self.world.take().is_some() {
            self.died_at = now;
        }
        self.paused_until = now;
        self.backlog.clear();
        self.starts_at = until;
    }

    pub(super) fn pause(&mut self, now: u64, until: u64) {
        if self.running(now).is_some() {
            (self.paused_at, self.paused_until) = (now, until);
        }
    }

    pub(super) fn cut_link(&mut self, until: u64) {
        self.link_returns_at = until;
        for message in self.backlog.drain(..) {
            self.told[super::index_of(&message.slug)] = true;
        }
        self.link_is_new = true;
    }

    pub(super) fn has_link(&self, now: u64) -> bool {
        self.link_returns_at <= now
    }

    /// Delivers a message over the bus. A paused process does not reconnect.
    pub(super) fn receive(&mut self, now: u64, message: &Message) {
        let stands_still = self.paused_until > now;
        if self.world.is_none() || !self.has_link(now) || (stands_still && self.link_is_new) {
            self.told[super::index_of(&message.slug)] = true;
        } else if stands_still {
            self.backlog.push(message.clone());
        } else if let Some(world) = &self.world {
            if self.link_is_new {
                // As in the subscriber, messages over a new connection are not a backlog.
                world.prove(Source::Nats, false);
            }
            world.relay(message);
        }
    }

    /// Records that only another replica received a heartbeat of a project.
    pub(super) fn did_not_hear(&mut self, project: usize) {
        self.told[project] = true;
    }

    /// Records the backlog, then proves hearing. Without `drains` the order is reversed, which is
    /// wrong.
    pub(super) fn listen(&mut self, now: u64, bus_is_up: bool, drains: bool) {
        let Some(world) = self.world.as_ref().filter(|_| self.paused_until <= now) else { return };
        let backlog = std::mem::take(&mut self.backlog);
        for message in &backlog {
            // The message may be as old as the pause or as recent as now. Another replica may have
            // newer data.
            let index = super::index_of(&message.slug);
            self.silence[index] = -(now - self.paused_at).cast_signed();
            self.told[index] = true;
        }
        if drains {
            backlog.iter().for_each(|message| world.relay(message));
        }
        if bus_is_up && self.link_returns_at <= now {
            let unbroken = !std::mem::replace(&mut self.link_is_new, false);
            world.prove(Source::Nats, unbroken);
            world.service.presence.listening().set_link(Source::Nats, unbroken);
            self.note_proof(Source::Nats, now, unbroken);
            if self.shared {
                self.note_proof(Source::Http, now, unbroken);
            }
        } else {
            self.link_is_new = true;
            world.service.presence.listening().set_link(Source::Nats, false);
        }
        let Some(world) = &self.world else { return };
        world.service.tick();
        if !self.shared {
            self.note_proof(Source::Http, now, true);
        }
        let Some(world) = self.world.as_ref().filter(|_| !drains) else { return };
        backlog.iter().for_each(|message| world.relay(message));
    }

    fn note_proof(&mut self, source: Source, now: u64, unbroken: bool) {
        let gap = now - std::mem::replace(&mut self.proven[source.index()], now);
        // HTTP clients do not wait for longer.
        let unbroken = unbroken && (source == Source::Nats || gap <= 5_000);
        let listened = if unbroken { gap.min(1_000) } else { 0 };
        if listened < gap || !unbroken {
            self.settled[source.index()] = 0;
        } else {
            self.settled[source.index()] += listened;
        }
        for (index, silence) in self.silence.iter_mut().enumerate() {
            if super::source_of(index) == source {
                *silence += listened.cast_signed();
                self.cuts[index] += u64::from(!unbroken);
            }
        }
    }

    /// Records that a project sent a heartbeat, received here or not: no silence must be known.
    pub(super) fn spoke(&mut self, project: usize) {
        self.silence[project] = 0;
        self.cuts[project] = 0;
        self.told[project] = false;
    }

    /// Runs the writer and the follower when they are due.
    pub(super) async fn write(&mut self, now: u64, told: bool) {
        let Some(world) = self.running(now) else { return };
        // Errors are expected, because the store has outages.
        let written = if now.is_multiple_of(10_000) {
            world.writer.checkpoint().await
        } else {
            let _ = world.writer.flush().await;
            world.writer.store_unrelayed().await
        };
        if told || now.is_multiple_of(1_000) {
            let _ = world.follower.follow().await;
        }
        if written.is_ok() && now.is_multiple_of(10_000) {
            self.checkpointed_at = now;
        }
    }
}

impl World {
    fn relay(&self, message: &Message) {
        let Message { slug, source, condition } = message;
        let condition = Some(condition.clone());
        // The project may not be in the catalog of this replica yet.
        let _ = match source {
            Source::Nats => self.say(slug, Source::Nats, Channel::Presence, condition),
            Source::Http => self.hear_relayed(slug, condition),
        };
    }
}

impl SimulatedProject {
    pub(super) fn message(&self, condition: Condition) -> Message {
        Message { slug: self.slug.clone(), source: self.source, condition }
    }
}
