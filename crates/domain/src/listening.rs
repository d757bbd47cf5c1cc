//! Time as far as hearing is proven.

use std::time::Duration;

/// The most that one proof of hearing advances a listening clock; what a longer gap holds beyond
/// it was deafness. Four ticks of 250 ms: room for a slow tick, not for a paused process.
pub const MAX_STEP: Duration = Duration::from_secs(1);

/// A point of the monotonic clock, as the time since an arbitrary start in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// The time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A reading of a listening clock, in microseconds. Before a start it may be negative: silence
/// that began in an earlier process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Reading(pub i64);

impl Reading {
    /// The listened time from `earlier` to here; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The reading so much later.
    #[must_use]
    pub fn after(self, listened: Duration) -> Self {
        Self(self.0.saturating_add(micros(listened)))
    }

    /// The reading so much earlier.
    #[must_use]
    pub fn before(self, listened: Duration) -> Self {
        Self(self.0.saturating_sub(micros(listened)))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// What a source proves: that it has handed on all that arrived up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The moment up to which everything was heard.
    pub heard_through: Monotonic,
    /// Whether hearing was whole since the proof before: same connection, nothing dropped.
    pub unbroken: bool,
}

/// The clock of one source. It does not run by itself: proofs of hearing advance it.
///
/// Silence is the difference of two of its readings, so deaf time is never taken for silence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListeningClock {
    reading: Reading,
    proven: Option<Monotonic>,
    settled_since: Reading,
    deaf: Duration,
    whole: bool,
}

impl ListeningClock {
    /// Takes in a proof. The time since the proof before it counts as listened, by at most
    /// [`MAX_STEP`], if hearing was whole; the rest of it was deafness.
    ///
    /// Returns the deaf time found.
    pub fn hear(&mut self, proof: Proof) -> Duration {
        self.whole = proof.unbroken;
        let Some(proven) = self.proven else {
            self.proven = Some(proof.heard_through);
            return Duration::ZERO;
        };
        let gap = proof.heard_through.since(proven);
        let step = if proof.unbroken { gap.min(MAX_STEP) } else { Duration::ZERO };
        let deaf = gap - step;
        self.reading = self.reading.after(step);
        self.proven = Some(proven.max(proof.heard_through));
        if !deaf.is_zero() || !proof.unbroken {
            self.settled_since = self.reading;
            self.deaf += deaf;
        }
        deaf
    }

    /// The reading at the newest proof.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// The reading to note for a heartbeat that arrives now: ahead of the proven reading by the
    /// time since, at most [`MAX_STEP`]. Should that time turn out deaf, silence starts later,
    /// never earlier.
    #[must_use]
    pub fn reading_at(&self, now: Monotonic) -> Reading {
        let since = self.proven.map_or(Duration::ZERO, |proven| now.since(proven));
        self.reading.after(since.min(MAX_STEP))
    }

    /// How long it has listened since the last deaf spell or the start.
    #[must_use]
    pub fn settled(&self) -> Duration {
        self.reading.since(self.settled_since)
    }

    /// All deaf time so far.
    #[must_use]
    pub fn deaf(&self) -> Duration {
        self.deaf
    }

    /// The moment through which hearing is proven; none before the first proof.
    #[must_use]
    pub fn proven(&self) -> Option<Monotonic> {
        self.proven
    }

    /// Whether hearing is proven, without a break at the end, up to within `grace` of now.
    #[must_use]
    pub fn hears(&self, now: Monotonic, grace: Duration) -> bool {
        self.whole && self.proven.is_some_and(|proven| now.since(proven) <= grace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn whole(millis: u64) -> Proof {
        Proof { heard_through: at(millis), unbroken: true }
    }

    #[test]
    fn without_proofs_it_stands_still() {
        let mut clock = ListeningClock::default();
        clock.hear(whole(1_000));
        let before = clock.reading();
        assert_eq!(clock.reading_at(at(900_000)).since(before), MAX_STEP);
        assert_eq!(clock.reading(), before);
    }

    #[test]
    fn a_long_gap_is_deafness_but_for_one_step() {
        let mut clock = ListeningClock::default();
        clock.hear(whole(0));
        assert_eq!(clock.hear(whole(60_000)), Duration::from_secs(59));
        assert_eq!(clock.reading(), Reading(1_000_000));
        assert_eq!(clock.settled(), Duration::ZERO);
        clock.hear(whole(60_250));
        assert_eq!(clock.settled(), Duration::from_millis(250));
    }

    #[test]
    fn a_broken_proof_makes_the_whole_gap_deaf() {
        let mut clock = ListeningClock::default();
        clock.hear(whole(0));
        let deaf = clock.hear(Proof { heard_through: at(400), unbroken: false });
        assert_eq!((deaf, clock.reading()), (Duration::from_millis(400), Reading(0)));
    }

    #[test]
    fn an_older_proof_changes_nothing() {
        let mut clock = ListeningClock::default();
        clock.hear(whole(1_000));
        clock.hear(whole(1_500));
        let before = clock.clone();
        clock.hear(whole(1_200));
        assert_eq!(clock, before);
    }

    #[test]
    fn it_hears_only_while_the_newest_proof_is_fresh_and_whole() {
        let mut clock = ListeningClock::default();
        let grace = Duration::from_secs(2);
        assert!(!clock.hears(at(0), grace));
        clock.hear(whole(0));
        assert!(clock.hears(at(2_000), grace));
        assert!(!clock.hears(at(2_001), grace));
        clock.hear(Proof { heard_through: at(2_500), unbroken: false });
        assert!(!clock.hears(at(2_500), grace));
    }

    proptest! {
        #[test]
        fn listened_and_deaf_add_up_to_the_time_between_first_and_last_proof(
            gaps in prop::collection::vec((0_u64..5_000, any::<bool>()), 1..50),
        ) {
            let mut clock = ListeningClock::default();
            clock.hear(whole(0));
            let mut now = 0;
            for (gap, unbroken) in gaps {
                now += gap;
                let before = clock.reading();
                clock.hear(Proof { heard_through: at(now), unbroken });
                prop_assert!(clock.reading().since(before) <= MAX_STEP);
            }
            let listened = clock.reading().since(Reading(0));
            prop_assert_eq!(listened + clock.deaf(), Duration::from_millis(now));
        }
    }
}
