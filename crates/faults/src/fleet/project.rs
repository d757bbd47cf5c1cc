//! One project: when it speaks, and when it does not.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::beat::Speaker;
use crate::clock::Moment;
use crate::roster::Participant;
use crate::world::World;

/// The time between two heartbeats: 1 s, give or take a tenth.
const INTERVAL_MS: std::ops::Range<u64> = 900..1_100;
/// How long a mortal project lives.
const LIFE_MS: std::ops::Range<u64> = 5_000..60_000;
/// How long it stays dead.
const DEATH_MS: std::ops::Range<u64> = 2_000..20_000;
/// Of so many heartbeats one changes what the project says of itself.
const MOOD_EVERY: u32 = 20;

pub(super) struct Project {
    world: Arc<World>,
    speaker: Speaker,
    rng: fastrand::Rng,
    alive: bool,
    /// When it dies or comes back; none when never.
    turns_at: Option<Moment>,
    due: Moment,
    degraded: bool,
}

impl Project {
    pub(super) fn new(world: Arc<World>, participant: Participant, mut rng: fastrand::Rng) -> Self {
        let Participant { slug, source, mortal } = participant;
        let due = Moment(Duration::from_millis(rng.u64(..INTERVAL_MS.start)));
        let turns_at = mortal.then(|| Moment(Duration::from_millis(rng.u64(LIFE_MS))));
        let speaker = Speaker::new(Arc::clone(&world), slug, source, rng.fork());
        Self { world, speaker, rng, alive: true, turns_at, due, degraded: false }
    }

    /// Lives on and on.
    pub(super) async fn live(mut self) {
        loop {
            let now = self.world.clock.now();
            sleep(self.due.since(now)).await;
            self.turn();
            if self.alive {
                if self.rng.u32(..MOOD_EVERY) == 0 && !self.is_frozen() {
                    self.degraded ^= true;
                }
                self.speaker.beat(self.degraded).await;
            }
            // One that was held up does not make up for it.
            let interval = Duration::from_millis(self.rng.u64(INTERVAL_MS));
            self.due = self.due.after(interval).max(self.world.clock.now());
        }
    }

    /// Dies or comes back when it is time.
    fn turn(&mut self) {
        let now = self.world.clock.now();
        let is_time = self.turns_at.is_some_and(|at| at <= now);
        if is_time && !self.is_frozen() {
            self.alive ^= true;
            let length = if self.alive { LIFE_MS } else { DEATH_MS };
            self.turns_at = Some(now.after(Duration::from_millis(self.rng.u64(length))));
        }
    }

    fn is_frozen(&self) -> bool {
        self.world.frozen.load(Ordering::Relaxed)
    }
}
