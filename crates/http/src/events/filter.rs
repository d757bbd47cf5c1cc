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
        any(&self.entities, |entity| entity == entry.entity())
            && any(&self.kinds, changes)
            && any(&self.slugs, |slug| entry.is_of(slug))
            && any(&self.statuses, has_status)
            && self.has_tags(entry, catalog)
    }

    fn has_tags(&self, entry: &LogEntry, catalog: &Catalog) -> bool {
        let has_tags = |state: ProjectState| self.tags.are_all_in(&state.project.tags);
        self.tags.is_empty()
            || entry.slug().is_some_and(|slug| catalog.find(&slug).is_ok_and(has_tags))
    }
}
