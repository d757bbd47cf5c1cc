//! Spells of listening, joined.

use federation_domain::{Listened, SPELLS_KEPT, Source};
use time::OffsetDateTime;

/// The spells of all sources, in the order of their beginnings; no two of a source meet.
#[derive(Default, Clone)]
pub(super) struct Spells(Vec<Listened>);

impl Spells {
    /// Takes a spell in, joins it with those that it meets, and forgets what ended too long before.
    pub(super) fn join(&mut self, mut spell: Listened) {
        self.0.retain(|known| {
            let meets = known.source == spell.source
                && known.from <= spell.until
                && spell.from <= known.until;
            if meets {
                spell.from = spell.from.min(known.from);
                spell.until = spell.until.max(known.until);
            }
            !meets
        });
        let forgotten = spell.until - SPELLS_KEPT;
        self.0.retain(|known| known.source != spell.source || known.until >= forgotten);
        let place = self.0.partition_point(|known| known.from < spell.from);
        self.0.insert(place, spell);
    }

    /// Those of a source that end after a moment.
    pub(super) fn since(&self, source: Source, since: OffsetDateTime) -> Vec<Listened> {
        let ends_after = |spell: &&Listened| spell.source == source && spell.until > since;
        self.0.iter().filter(ends_after).copied().collect()
    }

    /// Of each source the one that ends last.
    pub(super) fn last_of_each(&self) -> Vec<Listened> {
        let last = |source| self.0.iter().rfind(|spell| spell.source == source).copied();
        Source::ALL.into_iter().filter_map(last).collect()
    }
}
