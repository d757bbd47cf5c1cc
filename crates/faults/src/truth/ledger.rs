//! Acknowledged registrations and removals.

use std::collections::BTreeMap;

use crate::clock::Moment;

/// Known state of one project of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CatalogState {
    /// Its registration was acknowledged by this time.
    Registered(Moment),
    /// Its removal was acknowledged by this time.
    Removed(Moment),
    /// The response was lost, so either is possible.
    Unknown,
}

/// Projects registered or removed during the run.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<String, CatalogState>);

impl Ledger {
    pub(crate) fn note(&mut self, slug: &str, entry: CatalogState) {
        self.0.insert(slug.to_owned(), entry);
    }

    pub(crate) fn states(&self) -> impl Iterator<Item = (&str, CatalogState)> {
        self.0.iter().map(|(slug, entry)| (slug.as_str(), *entry))
    }

    /// Returns the projects whose registration was acknowledged.
    pub(crate) fn there(&self) -> Vec<&str> {
        let there = self.states().filter(|(_, entry)| matches!(entry, CatalogState::Registered(_)));
        there.map(|(slug, _)| slug).collect()
    }
}
