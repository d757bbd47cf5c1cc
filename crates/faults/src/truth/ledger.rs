//! What was acknowledged of registrations and removals.

use std::collections::BTreeMap;

use crate::clock::Moment;

/// What is known of one project of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CatalogState {
    /// Its registration was acknowledged by this moment.
    Registered(Moment),
    /// Its removal was.
    Removed(Moment),
    /// The answer was lost: either may be.
    Unknown,
}

/// The projects that were registered or removed in the run.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<String, CatalogState>);

impl Ledger {
    pub(crate) fn note(&mut self, slug: &str, entry: CatalogState) {
        self.0.insert(slug.to_owned(), entry);
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (&str, CatalogState)> {
        self.0.iter().map(|(slug, entry)| (slug.as_str(), *entry))
    }

    /// The projects whose registration was acknowledged.
    pub(crate) fn there(&self) -> Vec<&str> {
        let there = self.states().filter(|(_, entry)| matches!(entry, CatalogState::Registered(_)));
        there.map(|(slug, _)| slug).collect()
    }
}
