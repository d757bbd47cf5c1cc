//! Targets that differ from the store.

use std::collections::HashMap;

use federation_domain::{ActionStore, ActionTarget, RunId, Slug, StoreError};

/// Maximum number of targets that are stored at once, so that a call stays short.
const BATCH: usize = 1_000;

/// Maximum size of the results of one call of the store.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Number of targets that are read at once. Results of other targets may be large.
const READ_AT_ONCE: usize = 200;

/// Targets to store, oldest first.
#[derive(Default)]
pub(super) struct Unstored(Vec<ActionTarget>);

impl Unstored {
    pub(super) fn push(&mut self, target: ActionTarget) {
        self.0.push(target);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the targets to store at once. Of a target, only the newest state is kept.
    pub(super) fn take(&mut self) -> Vec<ActionTarget> {
        let mut newest: HashMap<Slug, usize> = HashMap::new();
        for (place, target) in self.0.iter().enumerate() {
            newest.insert(target.project.clone(), place);
        }
        if newest.len() < self.0.len() {
            let mut place = 0;
            self.0.retain(|target| {
                place += 1;
                newest.get(&target.project) == Some(&(place - 1))
            });
        }
        let mut bytes = 0;
        let fits = self.0.iter().take(BATCH).take_while(|target| {
            bytes += target.result.as_ref().map_or(0, |result| result.len());
            bytes <= BATCH_BYTES
        });
        let count = fits.count().max(1).min(self.0.len());
        self.0.drain(..count).collect()
    }

    /// Puts back targets that were not stored.
    pub(super) fn put_back(&mut self, targets: Vec<ActionTarget>) {
        self.0.splice(..0, targets);
    }
}

/// Reads the targets of a run that have no outcome, and the number of the others.
pub(super) async fn pending_targets(
    store: &dyn ActionStore,
    id: RunId,
) -> Result<(Vec<ActionTarget>, usize), StoreError> {
    let (mut pending, mut ended, mut after) = (Vec::new(), 0, None);
    loop {
        let part = store.run_targets(id, after, READ_AT_ONCE).await?;
        let count = part.len();
        after = part.last().map(|target| target.project.clone());
        for target in part {
            match target.outcome {
                None => pending.push(target),
                Some(_) => ended += 1,
            }
        }
        if count < READ_AT_ONCE {
            return Ok((pending, ended));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(slug: &str, bytes: usize) -> ActionTarget {
        let result = Some("x".repeat(bytes).into());
        ActionTarget { result, ..ActionTarget::waiting(Slug::parse(slug).unwrap()) }
    }

    #[test]
    fn only_the_newest_state_of_a_target_is_stored() {
        let mut unstored = Unstored::default();
        for bytes in [1, 2, 3] {
            unstored.push(target("a", bytes));
            unstored.push(target("b", bytes));
        }
        let batch = unstored.take();
        assert_eq!(batch, [target("a", 3), target("b", 3)]);
        unstored.push(target("a", 4));
        unstored.put_back(batch);
        assert_eq!(unstored.take(), [target("b", 3), target("a", 4)]);
        assert!(unstored.take().is_empty());
    }

    #[test]
    fn a_batch_has_few_bytes_and_at_least_one_target() {
        let mut unstored = Unstored::default();
        for slug in ["a", "b", "c"] {
            unstored.push(target(slug, BATCH_BYTES / 2));
        }
        assert_eq!(unstored.take().len(), 2);
        let mut large = Unstored::default();
        large.push(target("a", BATCH_BYTES * 2));
        assert_eq!(large.take().len(), 1);
    }
}
