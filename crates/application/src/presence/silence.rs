//! Judging silence.

use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{Cause, Evidence, ListeningClock, Probe, ProjectStatus, Source};

use super::Presence;
use crate::entry::Entry;
use crate::groups::{Due, Group};

impl Presence {
    /// Looks at the projects that can have fallen silent by these sources.
    pub(super) fn judge(&self, proven: impl Fn(Source) -> bool) {
        let clocks = self.0.sources.clocks();
        let is_due = |due: &Due| {
            let sources = Source::ALL.into_iter().filter(|&source| proven(source));
            sources.into_iter().any(|one| due.has_come(one, clocks[one.index()].reading()))
        };
        self.0.registry.for_each_group(|group| {
            if is_due(&group.due) {
                self.judge_group(group, &clocks);
            }
        });
    }

    fn judge_group(&self, group: &Group, clocks: &[ListeningClock; 2]) {
        group.due.put_off();
        for entry in &group.entries {
            match (self.fall(entry, clocks), &self.0.probes) {
                (None, _) => self.note_due(entry, clocks, &group.due),
                (Some((ProjectStatus::Offline, _)), Some(probes)) => probes.ask(entry),
                (Some(_), _) => self.let_fall(entry, None),
            }
        }
    }

    /// Notes when a project can fall next. It falls only when it is silent on all sources that it
    /// used, so one on which it is not yet is enough to come back to it.
    fn note_due(&self, entry: &Entry, clocks: &[ListeningClock; 2], due: &Due) {
        let thresholds = self.0.rule.thresholds(entry.interval());
        let allowed = match entry.status() {
            ProjectStatus::Online => thresholds.degraded_after,
            ProjectStatus::Degraded => thresholds.offline_after,
            ProjectStatus::Offline => return,
        };
        for source in Source::ALL {
            let (Some(heard), clock) = (entry.heard_over(source), &clocks[source.index()]) else {
                continue;
            };
            let silent = heard.after(allowed);
            let settled = clock.reading().after(thresholds.chance.saturating_sub(clock.settled()));
            if silent.max(settled) > clock.reading() {
                due.bring_forward(source, silent.max(settled));
            }
        }
    }

    /// The worse status that the silence of a project means, if it does, and that silence.
    ///
    /// A project that used several sources falls only when it is silent on all of them, each by
    /// its own clock: while one is deaf, it may be speaking there.
    fn fall(
        &self,
        entry: &Entry,
        clocks: &[ListeningClock; 2],
    ) -> Option<(ProjectStatus, Duration)> {
        let current = entry.status();
        if current == ProjectStatus::Offline || self.0.retired.load(Ordering::Relaxed) {
            return None;
        }
        let thresholds = self.0.rule.thresholds(entry.interval());
        let verdicts = Source::ALL.into_iter().filter_map(|source| {
            let clock = &clocks[source.index()];
            let silence = clock.reading().since(entry.heard_over(source)?);
            let evidence = Evidence { silence, settled: clock.settled() };
            Some((thresholds.after_silence(current, evidence), silence))
        });
        verdicts.min().filter(|(to, _)| *to > current)
    }

    /// Lets a project fall whose silence means it, after what came of asking it.
    pub(super) fn let_fall(&self, entry: &Entry, probe: Option<Probe>) {
        let clocks = &self.0.sources.clocks();
        let mut live = entry.lock();
        entry.take_calm();
        // Looked at again behind the lock: a heartbeat may have come since.
        let found = self.fall(entry, clocks).filter(|_| !live.removed);
        // Asking it comes first, where that is called for: the next tick finds it again.
        let unasked = |to| to == ProjectStatus::Offline && probe.is_none();
        let found = found.filter(|(to, _)| self.0.probes.is_none() || !unasked(*to));
        if let Some((to, silence)) = found {
            let wall = entry.newest().map_or(silence, |(at, _)| {
                Duration::try_from(self.0.clock.utc() - at).unwrap_or_default()
            });
            let cause = Cause::Silence {
                silence_ms: millis(silence),
                deaf_ms: millis(wall.saturating_sub(silence)),
                probe,
            };
            self.turn(entry, &mut live, to, self.found(cause));
        }
        entry.publish(&live);
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
