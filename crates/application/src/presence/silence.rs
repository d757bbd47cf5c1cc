//! Judging silence.

use std::time::Duration;

use federation_domain::{Cause, Evidence, ListeningClock, ProjectStatus, Source};

use super::Presence;
use crate::entry::Entry;

impl Presence {
    /// One scan of the registry: whose silence has passed a threshold?
    pub(super) fn judge(&self, source: Source, clock: &ListeningClock) {
        self.0.registry.for_each(|entry| {
            if self.fall(entry, source, clock).is_some() {
                self.let_fall(entry, source, clock);
            }
        });
    }

    /// The worse status that the silence of a project means, if it does.
    fn fall(
        &self,
        entry: &Entry,
        source: Source,
        clock: &ListeningClock,
    ) -> Option<(ProjectStatus, Duration)> {
        let current = entry.status();
        let (heard, heard_over) = entry.heard();
        if heard_over != source || current == ProjectStatus::Offline {
            return None;
        }
        let silence = clock.reading().since(heard);
        let thresholds = self.0.rule.thresholds(entry.interval());
        let evidence = Evidence { silence, settled: clock.settled() };
        let to = thresholds.after_silence(current, evidence);
        (to > current).then_some((to, silence))
    }

    fn let_fall(&self, entry: &Entry, source: Source, clock: &ListeningClock) {
        let mut live = entry.lock();
        entry.take_calm();
        // Looked at again behind the lock: a heartbeat may have come since.
        if let (Some((to, silence)), false) = (self.fall(entry, source, clock), live.removed) {
            let wall = entry.heard_at().map_or(silence, |at| {
                Duration::try_from(self.0.clock.utc() - at).unwrap_or_default()
            });
            let cause = Cause::Silence {
                silence_ms: millis(silence),
                deaf_ms: millis(wall.saturating_sub(silence)),
            };
            self.turn(entry, &mut live, to, cause);
        }
        entry.publish(&live);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
