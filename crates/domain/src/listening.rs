//! Listened time: the time during which a source provably received heartbeats.

use std::sync::Arc;
use std::time::Duration;

use crate::liveness::Evidence;

mod cuts;
mod past;

use cuts::Cuts;
pub use past::PastListening;

/// Longest time that one proof of hearing can cover. The rest of a longer gap was deaf.
///
/// Four ticks of 250 ms: enough for a slow tick, too short for a paused process.
pub const MAX_STEP: Duration = Duration::from_secs(1);

/// Time after a cut that does not count as listened, in which publishers reconnect.
///
/// NATS clients wait 2 s between attempts by default, plus jitter and the time to connect.
pub const SETTLE: Duration = Duration::from_secs(5);

/// A point on the monotonic clock, as the time since an arbitrary start in this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Monotonic(pub Duration);

impl Monotonic {
    /// Returns the time from `earlier` to `self`, or zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A reading of a listening clock, in microseconds. It is negative for a moment before this
/// process started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Reading(pub i64);

impl Reading {
    /// Returns the listened time from `earlier` to `self`, or zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns the reading after `listened` more of listened time.
    #[must_use]
    pub fn after(self, listened: Duration) -> Self {
        Self(self.0.saturating_add(micros(listened)))
    }

    /// Returns the reading before the last `listened` of listened time.
    #[must_use]
    pub fn before(self, listened: Duration) -> Self {
        Self(self.0.saturating_sub(micros(listened)))
    }

    /// Returns the next reading: a cut takes one microsecond, so that a heartbeat before it and
    /// one after it have different readings.
    fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Proof by a source that it has handed over everything that arrived up to a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proof {
    /// The moment up to which everything was received.
    pub heard_through: Monotonic,
    /// `false` if messages may have been lost since the previous proof: the connection is another
    /// one, or messages were dropped.
    pub unbroken: bool,
}

/// The clock of one source. Only proofs of hearing advance it.
///
/// Silence is the difference of two readings, so deaf time is never taken for silence. There are
/// two kinds of deafness:
///
/// - A **stall**: the process was paused or slow, and the connection survived. Messages sent during
///   a stall are delivered before anything is judged, so only its deaf time is excluded.
/// - A **cut**: messages may be lost. For projects not heard since, its deaf time and a
///   [settle time](SETTLE) after it are excluded, and each cut
///   [extends](crate::Thresholds::due_after) their thresholds.
///
/// A start is a cut, because messages sent before it were not heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListeningClock {
    reading: Reading,
    proven: Option<Monotonic>,
    unbroken: bool,
    deaf: Duration,
    /// Shared with copies of the clock, which are made often.
    cuts: Arc<Cuts>,
    /// The reading right after the last cut.
    cut_at: Reading,
    /// Listened time since the last stall or cut.
    gapless: Duration,
}

impl Default for ListeningClock {
    fn default() -> Self {
        Self::starting(Cuts::default(), Duration::ZERO)
    }
}

impl ListeningClock {
    fn starting(cuts: Cuts, deaf: Duration) -> Self {
        let mut clock = Self {
            reading: Reading::default(),
            proven: None,
            unbroken: false,
            deaf: Duration::ZERO,
            cuts: Arc::new(cuts),
            cut_at: Reading::default(),
            gapless: Duration::ZERO,
        };
        clock.cut(deaf);
        clock
    }

    /// Creates the clock of a process that starts after this past.
    #[must_use]
    pub fn resume(past: &PastListening) -> Self {
        Self::starting(past.cuts(), past.deaf_until_start())
    }

    /// Applies a proof and returns the deaf time before it.
    ///
    /// The time since the previous proof counts as listened, up to [`MAX_STEP`], if nothing was
    /// lost. The rest was deaf.
    pub fn hear(&mut self, proof: Proof) -> Duration {
        self.unbroken = proof.unbroken;
        let Some(proven) = self.proven else {
            self.proven = Some(proof.heard_through);
            return Duration::ZERO;
        };
        let gap = proof.heard_through.since(proven);
        self.proven = Some(proven.max(proof.heard_through));
        let listened = if proof.unbroken { gap.min(MAX_STEP) } else { Duration::ZERO };
        let deaf = gap - listened;
        self.deaf += deaf;
        if proof.unbroken {
            self.advance(listened);
            if !deaf.is_zero() {
                self.gapless = Duration::ZERO;
            }
        } else {
            self.cut(deaf);
        }
        deaf
    }

