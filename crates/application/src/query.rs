//! What a caller wants to see of the catalog, and in which order. Pure: no registry, no clock.

mod filter;
mod first;
mod sort;

pub use filter::{ProjectFilter, SearchText};
pub(crate) use first::First;
pub use sort::{Position, Sort, SortKey, SortValue};

/// A selection of the catalog in its order. The default is all projects, by id.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectQuery {
    /// Which projects.
    pub filter: ProjectFilter,
    /// In which order.
    pub sort: Sort,
}
