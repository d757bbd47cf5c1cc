//! What an explanation of a status is made of.

use std::time::Duration;

use federation_domain::{Project, Source, Thresholds};

use super::Presence;
use crate::entry::Entry;
use crate::explanation::SourceEvidence;
use crate::readiness::SourceReport;

impl Presence {
    /// The source on whose clock the silence of a project that was not heard here is measured.
    pub(crate) fn source_of(&self, project: &Project) -> Source {
        self.0.sources.of_project(project)
    }

    pub(crate) fn thresholds(&self, entry: &Entry) -> Thresholds {
        self.0.rule.thresholds(entry.interval())
    }

    /// How each source that is in use hears.
    pub(crate) fn source_reports(&self) -> Vec<SourceReport> {
        let used = Source::ALL.into_iter().filter(|&source| self.uses(source));
        used.map(|source| {
            let clock = self.listening(source);
            let heard_ago = clock.proven().map(|proven| self.now().since(proven));
            SourceReport { source, hears: self.hears(source), heard_ago, deaf: clock.deaf() }
        })
        .collect()
    }

    /// What each source that is in use heard of a project.
    pub(crate) fn evidence(&self, entry: &Entry) -> Vec<SourceEvidence> {
        let sources = &self.0.sources;
        let newest = entry.newest();
        let measured_by = self.source_of(entry.project(&mut entry.lock()));
        let used = Source::ALL.into_iter().filter(|&source| sources.uses(source));
        used.map(|source| {
            let clock = sources.listening(source);
            let heard = entry.heard_over(source);
            let silence = heard.map(|heard| clock.reading().since(heard));
            let by_wall = newest
                .filter(|(_, by)| *by == source)
                .map(|(at, _)| Duration::try_from(self.0.clock.utc() - at).unwrap_or_default());
            let unproven = clock.proven().map_or(Duration::ZERO, |proven| self.now().since(proven));
            let deaf_left_out = silence
                .zip(by_wall)
                .map(|(silence, wall)| wall.saturating_sub(silence).saturating_sub(unproven));
            SourceEvidence {
                source,
                counts: heard.is_some() || source == measured_by,
                hears: sources.hears(source),
                settled: clock.settled(),
                silence,
                deaf_left_out,
            }
        })
        .collect()
    }
}