    fn advance(&mut self, listened: Duration) {
        let settling = listened.min(self.settle_left());
        if !settling.is_zero() {
            Arc::make_mut(&mut self.cuts).settle(settling);
        }
        self.reading = self.reading.after(listened);
        self.gapless += listened;
    }

    fn cut(&mut self, deaf: Duration) {
        let cuts = Arc::make_mut(&mut self.cuts);
        cuts.push(self.reading, deaf);
        self.reading = self.reading.next();
        self.cut_at = self.reading;
        self.gapless = Duration::ZERO;
    }

    fn settle_left(&self) -> Duration {
        SETTLE.saturating_sub(self.uncut())
    }

    /// Returns the reading at the newest proof.
    #[must_use]
    pub fn reading(&self) -> Reading {
        self.reading
    }

    /// Returns the reading to record for a heartbeat that arrived at this moment.
    ///
    /// For a moment after the newest proof, the reading is ahead of the proven one by at most
    /// [`MAX_STEP`]. If that time turns out to be deaf, silence starts later, never earlier. For an
    /// earlier moment, the reading is never before the end of the last stall or cut.
    #[must_use]
    pub fn reading_at(&self, moment: Monotonic) -> Reading {
        let Some(proven) = self.proven else { return self.reading };
        if moment < proven {
            return self.reading.before(proven.since(moment).min(self.gapless));
        }
        self.reading.after(moment.since(proven).min(MAX_STEP))
    }

    /// Returns the evidence of silence for a project that was heard at this reading.
    #[must_use]
    pub fn evidence_since(&self, heard: Reading) -> Evidence {
        let cuts = self.cuts.since(heard, self.reading);
        let silence = self.reading.since(heard).saturating_sub(cuts.left_out());
        Evidence { silence, settled: self.settled(), cuts: cuts.count, lost: cuts.lost() }
    }

    /// Returns the reading at which a project heard at `heard` will have been silent for `silence`,
    /// if no other cut follows.
    #[must_use]
    pub fn reading_after(&self, heard: Reading, silence: Duration) -> Reading {
        let cuts = self.cuts.since(heard, self.reading);
        let settle_left = if cuts.count == 0 { Duration::ZERO } else { self.settle_left() };
        heard.after(silence + cuts.left_out() + settle_left)
    }

    /// Returns the listened time since publishers had time to reconnect after the last cut.
    #[must_use]
    pub fn settled(&self) -> Duration {
        self.uncut().saturating_sub(SETTLE)
    }

    /// Returns the listened time since the last cut, settle time included.
    #[must_use]
    pub fn uncut(&self) -> Duration {
        self.reading.since(self.cut_at)
    }

    /// Returns the listened time since the last stall or cut, settle time included.
    #[must_use]
    pub fn gapless(&self) -> Duration {
        self.gapless
    }

    /// Returns all deaf time so far.
    #[must_use]
    pub fn deaf(&self) -> Duration {
        self.deaf
    }

    /// Returns the moment through which hearing is proven, or `None` before the first proof.
    #[must_use]
    pub fn proven(&self) -> Option<Monotonic> {
        self.proven
    }

