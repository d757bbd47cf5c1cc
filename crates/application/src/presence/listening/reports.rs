//! Reports on hearing, for explanations, readiness checks and metrics.

use std::time::Duration;

use federation_domain::Source;

use super::HearingSnapshot;
use crate::entry::ProjectEntry;
use crate::explanation::SourceEvidence;
use crate::readiness::SourceReport;

impl HearingSnapshot {
    /// Hearing of each source in use.
    pub(crate) fn reports(&self) -> Vec<SourceReport> {
        self.used()
            .map(|hearing| SourceReport {
                source: hearing.source,
                hears: hearing.hears,
                heard_ago: hearing.clock.proven().map(|proven| self.now.since(proven)),
                deaf: hearing.clock.deaf(),
            })
            .collect()
    }

    /// Evidence about a project by each source in use.
    pub(crate) fn evidence_of(&self, entry: &ProjectEntry) -> Vec<SourceEvidence> {
        let newest = entry.newest();
        let measured_by = self.source_of(entry.project(&mut entry.lock()));
        let by_wall = |source: Source| {
            let (at, _) = newest.filter(|(_, by)| *by == source)?;
            Some(Duration::try_from(self.utc - at).unwrap_or_default())
        };
        self.used()
            .map(|hearing| {
                let (source, clock) = (hearing.source, &hearing.clock);
                let heard = entry.heard_over(source);
                let evidence = heard.map(|heard| hearing.evidence(heard));
                let silence = evidence.map(|evidence| evidence.silence);
                let proven = clock.proven();
                // While the source hears, the next proof will count the time since the last one.
                let unproven = proven
                    .filter(|_| hearing.hears)
                    .map_or(Duration::ZERO, |proven| self.now.since(proven));
                let deaf_left_out = silence
                    .zip(by_wall(source))
                    .map(|(silence, wall)| wall.saturating_sub(silence).saturating_sub(unproven));
                SourceEvidence {
                    source,
                    counts: heard.is_some() || source == measured_by,
                    hears: hearing.hears,
                    settled: clock.settled(),
                    silence,
                    cuts: evidence.map_or(0, |evidence| evidence.cuts),
                    deaf_left_out,
                }
            })
            .collect()
    }
}
