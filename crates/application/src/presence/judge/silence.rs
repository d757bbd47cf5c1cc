//! Judging silence, by groups of projects.

use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{Actor, Cause, Probe, ProjectStatus, Source};

use super::Judge;
use crate::entry::ProjectEntry;
use crate::groups::{Due, Group};
use crate::presence::HearingSnapshot;

impl Judge {
    /// Judges the projects that may have fallen silent by one of the sources just proven, given in
    /// the order of [`Source::ALL`].
    pub(in crate::presence) fn judge_silence(&self, proven: [bool; 2]) {
        let hearing = self.listening.snapshot();
        let is_due = |due: &Due| {
            let mut sources = Source::ALL.into_iter().filter(|source| proven[source.index()]);
            sources.any(|source| due.has_come(source, hearing.of(source).reading()))
        };
        self.registry.for_each_group(|group| {
            if is_due(&group.due) {
                self.judge_group(group, &hearing);
            }
        });
    }

    fn judge_group(&self, group: &Group, hearing: &HearingSnapshot) {
        group.due.sleep();
        for entry in &group.entries {
            match (self.fall(entry, hearing), &self.probes) {
                (None, _) => self.note_due(entry, hearing, &group.due),
                (Some((ProjectStatus::Offline, _)), Some(probes)) => probes.enqueue(entry),
                (Some(_), _) => self.lower_status(entry, None),
            }
        }
    }

    /// Records when a project can fall next. It falls only when it is silent on all sources that it
    /// used, so the first source on which it is not yet silent sets the time.
    fn note_due(&self, entry: &ProjectEntry, hearing: &HearingSnapshot, due: &Due) {
        let thresholds = self.thresholds(entry);
        let allowed = match entry.status() {
            ProjectStatus::Online => thresholds.degraded_after,
            ProjectStatus::Degraded => thresholds.offline_after,
            ProjectStatus::Offline => return,
        };
        for source in Source::ALL {
            let Some(heard) = entry.heard_over(source) else { continue };
            let by_source = hearing.of(source);
            let silence = thresholds.due_after(allowed, by_source.evidence(heard));
            let earliest = by_source.reading_after(heard, silence);
            if earliest > by_source.reading() {
                due.bring_forward(source, earliest);
            }
        }
    }

    /// Returns the worse status that follows from the silence of a project, and that silence, or
    /// `None` if the project keeps its status.
    ///
    /// A project that used several sources falls only when it is silent on all of them, each by
    /// its own clock. It may still be sending over a source that is deaf.
    fn fall(
        &self,
        entry: &ProjectEntry,
        hearing: &HearingSnapshot,
    ) -> Option<(ProjectStatus, Duration)> {
        let current = entry.status();
        if current == ProjectStatus::Offline || self.retired.load(Ordering::Relaxed) {
            return None;
        }
        let thresholds = self.thresholds(entry);
        let verdicts = hearing
            .evidence(entry)
            .map(|evidence| (thresholds.after_silence(current, evidence), evidence.silence));
        verdicts.min().filter(|(to, _)| *to > current)
    }

    /// Lowers the status of a project that has been silent for long enough. `probe` is the result of
    /// probing it.
    pub(super) fn lower_status(&self, entry: &ProjectEntry, probe: Option<Probe>) {
        let hearing = self.listening.snapshot();
        let mut live = entry.lock();
        entry.leave_fast_path();
        // Judged again behind the lock: a heartbeat may have arrived since.
        let found = self.fall(entry, &hearing).filter(|_| !live.removed);
        // A project is probed before it goes offline. The next tick finds it again.
        let unprobed = |to| to == ProjectStatus::Offline && probe.is_none();
        let found = found.filter(|(to, _)| self.probes.is_none() || !unprobed(*to));
        if let Some((to, silence)) = found {
            let wall = entry.newest().map_or(silence, |(at, _)| {
                Duration::try_from(self.clock.utc() - at).unwrap_or_default()
            });
            let cause = Cause::Silence {
                silence_ms: millis(silence),
                deaf_ms: millis(wall.saturating_sub(silence)),
                probe,
            };
            let finding = self.transitions.finding(cause, Actor::SERVICE);
            self.transitions.set_status(entry, &mut live, to, finding);
        }
        entry.publish(&live);
    }

    /// Judges a project whose row was just taken over. With the new data, it may have been silent
    /// for too long. While one of its sources is deaf, no decision is made.
    pub(in crate::presence) fn judge_again(&self, entry: &ProjectEntry) {
        if self.listening.snapshot().hears_all_of(entry) {
            self.lower_status(entry, None);
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
