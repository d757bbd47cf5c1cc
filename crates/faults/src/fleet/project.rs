//! The life cycle of one project.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::sleep;

use super::beat::Speaker;
use crate::clock::Moment;
use crate::roster::Participant;
use crate::world::World;

/// Time between two heartbeats: 1 s ± 10 %.
const INTERVAL_MS: std::ops::Range<u64> = 900..1_100;
/// Time for which a mortal project lives.
const LIFE_MS: std::ops::Range<u64> = 5_000..60_000;
/// Time for which it stays dead.
const DEATH_MS: std::ops::Range<u64> = 2_000..20_000;
/// Average number of heartbeats between two changes of the reported status.
const STATUS_CHANGE_EVERY: u32 = 20;

pub(super) struct Project {
    world: Arc<World>,
    speaker: Speaker,
    rng: fastrand::Rng,
    alive: bool,
    /// Time at which it dies or comes back, or `None` if it is immortal.
    changes_at: Option<Moment>,
    due: Moment,
    degraded: bool,
}

impl Project {
    pub(super) fn new(world: Arc<World>, participant: Participant, mut rng: fastrand::Rng) -> Self {
        let Participant { slug, source, mortal } = participant;
        let due = Moment(Duration::from_millis(rng.u64(..INTERVAL_MS.start)));
        let changes_at = mortal.then(|| Moment(Duration::from_millis(rng.u64(LIFE_MS))));
        let speaker = Speaker::new(Arc::clone(&world), slug, source, rng.fork());
        Self { world, speaker, rng, alive: true, changes_at, due, degraded: false }
    }

    /// Sends heartbeats until cancelled.
    pub(super) async fn live(mut self) {
        loop {
            let now = self.world.clock.now();
            sleep(self.due.since(now)).await;
            self.die_or_return();
            if self.alive {
                if self.rng.u32(..STATUS_CHANGE_EVERY) == 0 && !self.is_frozen() {
                    self.degraded ^= true;
                }
                self.speaker.beat(self.degraded).await;
            }
            // A delayed project does not catch up.
            let interval = Duration::from_millis(self.rng.u64(INTERVAL_MS));
            self.due = self.due.after(interval).max(self.world.clock.now());
        }
    }

    /// Dies or comes back when it is time.
    fn die_or_return(&mut self) {
        let now = self.world.clock.now();
        let is_time = self.changes_at.is_some_and(|at| at <= now);
        if is_time && !self.is_frozen() {
            self.alive ^= true;
            let length = if self.alive { LIFE_MS } else { DEATH_MS };
            self.changes_at = Some(now.after(Duration::from_millis(self.rng.u64(length))));
        }
    }

    fn is_frozen(&self) -> bool {
        self.world.frozen.load(Ordering::Relaxed)
    }
}