    /// Returns `true` if the newest proof is unbroken and at most `max_age` old.
    #[must_use]
    pub fn hears(&self, now: Monotonic, max_age: Duration) -> bool {
        self.unbroken && self.proven.is_some_and(|proven| now.since(proven) <= max_age)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn proof(millis: u64) -> Proof {
        Proof { heard_through: at(millis), unbroken: true }
    }

    fn cut(millis: u64) -> Proof {
        Proof { heard_through: at(millis), unbroken: false }
    }

    /// A clock that has listened without a gap from 0 ms to `until`.
    fn listening_until(until: u64) -> ListeningClock {
        let mut clock = ListeningClock::default();
        for millis in (0..=until).step_by(250) {
            clock.hear(proof(millis));
        }
        clock
    }

    #[test]
    fn without_proofs_the_clock_stands_still() {
        let mut clock = listening_until(10_000);
        let before = clock.reading();
        assert_eq!(clock.reading_at(at(900_000)).since(before), MAX_STEP);
        assert_eq!(clock.reading(), before);
        assert_eq!(clock.hear(proof(10_250)), Duration::ZERO);
    }

    #[test]
    fn a_stall_leaves_out_its_deaf_time_and_nothing_else() {
        let mut clock = listening_until(20_000);
        let before = clock.clone();
        assert_eq!(clock.hear(proof(80_000)), Duration::from_secs(59));
        assert_eq!(clock.reading(), before.reading().after(MAX_STEP));
        assert_eq!(clock.settled(), before.settled() + MAX_STEP);
        assert_eq!(clock.gapless(), Duration::ZERO);
        let evidence = clock.evidence_since(before.reading());
        assert_eq!((evidence.cuts, evidence.lost), (0, Duration::ZERO));
    }

    #[test]
    fn a_cut_leaves_out_its_deaf_time_and_the_settle_time_after_it() {
        let mut clock = listening_until(20_000);
        let heard = clock.reading();
        assert_eq!(clock.hear(cut(50_000)), Duration::from_secs(30));
        for millis in (50_250..=55_000).step_by(250) {
            clock.hear(proof(millis));
        }
        let evidence = clock.evidence_since(heard);
        assert_eq!(evidence.silence, Duration::ZERO);
        assert_eq!(evidence.settled, Duration::ZERO);
        assert_eq!((evidence.cuts, evidence.lost), (1, Duration::from_secs(35)));
        clock.hear(proof(55_250));
        assert_eq!(clock.settled(), Duration::from_millis(250));
    }

    #[test]
    fn a_cut_changes_nothing_for_a_project_heard_after_it() {
        let mut clock = listening_until(20_000);
        clock.hear(cut(20_250));
        let during_settle = clock.reading_at(at(20_300));
        for millis in (20_500..=30_250).step_by(250) {
            clock.hear(proof(millis));
        }
        let evidence = clock.evidence_since(during_settle);
        assert_eq!((evidence.cuts, evidence.lost), (0, Duration::ZERO));
        assert_eq!(evidence.silence, Duration::from_millis(9_950));
    }

    #[test]
    fn the_reading_of_an_earlier_moment_is_no_earlier_than_the_last_gap() {
        let mut clock = listening_until(20_000);
        let before =
            |clock: &ListeningClock, millis| clock.reading().since(clock.reading_at(at(millis)));
        assert_eq!(before(&clock, 18_000), Duration::from_secs(2));
        assert_eq!(before(&clock, 0), Duration::from_secs(20));
        clock.hear(proof(80_000));
        clock.hear(proof(80_250));
        assert_eq!(before(&clock, 0), Duration::from_millis(250));
    }

    #[test]
    fn a_start_is_a_cut() {
        let clock = listening_until(6_000);
        let evidence = clock.evidence_since(Reading(0));
        assert_eq!((evidence.cuts, evidence.lost), (1, SETTLE));
        assert_eq!(evidence.settled, Duration::from_secs(1));
    }

    #[test]
    fn the_reading_of_a_future_silence_allows_for_the_settle_time() {
        let mut clock = listening_until(20_000);
        let heard = clock.reading();
        clock.hear(cut(20_250));
        let due = clock.reading_after(heard, Duration::from_secs(60));
        let mut now = 20_250;
        while clock.reading() < due {
            now += 250;
            clock.hear(proof(now));
        }
        assert_eq!(now, 20_250 + 5_000 + 60_000);
        assert_eq!(clock.evidence_since(heard).silence, Duration::from_secs(60));
    }

    #[test]
    fn an_older_proof_changes_nothing() {
        let mut clock = listening_until(1_500);
        let before = clock.clone();
        clock.hear(proof(1_200));
        assert_eq!(clock, before);
    }

    #[test]
    fn a_source_hears_only_while_the_newest_proof_is_fresh_and_unbroken() {
        let mut clock = ListeningClock::default();
        let max_age = Duration::from_secs(2);
        assert!(!clock.hears(at(0), max_age));
        clock.hear(proof(0));
        assert!(clock.hears(at(2_000), max_age));
        assert!(!clock.hears(at(2_001), max_age));
        clock.hear(cut(2_500));
        assert!(!clock.hears(at(2_500), max_age));
    }

    proptest! {
        #[test]
        fn listened_lost_and_stalled_time_add_up_to_the_time_between_first_and_last_proof(
            gaps in prop::collection::vec((0_u64..5_000, prop::bool::weighted(0.9)), 1..50),
        ) {
            let mut clock = ListeningClock::default();
            clock.hear(proof(0));
            let (mut now, mut stalled) = (0, Duration::ZERO);
            for (gap, unbroken) in gaps {
                now += gap;
                let before = clock.reading();
                let deaf = clock.hear(Proof { heard_through: at(now), unbroken });
                stalled += if unbroken { deaf } else { Duration::ZERO };
                prop_assert!(clock.reading().since(before) <= MAX_STEP);
            }
            let evidence = clock.evidence_since(Reading(0));
            let counted = evidence.silence + evidence.lost + stalled;
            prop_assert_eq!(counted, Duration::from_millis(now));
        }
    }
}
