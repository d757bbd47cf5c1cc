//! A simulated project and its true state.

use federation_domain::{Condition, Source};

/// Time between heartbeats in ms: 30 s ± 10 %.
const INTERVAL: std::ops::Range<u64> = 27_000..33_000;

/// Time between heartbeats of a restless project in ms.
const SHORT_INTERVAL: std::ops::Range<u64> = 250..1_500;

/// A project and the heartbeats that it really sent. Times are in ms since the start.
pub(super) struct SimulatedProject {
    pub(super) slug: String,
    pub(super) source: Source,
    pub(super) alive: bool,
    pub(super) next: u64,
    /// The project reports that it is degraded.
    pub(super) unwell: bool,
    /// The project changes its reported health with every heartbeat, several times a minute.
    pub(super) restless: bool,
    /// Number of reported changes from healthy to degraded.
    pub(super) turned_unwell: usize,
    said_unwell: bool,
    spoken: Vec<Spoken>,
}

/// A heartbeat, and the time from which every replica that hears can have it.
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
            restless: false,
            turned_unwell: 0,
            said_unwell: false,
            spoken: Vec::new(),
        }
    }

    /// Returns the condition that it sends now; `None` if no heartbeat is due.
    pub(super) fn speak(&mut self, now: u64, rng: &mut fastrand::Rng) -> Option<Condition> {
        if !self.alive || self.next > now {
            return None;
        }
        self.unwell ^= self.restless;
        self.next = now + rng.u64(if self.restless { SHORT_INTERVAL } else { INTERVAL });
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

    /// Records a heartbeat over the bus, which every replica that hears receives.
    pub(super) fn spoke_to_all(&mut self, at: u64) {
        self.spoken.push(Spoken { at, shared_at: Some(at) });
    }

    /// Records a heartbeat to one replica that could not relay it.
    pub(super) fn spoke_to_one(&mut self, at: u64) {
        self.spoken.push(Spoken { at, shared_at: None });
    }

    pub(super) fn is_known_to_one_alone(&self) -> bool {
        self.spoken.iter().rev().take(16).any(|one| one.shared_at.is_none())
    }

    /// Records that the store has all heartbeats through a time.
    pub(super) fn stored_through(&mut self, moment: u64, now: u64) {
        let unshared = |one: &&mut Spoken| one.shared_at.is_none() && one.at <= moment;
        self.spoken.iter_mut().rev().take(16).filter(unshared).for_each(|one| {
            one.shared_at = Some(now);
        });
    }

    /// Time of the last heartbeat before `at` that every replica could know by `known_by`; 0 if none.
    pub(super) fn known_to_speak_before(&self, at: u64, known_by: u64) -> u64 {
        let known =
            |one: &&Spoken| one.at <= at && one.shared_at.is_some_and(|shared| shared <= known_by);
        self.spoken.iter().rev().find(known).map_or(0, |one| one.at)
    }
}
