//! Injected failures.

use std::sync::atomic::Ordering;

use federation_domain::{RejectReason, Slug, StoreError, WritesRefusedBecause};
use tokio::task::yield_now;

use super::FakeStore;

impl FakeStore {
    /// Makes the next commit or record of a dispatch apply and then fail, as if the connection broke before the answer.
    pub fn lose_next_answer(&self) {
        self.loses_answer.store(true, Ordering::SeqCst);
    }

    /// Makes every write fail as `Failed`, or succeed again.
    pub fn set_failing(&self, fails: bool) {
        self.fails.store(fails, Ordering::SeqCst);
    }

    /// Delays writes of action runs until other tasks have run, or no longer.
    pub fn set_slow(&self, is_slow: bool) {
        self.is_slow.store(is_slow, Ordering::SeqCst);
    }

    pub(super) async fn wait_if_slow(&self) {
        if self.is_slow.load(Ordering::SeqCst) {
            for _ in 0..10 {
                yield_now().await;
            }
        }
    }

    /// Returns the number of probes of writes so far.
    pub fn probes(&self) -> usize {
        self.probes.load(Ordering::SeqCst)
    }

    /// Makes every write fail as `WritesRefused`, or succeed again.
    pub fn set_read_only(&self, is_read_only: bool) {
        self.is_read_only.store(is_read_only, Ordering::SeqCst);
    }

    /// Makes every write of a project fail as `Rejected`, as a constraint of a database does.
    pub fn reject(&self, slug: &Slug) {
        self.rejected.lock().insert(slug.clone());
    }

    /// Locks the row of a project, as another transaction does.
    pub fn lock(&self, slug: &Slug) {
        self.locked.lock().insert(slug.clone());
    }

    /// Releases all rows.
    pub fn unlock(&self) {
        self.locked.lock().clear();
    }

    /// Returns the number of heartbeats that checkpoints of this store wrote.
    pub fn heartbeats_written(&self) -> usize {
        self.heartbeats_written.load(Ordering::SeqCst)
    }

    /// Accepts all projects again.
    pub fn reject_none(&self) {
        self.rejected.lock().clear();
    }

    /// Fails if a write of one of these projects is to fail.
    pub(super) fn check_accepted<'a>(
        &self,
        slugs: impl IntoIterator<Item = &'a Slug>,
    ) -> Result<(), StoreError> {
        if self.is_read_only.load(Ordering::SeqCst) {
            let (why, source) =
                (WritesRefusedBecause::ReadOnly, "made read-only by the test".into());
            return Err(StoreError::WritesRefused { why, source });
        }
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Failed("failed by the test".into()));
        }
        let rejected = self.rejected.lock();
        let Some(slug) = slugs.into_iter().find(|slug| rejected.contains(*slug)) else {
            return Ok(());
        };
        Err(StoreError::Rejected {
            project: Some(slug.clone()),
            reason: RejectReason::Constraint,
            source: "rejected by the test".into(),
        })
    }
}
