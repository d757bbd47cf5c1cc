//! Selection of events.

use federation_application::{Catalog, ProjectState, WantedTags};
use federation_domain::{ChangeKind, LogEntry, ProjectStatus, Slug};

/// Selects the entries that match every non-empty criterion.
#[derive(Debug, Default)]
pub(crate) struct EventFilter {
    /// Entries of projects from or to one of these statuses.
    pub(crate) statuses: Vec<ProjectStatus>,
    /// Entries of one of these projects.
    pub(crate) slugs: Vec<Slug>,
    /// Changes of projects of one of these kinds.
    pub(crate) kinds: Vec<ChangeKind>,
    /// Entries of projects that currently have all of these tags.
    pub(crate) tags: WantedTags,
    /// Entries of one of these entities.
    pub(crate) entities: Vec<String>,
    /// Announcements of new values of metrics.
    pub(crate) metrics: bool,
}

impl EventFilter {
    pub(crate) fn admits(&self, entry: &LogEntry, catalog: &Catalog) -> bool {
        fn any<T>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(is)
        }
        let changes = |kind: &ChangeKind| entry.change().is_some_and(|change| change.kind == *kind);
        let has_status = |status: &ProjectStatus| {
            entry.step().is_some_and(|step| [step.from, step.to].contains(&Some(*status)))
        };
        // Without another kind, only new values of metrics are asked for.
        let is_of_log = !self.metrics || !self.kinds.is_empty();
        is_of_log
            && any(&self.entities, |entity| entity == entry.entity())
            && any(&self.kinds, changes)
            && any(&self.slugs, |slug| entry.is_of(slug))
            && any(&self.statuses, has_status)
            && self.has_tags(entry, catalog)
    }

    /// Returns `true` if the stream has announcements of new values of this project.
    pub(crate) fn admits_update(&self, project: &Slug, catalog: &Catalog) -> bool {
        let has_tags = |state: ProjectState| self.tags.are_all_in(&state.project.tags);
        self.metrics
            && (self.slugs.is_empty() || self.slugs.contains(project))
            && (self.tags.is_empty() || catalog.find(project).is_ok_and(has_tags))
    }

    fn has_tags(&self, entry: &LogEntry, catalog: &Catalog) -> bool {
        let has_tags = |state: ProjectState| self.tags.are_all_in(&state.project.tags);
        self.tags.is_empty()
            || entry.slug().is_some_and(|slug| catalog.find(&slug).is_ok_and(has_tags))
    }
}
