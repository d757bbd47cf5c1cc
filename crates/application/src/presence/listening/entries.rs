//! Registry entries for projects whose silence began before they were heard here.

use std::time::Duration;

use federation_domain::{Listened, Project, ProjectStatus, Reading, Source};
use time::OffsetDateTime;

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

    /// Creates an entry for a project read at the start, whose silence began before.
    ///
    /// `periods` holds the last listening period of each source in earlier processes.
    pub(crate) fn resumed_entry(&self, project: Project, periods: &[Listened]) -> ProjectEntry {
        let source = self.source_of(&project);
        let now = self.clock.utc();
        let silence = periods
            .iter()
            .find(|period| period.source == source)
            .map(|period| silence_within(period, project.last_heartbeat_at, now))
            .unwrap_or_default();
        let heard = self.state(source).clock().reading().before(silence);
        entry_heard_at(project, heard, source)
    }
}

/// Silence of a project at the end of a listening period of an earlier process. It began with the
/// last heartbeat or with the period, whichever is later.
fn silence_within(
    period: &Listened,
    last: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Duration {
    // A period that a fast clock wrote must not make every project silent.
    let until = period.until.min(now);
    let since = last.map_or(until, |last| last.max(period.from));
    Duration::try_from(until - since).unwrap_or_default()
}

fn entry_heard_at(project: Project, reading: Reading, source: Source) -> ProjectEntry {
    // A row written by another program may be online without a heartbeat. It may fall too.
    let was_heard = project.last_heartbeat_at.is_some() || project.status != ProjectStatus::Offline;
    ProjectEntry::new(project, was_heard.then_some((reading, source)))
}
