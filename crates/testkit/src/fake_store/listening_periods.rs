//! Joined listening periods.

use federation_domain::{LISTENING_RETENTION, ListeningPeriod, Source};
use time::OffsetDateTime;

/// Periods of all sources, ordered by their beginnings. Periods of a source never meet.
#[derive(Default, Clone)]
pub(super) struct ListeningPeriods(Vec<ListeningPeriod>);

impl ListeningPeriods {
    /// Adds a period, joins it with those that it overlaps or touches, and deletes expired ones.
    pub(super) fn join(&mut self, mut period: ListeningPeriod) {
        self.0.retain(|known| {
            let meets = known.source == period.source
                && known.from <= period.until
                && period.from <= known.until;
            if meets {
                period.from = period.from.min(known.from);
                period.until = period.until.max(known.until);
            }
            !meets
        });
        let forgotten = period.until - LISTENING_RETENTION;
        self.0.retain(|known| known.source != period.source || known.until >= forgotten);
        let place = self.0.partition_point(|known| known.from < period.from);
        self.0.insert(place, period);
    }

    /// Returns the periods of a source that end after a time.
    pub(super) fn since(&self, source: Source, since: OffsetDateTime) -> Vec<ListeningPeriod> {
        let ends_after =
            |period: &&ListeningPeriod| period.source == source && period.until > since;
        self.0.iter().filter(ends_after).copied().collect()
    }
}
