//! Registry entries for projects whose silence began before they were heard here.

use federation_domain::{
    ListeningPeriod, PastListening, Project, ProjectStatus, Reading, Slug, Source,
};

use super::Listening;
use crate::entry::ProjectEntry;

impl Listening {
    /// Creates an entry for a project that is new to the registry. If it was ever heard, its
    /// silence begins now.
    pub(crate) fn new_entry(&self, project: Project) -> ProjectEntry {
        let source = self.source_of(&project);
        let reading = self.state(source).reading_at(self.clock.monotonic());
        entry_heard_at(project, reading, source)
    }

    /// Returns the listening of earlier processes over a source, from their listening periods.
    pub(crate) fn past(&self, source: Source, periods: &[ListeningPeriod]) -> PastListening {
        let of_source = periods.iter().filter(|period| period.source == source);
        PastListening::new(of_source.map(|period| (period.from, period.until)), self.clock.utc())
    }

    /// Continues the listening clocks of earlier processes from their listening periods. Returns
    /// an entry for each project read at the start. Silence counts from its last heartbeat on.
    pub(crate) fn resume(
        &self,
        periods: &[ListeningPeriod],
        projects: Vec<Project>,
    ) -> impl ExactSizeIterator<Item = (Slug, ProjectEntry)> {
        let past = Source::ALL.map(|source| self.past(source, periods));
        for source in Source::ALL {
            self.state(source).resume(&past[source.index()]);
        }
        projects.into_iter().map(move |project| {
            let source = self.source_of(&project);
            let past = &past[source.index()];
            let last = project.last_heartbeat_at;
            let heard = last.map_or(Reading::default(), |last| past.reading_at(last));
            (project.slug.clone(), entry_heard_at(project, heard, source))
        })
    }
}

fn entry_heard_at(project: Project, reading: Reading, source: Source) -> ProjectEntry {
    // A row written by another program may be online without a heartbeat. It may fall too.
    let was_heard = project.last_heartbeat_at.is_some() || project.status != ProjectStatus::Offline;
    ProjectEntry::new(project, was_heard.then_some((reading, source)))
}
