//! Limit on the number of projects.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use federation_domain::{RegistrationWrite, WriteMode};

use super::CatalogError;
use crate::registry::Registry;

/// Default limit on the number of projects.
pub const MAX_PROJECTS: usize = 1_000_000;

/// Limit on the number of projects, for new ones. Projects that exist may always change.
pub(super) struct Capacity {
    max: AtomicUsize,
    /// Number of new projects that are being written.
    arriving: AtomicUsize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self { max: AtomicUsize::new(MAX_PROJECTS), arriving: AtomicUsize::new(0) }
    }
}

impl Capacity {
    pub(super) fn set(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    pub(super) fn full(&self) -> CatalogError {
        CatalogError::Full { max: self.max.load(Ordering::Relaxed) }
    }

    /// Returns the number of projects that may still be created.
    pub(super) fn left(&self, registry: &Registry) -> usize {
        let taken = registry.len() + self.arriving.load(Ordering::SeqCst);
        self.max.load(Ordering::Relaxed).saturating_sub(taken)
    }

    /// Reserves places for the projects that the writes create, until the result is dropped.
    ///
    /// # Errors
    /// [`CatalogError::Full`].
    pub(super) fn reserve(
        &self,
        registry: &Registry,
        writes: &[RegistrationWrite],
    ) -> Result<Arriving<'_>, CatalogError> {
        let creates = |write: &&RegistrationWrite| {
            !matches!(write.mode, WriteMode::Patch(..))
                && registry.get(write.slug().as_str()).is_none()
        };
        let new: HashSet<_> = writes.iter().filter(creates).map(RegistrationWrite::slug).collect();
        let count = new.len();
        let others = self.arriving.fetch_add(count, Ordering::SeqCst);
        let arriving = Arriving { capacity: self, count };
        let total = registry.len().saturating_add(others).saturating_add(count);
        if count > 0 && total > self.max.load(Ordering::Relaxed) {
            return Err(self.full());
        }
        Ok(arriving)
    }
}

/// Places reserved for projects that are being written.
pub(super) struct Arriving<'a> {
    capacity: &'a Capacity,
    count: usize,
}

impl Drop for Arriving<'_> {
    fn drop(&mut self) {
        self.capacity.arriving.fetch_sub(self.count, Ordering::SeqCst);
    }
}
