//! Targets that differ from the store.

use std::collections::{HashMap, VecDeque};

use federation_domain::{ActionStore, ActionTarget, RunId, Slug, StoreError};

/// Maximum number of targets that are stored at once, so that a call stays short.
const BATCH: usize = 1_000;

/// Maximum size of the results of one call of the store.
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// Number of targets that are read at once. Results of other targets may be large.
const READ_AT_ONCE: usize = 200;

/// Targets to store, oldest first. Of a target, only the newest state is kept.
#[derive(Default)]
pub(super) struct Unstored {
    targets: HashMap<Slug, ActionTarget>,
    order: VecDeque<Slug>,
    bytes: usize,
}

impl Unstored {
    pub(super) fn push(&mut self, target: ActionTarget) {
        let slug = target.project.clone();
        self.bytes += size(&target);
        match self.targets.insert(slug.clone(), target) {
            Some(former) => self.bytes -= size(&former),
            None => self.order.push_back(slug),
        }
    }

    pub(super) fn has(&self, project: &Slug) -> bool {
        self.targets.contains_key(project)
    }

    pub(super) fn len(&self) -> usize {
        self.targets.len()
    }

    /// Returns the size of the results.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the targets to store at once.
    pub(super) fn take(&mut self) -> Vec<ActionTarget> {
        let (mut taken, mut bytes) = (Vec::new(), 0);
        while taken.len() < BATCH
            && let Some(target) = self.order.front().and_then(|slug| self.targets.get(slug))
            && (taken.is_empty() || bytes + size(target) <= BATCH_BYTES)
        {
            bytes += size(target);
            let first = self.order.pop_front();
            taken.extend(first.and_then(|slug| self.targets.remove(&slug)));
        }
        self.bytes -= bytes;
        taken
    }

    /// Puts back targets that were not stored, unless they have changed since.
    pub(super) fn put_back(&mut self, targets: Vec<ActionTarget>) {
        for target in targets.into_iter().rev() {
            if !self.has(&target.project) {
                self.bytes += size(&target);
                self.order.push_front(target.project.clone());
                self.targets.insert(target.project.clone(), target);
            }
        }
    }
}

fn size(target: &ActionTarget) -> usize {
    target.result.as_ref().map_or(0, |result| result.len())
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
        assert_eq!((unstored.len(), unstored.bytes()), (2, 7));
        assert_eq!(unstored.take(), [target("b", 3), target("a", 4)]);
        assert_eq!((unstored.len(), unstored.bytes()), (0, 0));
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
