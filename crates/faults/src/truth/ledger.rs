//! What was acknowledged of registrations and removals.

use std::collections::BTreeMap;

use crate::clock::Moment;

/// What is known of one project of the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Its registration was acknowledged by this moment.
    There(Moment),
    /// Its removal was.
    Gone(Moment),
    /// The answer was lost: either may be.
    Unsure,
}

/// The projects that were registered or removed in the run.
#[derive(Debug, Default)]
pub(crate) struct Ledger(BTreeMap<String, Entry>);

impl Ledger {
    pub(crate) fn note(&mut self, slug: &str, entry: Entry) {
        self.0.insert(slug.to_owned(), entry);
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, Entry)> {
        self.0.iter().map(|(slug, entry)| (slug.as_str(), *entry))
    }

    /// The projects whose registration was acknowledged.
    pub(crate) fn there(&self) -> Vec<&str> {
        let there = self.entries().filter(|(_, entry)| matches!(entry, Entry::There(_)));
        there.map(|(slug, _)| slug).collect()
    }
}
