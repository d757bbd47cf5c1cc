//! Selection of events.

use federation_application::{Catalog, ProjectState, WantedTags};
use federation_domain::{Change, ChangeKind, ProjectStatus, Slug};

/// Selects the changes that match every non-empty criterion.
#[derive(Debug, Default)]
pub(crate) struct EventFilter {
    /// Changes from or to one of these statuses.
    pub(crate) statuses: Vec<ProjectStatus>,
    /// Changes of one of these projects.
    pub(crate) slugs: Vec<Slug>,
    /// Changes of one of these kinds.
    pub(crate) kinds: Vec<ChangeKind>,
    /// Changes of projects that currently have all of these tags.
    pub(crate) tags: WantedTags,
}

impl EventFilter {
    pub(crate) fn admits(&self, change: &Change, catalog: &Catalog) -> bool {
        fn any<T: PartialEq>(wanted: &[T], is: impl Fn(&T) -> bool) -> bool {
            wanted.is_empty() || wanted.iter().any(is)
        }
        any(&self.kinds, |kind| *kind == change.kind)
            && any(&self.slugs, |slug| *slug == change.slug)
            && any(&self.statuses, |status| [change.from, change.to].contains(&Some(*status)))
            && self.has_tags(&change.slug, catalog)
    }

    fn has_tags(&self, slug: &Slug, catalog: &Catalog) -> bool {
        let has_tags = |state: ProjectState| self.tags.are_all_in(&state.project.tags);
        self.tags.is_empty() || catalog.find(slug).is_ok_and(has_tags)
    }
}
