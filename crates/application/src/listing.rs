//! Listing the projects that a query selects.

use std::sync::Arc;

use federation_domain::{Project, ProjectId};

use crate::catalog::{Catalog, CatalogError};
use crate::entry::ProjectEntry;
use crate::presence::{HearingSnapshot, ProjectState};
use crate::query::{Position, ProjectFilter, ProjectQuery, SortKey, SortValue, TopN};

/// Maximum number of projects read from the registry at once, and the minimum if fewer are needed.
const LISTED_AT_ONCE: usize = 1_000;
const MIN_LISTED_AT_ONCE: usize = 100;

/// Maximum number of projects copied per part of a sorted list. Each part scans the whole catalog,
/// and each copy takes about 500 bytes.
const SORTED_AT_ONCE: usize = 20_000;

/// Maximum number of projects sorted at once if only their ids are kept.
const ORDERED_AT_ONCE: usize = 100_000;

impl Catalog {
    /// Shows a part of the list that the query selects: at most `at_most` projects (at least 1)
    /// after a position, or from the start, each with whether its status is known.
    ///
    /// Returns the position after which the list continues, or `None` at its end. If `at_most`
    /// projects were shown, `Some` means that there are more. If fewer were shown, the rest may be
    /// empty. A project that changes, is registered or is removed between two parts may be missing
    /// or appear twice. An unchanged project appears exactly once.
    ///
    /// In order of id, a part takes about a millisecond, or longer to find out whether another
    /// project follows. In any other order each part scans the whole catalog; for many parts, use
    /// [`Self::order`], which scans once. Other callers are not blocked meanwhile, but the calling
    /// thread is. `show` MUST NOT block, nor call anything of this crate.
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

    /// Calls `show` for every project that a query selects, in its order. See [`Self::list_next`].
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`].
    pub fn list_all(
        &self,
        query: &ProjectQuery,
        show: &mut dyn FnMut(&Project, bool),
    ) -> Result<(), CatalogError> {
        let mut after = self.list_next(query, None, usize::MAX, show)?;
        while after.is_some() {
            after = self.list_next(query, after.as_ref(), usize::MAX, show)?;
        }
        Ok(())
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
        // One more shows if the list continues.
        let mut read = at_most.saturating_add(1).clamp(MIN_LISTED_AT_ONCE, LISTED_AT_ONCE);
        loop {
            let entries = self.registry().next(after, query.sort.descending, read);
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
            if entries.len() < read {
                return None;
            }
            read = LISTED_AT_ONCE;
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
        self.scan(&query.filter, |project, status_known| {
            first.offer(project, || ProjectState::new(project, status_known));
        });
        let (states, next) = first.end();
        states.for_each(|state| show(&state.project, state.status_known));
        next
    }

    /// Returns at most 100,000 ids that the query selects, in its order, after a position or from the
    /// start, and the position after which they continue, or `None` at the end.
    ///
    /// This scans the whole catalog and takes about 100 bytes per id. A project that changes
    /// afterwards keeps its place in the order.
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
        self.scan(&query.filter, |project, _| first.offer(project, || project.id));
        let (ids, next) = first.end();
        Ok((ids.collect(), next))
    }

    /// Shows the given projects that the filter selects now, in the given order, without those that
    /// were removed. `show` is restricted as in [`Self::list_next`].
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

    fn scan(&self, filter: &ProjectFilter, mut show: impl FnMut(&Project, bool)) {
        let mut last = None;
        loop {
            let entries = self.registry().next(last, false, LISTED_AT_ONCE);
            let hearing = self.presence().listening().snapshot();
            for entry in &entries {
                self.show_selected(filter, entry, &hearing, &mut show);
            }
            last = entries.last().map(|entry| entry.id);
            if entries.len() < LISTED_AT_ONCE {
                return;
            }
        }
    }

    /// Shows a project if the filter selects it. Returns `true` if it does.
    fn show_selected(
        &self,
        filter: &ProjectFilter,
        entry: &Arc<ProjectEntry>,
        hearing: &HearingSnapshot,
        show: impl FnOnce(&Project, bool),
    ) -> bool {
        // Checked first, so that most projects that are not selected need not be locked.
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
