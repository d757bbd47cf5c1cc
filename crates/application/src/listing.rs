//! Listing what a query selects.

use std::sync::Arc;

use federation_domain::{Project, ProjectId};

use crate::catalog::{Catalog, CatalogError};
use crate::entry::ProjectEntry;
use crate::presence::{HearingSnapshot, ProjectState};
use crate::query::{Position, ProjectFilter, ProjectQuery, SortKey, SortValue, TopN};

/// How many projects a list looks at in one go.
const LISTED_AT_ONCE: usize = 1_000;

/// How many projects of a sorted list are copied at once: each part of it looks at the whole catalog,
/// and each copy is about 500 bytes.
const SORTED_AT_ONCE: usize = 20_000;

/// How many are put in order at once where only their ids are kept.
const ORDERED_AT_ONCE: usize = 100_000;

impl Catalog {
    /// Shows a part of what the query selects: those after a position, or the first, at most so
    /// many (from 1 on), each with whether its status is known. Returns after which position the list
    /// goes on; none at its end. Where as many were shown as were asked for, it does go on; where fewer, it
    /// may be at its end. A project that changes, comes or goes between two parts may be in the list
    /// or not, or twice; one that stays as it is is in it once.
    ///
    /// By id a part takes about a millisecond, and longer only to find out whether there is one more
    /// after as many as were asked for. In another order each part looks at the whole catalog: for
    /// many parts, [`Self::order`] looks once. It holds up nobody meanwhile; but it is not for a thread
    /// that has other things to do. `show` MUST NOT block, nor call anything of this crate.
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`].
    pub fn list_next(
        &self,
        query: &ProjectQuery,
        after: Option<&Position>,
        at_most: usize,
        show: &mut dyn FnMut(&Project, bool),
    ) -> Result<Option<Position>, CatalogError> {
        self.loaded()?;
        Ok(if query.sort.key == SortKey::Id {
            self.list_by_id(query, after, at_most, show)
        } else {
            self.list_sorted(query, after, at_most.min(SORTED_AT_ONCE), show)
        })
    }

    fn list_by_id(
        &self,
        query: &ProjectQuery,
        after: Option<&Position>,
        at_most: usize,
        show: &mut dyn FnMut(&Project, bool),
    ) -> Option<Position> {
        let mut after = after.map(|position| position.id);
        let (mut shown, mut last_shown) = (0, None);
        loop {
            let entries = self.registry().next(after, query.sort.descending, LISTED_AT_ONCE);
            let hearing = self.presence().listening().snapshot();
            for entry in &entries {
                let is_full = shown == at_most;
                let selected =
                    self.show_selected(&query.filter, entry, &hearing, |project, known| {
                        if !is_full {
                            show(project, known);
                        }
                    });
                match (selected, is_full) {
                    (true, true) => return last_shown,
                    (true, false) => {
                        shown += 1;
                        last_shown = Some(Position { value: SortValue::Id, id: entry.id });
                    }
                    (false, _) => {}
                }
            }
            after = entries.last().map(|entry| entry.id);
            if entries.len() < LISTED_AT_ONCE {
                return None;
            }
            if shown < at_most {
                return after.map(|id| Position { value: SortValue::Id, id });
            }
        }
    }

    fn list_sorted(
        &self,
        query: &ProjectQuery,
        after: Option<&Position>,
        at_most: usize,
        show: &mut dyn FnMut(&Project, bool),
    ) -> Option<Position> {
        let mut first = TopN::new(query.sort, after, at_most);
        self.look_at_all(&query.filter, |project, status_known| {
            first.offer(project, || ProjectState { project: project.clone(), status_known });
        });
        let (states, next) = first.end();
        states.for_each(|state| show(&state.project, state.status_known));
        next
    }

    /// The ids of what the query selects, in its order: those after a position, or the first, at
    /// most 100,000; and after which position it goes on, none at its end. It looks at the whole
    /// catalog, and takes about 100 bytes for each id meanwhile. Who changes before it is shown stands
    /// where it was.
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`].
    pub fn order(
        &self,
        query: &ProjectQuery,
        after: Option<&Position>,
    ) -> Result<(Vec<ProjectId>, Option<Position>), CatalogError> {
        self.loaded()?;
        let mut first = TopN::new(query.sort, after, ORDERED_AT_ONCE);
        self.look_at_all(&query.filter, |project, _| first.offer(project, || project.id));
        let (ids, next) = first.end();
        Ok((ids.collect(), next))
    }

    /// Shows those of these projects that the filter selects now, in this order. Who is gone is left
    /// out. `show` is as in [`Self::list_next`].
    pub fn list_these(
        &self,
        filter: &ProjectFilter,
        ids: &[ProjectId],
        show: &mut dyn FnMut(&Project, bool),
    ) {
        let hearing = self.presence().listening().snapshot();
        for entry in ids.iter().filter_map(|id| self.registry().get_by_id(*id)) {
            self.show_selected(filter, &entry, &hearing, &mut *show);
        }
    }

    fn look_at_all(&self, filter: &ProjectFilter, mut see: impl FnMut(&Project, bool)) {
        let mut looked_at = None;
        loop {
            let entries = self.registry().next(looked_at, false, LISTED_AT_ONCE);
            let hearing = self.presence().listening().snapshot();
            for entry in &entries {
                self.show_selected(filter, entry, &hearing, &mut see);
            }
            looked_at = entries.last().map(|entry| entry.id);
            if entries.len() < LISTED_AT_ONCE {
                return;
            }
        }
    }

    /// Whether the filter selects it; then it is shown.
    fn show_selected(
        &self,
        filter: &ProjectFilter,
        entry: &Arc<ProjectEntry>,
        hearing: &HearingSnapshot,
        show: impl FnOnce(&Project, bool),
    ) -> bool {
        // Most of those who are not selected need not be locked for that.
        filter.allows(entry.status())
            && self.presence().judge().show(entry, hearing, |project, status_known| {
                let selected = filter.selects(project);
                if selected {
                    show(project, status_known);
                }
                selected
            })
    }
}
