//! Queries of the catalog: filter and sort order. Pure, without registry or clock.

mod filter;
mod sort;
mod tags;
mod top_n;

pub use filter::{ProjectFilter, SearchText};
pub use sort::{Figure, Position, Sort, SortKey, SortValue};
pub use tags::WantedTags;
pub(crate) use top_n::TopN;

/// Query of the catalog. The default selects all projects, ordered by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectQuery {
    /// Projects to select.
    pub filter: ProjectFilter,
    /// Order of the result.
    pub sort: Sort,
}

impl ProjectQuery {
    /// Returns `true` if even a short page may have to scan the whole catalog, because the order
    /// has to be computed first or because the filter may select few projects.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        self.sort.key != SortKey::Id || !self.filter.is_of_statuses()
    }
}
