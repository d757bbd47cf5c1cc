use federation_application::{Catalog, ProjectState, WantedTags};
use federation_domain::{Change, ChangeKind, ProjectStatus, Slug};

/// Which changes somebody wants to see: those that meet all that is given.
#[derive(Debug, Default)]
pub(crate) struct EventFilter {
    /// From or to one of these.
    pub(crate) statuses: Vec<ProjectStatus>,
    /// Of one of these projects.
    pub(crate) slugs: Vec<Slug>,
    /// Of one of these kinds.
    pub(crate) kinds: Vec<ChangeKind>,
    /// Of projects that have all of these now.
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
