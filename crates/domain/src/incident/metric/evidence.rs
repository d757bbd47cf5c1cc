//! Evidence about a series.

use time::{Duration, OffsetDateTime};

use crate::heartbeat::Source;
use crate::metric::{MAX_SAMPLE_LEAD, Run};

/// The newest value of a series in memory, if it arrived since the start of the process.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeardValue {
    /// Time at which it was observed.
    pub at: OffsetDateTime,
    /// Time at which the newest sample of the series arrived, which may have been a late one.
    pub arrived_at: OffsetDateTime,
    /// Value, or `None` for a text.
    pub number: Option<f64>,
    /// Transport over which it arrived.
    pub source: Source,
}

/// Time for which a condition has held, or has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streak {
    /// The condition holds.
    pub holds: bool,
    /// Arrival of the first of the values that all say so.
    pub since: OffsetDateTime,
}

impl Streak {
    /// Returns the streak after a value that arrived at a time. A streak does not last across a gap,
    /// because the values that were missed may say otherwise.
    #[must_use]
    pub fn after(
        known: Option<Self>,
        holds: bool,
        arrived_at: OffsetDateTime,
        listening_since: OffsetDateTime,
    ) -> Self {
        let lasts = |streak: &Self| streak.holds == holds && streak.since >= listening_since;
        known.filter(lasts).unwrap_or(Self { holds, since: arrived_at })
    }
}

/// Evidence about a series, by which a replica judges a rule.
///
/// All that a replica did not hear itself, because it was not running or had no connection, is unknown
/// unless the store has it.
#[derive(Debug, Clone, Copy)]
pub struct MetricEvidence<'a> {
    /// The newest value that arrived since the start of the process.
    pub heard: Option<HeardValue>,
    /// The streak of the rule.
    pub streak: Option<Streak>,
    /// Time since which samples have arrived without a gap: the start of the process, or the end of the
    /// last lost connection.
    pub listening_since: OffsetDateTime,
    /// Time before which an absence does not count, because the project was offline or another replica
    /// received a value.
    pub absent_from: OffsetDateTime,
    /// The project has the series, in memory or in the store.
    pub has_series: bool,
    /// Time within which the values that other replicas receive are in the store. A shorter absence is not
    /// known.
    pub seen_within: std::time::Duration,
    /// The runs that end since [`MetricRule::reach`](super::MetricRule::reach), as the store has them
    /// now, and the newest one in memory.
    pub runs: &'a [Run],
}

/// A value that counts at present.
#[derive(Debug, Clone, Copy)]
pub(super) struct CurrentValue {
    pub(super) at: OffsetDateTime,
    pub(super) number: Option<f64>,
    pub(super) source: Source,
    /// This replica heard it.
    pub(super) is_own: bool,
}

impl MetricEvidence<'_> {
    /// Returns the newest value, whether or not a newer one may have been missed.
    pub(super) fn newest(&self, now: OffsetDateTime) -> Option<CurrentValue> {
        let own = self.heard.map(|heard| CurrentValue {
            at: heard.at,
            number: heard.number,
            source: heard.source,
            is_own: true,
        });
        let stored = self.stored(now);
        match (own, stored) {
            (Some(own), Some(stored)) if own.at >= stored.at => Some(own),
            (own, stored) => stored.or(own),
        }
    }

    /// Returns the newest value, if no newer one can have been missed.
    pub(super) fn current(&self, now: OffsetDateTime) -> Option<CurrentValue> {
        let newest = self.newest(now)?;
        // The clock of another sender may be ahead. A late value may be older than a missed one.
        let lead = if newest.is_own { Duration::ZERO } else { MAX_SAMPLE_LEAD };
        (newest.at - lead >= self.listening_since).then_some(newest)
    }

    fn stored(&self, now: OffsetDateTime) -> Option<CurrentValue> {
        let newest = self.runs_until(now).max_by_key(|run| run.until_at)?;
        let number = newest.last.as_number();
        Some(CurrentValue { at: newest.until_at, number, source: newest.source, is_own: false })
    }

    /// Returns the runs without those whose time is wrong.
    pub(super) fn runs_until(&self, now: OffsetDateTime) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.until_at - now <= MAX_SAMPLE_LEAD)
    }

    /// Returns the time for which this replica has listened.
    pub(super) fn listened(&self, now: OffsetDateTime) -> Duration {
        now - self.listening_since
    }
}
