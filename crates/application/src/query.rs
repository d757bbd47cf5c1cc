//! What a caller wants to see of the catalog, and in which order. Pure: no registry, no clock.

mod filter;
mod sort;
mod tags;
mod top_n;

pub use filter::{ProjectFilter, SearchText};
pub use sort::{Position, Sort, SortKey, SortValue};
pub use tags::WantedTags;
pub(crate) use top_n::TopN;

/// A selection of the catalog in its order. The default is all projects, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectQuery {
    /// Which projects.
    pub filter: ProjectFilter,
    /// In which order.
    pub sort: Sort,
}

impl ProjectQuery {
    /// Whether even a short page of it may cost a look at each project of the catalog: in an order
    /// that has to be made first, or where those whom the filter selects are few.
    #[must_use]
    pub fn looks_at_all(&self) -> bool {
        self.sort.key != SortKey::Id || !self.filter.is_of_statuses()
    }
}
