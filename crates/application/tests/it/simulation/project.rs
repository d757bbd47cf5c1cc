//! A simulated project, and the truth about it.

use federation_domain::{Condition, Source};

/// How often it speaks, in ms: every 30 s, give or take a tenth.
const INTERVAL: std::ops::Range<u64> = 27_000..33_000;

/// A project and what it really did, in ms since the start.
pub(super) struct SimulatedProject {
    pub(super) slug: String,
    pub(super) source: Source,
    pub(super) alive: bool,
    pub(super) next: u64,
    /// Whether it says that it is degraded.
    pub(super) unwell: bool,
    /// How often it said so after it had said otherwise.
    pub(super) turned_unwell: usize,
    said_unwell: bool,
    spoken: Vec<Spoken>,
}

/// A heartbeat, and since when all replicas that hear can know of it.
struct Spoken {
    at: u64,
    shared_at: Option<u64>,
}

impl SimulatedProject {
    pub(super) fn new(slug: String, source: Source, next: u64) -> Self {
        Self {
            slug,
            source,
            alive: true,
            next,
            unwell: false,
            turned_unwell: 0,
            said_unwell: false,
            spoken: Vec::new(),
        }
    }

    /// What it says now, if it is time to speak.
    pub(super) fn speak(&mut self, now: u64, rng: &mut fastrand::Rng) -> Option<Condition> {
        if !self.alive || self.next > now {
            return None;
        }
        self.next = now + rng.u64(INTERVAL);
        if self.unwell && !self.said_unwell {
            self.turned_unwell += 1;
        }
        self.said_unwell = self.unwell;
        Some(if self.unwell {
            Condition::Degraded { reasons: vec!["queue backlog".into()] }
        } else {
            Condition::Online
        })
    }

    /// It spoke on the bus, where every replica that hears hears it.
    pub(super) fn spoke_to_all(&mut self, at: u64) {
        self.spoken.push(Spoken { at, shared_at: Some(at) });
    }

    /// It spoke to one replica, which could not tell the others yet.
    pub(super) fn spoke_to_one(&mut self, at: u64) {
        self.spoken.push(Spoken { at, shared_at: None });
    }

    pub(super) fn is_known_to_one_alone(&self) -> bool {
        self.spoken.iter().rev().take(16).any(|one| one.shared_at.is_none())
    }

    /// The store knows of all heartbeats up to a moment.
    pub(super) fn stored_through(&mut self, moment: u64, now: u64) {
        let unshared = |one: &&mut Spoken| one.shared_at.is_none() && one.at <= moment;
        self.spoken.iter_mut().rev().take(16).filter(unshared).for_each(|one| {
            one.shared_at = Some(now);
        });
    }

    /// The last heartbeat before a moment of which all could know at another; the start, if none.
    pub(super) fn known_to_speak_before(&self, at: u64, known_by: u64) -> u64 {
        let known =
            |one: &&Spoken| one.at <= at && one.shared_at.is_some_and(|shared| shared <= known_by);
        self.spoken.iter().rev().find(known).map_or(0, |one| one.at)
    }
}
