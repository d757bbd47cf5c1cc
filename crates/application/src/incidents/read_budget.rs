//! Limits of the reads of the store in one round of metric rules.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Clock, Monotonic, StoreError, error_chain};
use tokio::time::timeout;

/// Maximum number of reads in one round.
const MAX_READS: usize = 50;

/// Deadline for all reads of one round.
const READ_WITHIN: Duration = Duration::from_secs(1);

/// The reads of the store that are left in one round.
pub(super) struct ReadBudget {
    clock: Arc<dyn Clock>,
    began: Monotonic,
    reads: usize,
    /// No read was made yet.
    is_whole: bool,
    skipped: u64,
    has_failed: bool,
}

impl ReadBudget {
    /// Creates a budget, for no reads at all if `is_paused`.
    pub(super) fn new(clock: Arc<dyn Clock>, is_paused: bool) -> Self {
        let (began, reads) = (clock.monotonic(), if is_paused { 0 } else { MAX_READS });
        Self { clock, began, reads, is_whole: true, skipped: 0, has_failed: false }
    }

    pub(super) fn is_left(&self) -> bool {
        self.reads > 0 && !self.time_left().is_zero()
    }

    fn time_left(&self) -> Duration {
        READ_WITHIN.saturating_sub(self.clock.monotonic().since(self.began))
    }

    /// Returns the number of reads that were not made or not finished.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Returns `true` if a read failed, or took all the time by itself.
    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Reads the store, unless the budget is used up. After a read that fails, there are no others.
    pub(super) async fn read<T>(
        &mut self,
        read: impl Future<Output = Result<T, StoreError>>,
    ) -> Option<T> {
        if !self.is_left() {
            self.skipped += 1;
            return None;
        }
        self.reads -= 1;
        let is_first = std::mem::take(&mut self.is_whole);
        let error = match timeout(self.time_left(), read).await {
            Ok(Ok(read)) => return Some(read),
            Ok(Err(error)) => {
                self.has_failed = true;
                error_chain(&error)
            }
            Err(elapsed) => {
                self.has_failed = is_first;
                elapsed.to_string()
            }
        };
        self.reads = 0;
        self.skipped += 1;
        tracing::debug!(error, "metric rules cannot read the store");
        None
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use federation_testkit::ManualClock;

    use super::*;

    fn budget() -> (ReadBudget, Arc<ManualClock>) {
        let clock = Arc::<ManualClock>::default();
        (ReadBudget::new(Arc::<ManualClock>::clone(&clock), false), clock)
    }

    #[tokio::test(start_paused = true)]
    async fn all_reads_of_an_evaluation_have_one_deadline() {
        let (mut budget, clock) = budget();
        let slow = async {
            clock.advance(Duration::from_millis(600));
            Ok(7)
        };
        assert_eq!(budget.read(slow).await, Some(7));
        assert_eq!(budget.time_left(), Duration::from_millis(400));
        assert_eq!(budget.read(pending::<Result<(), _>>()).await, None);
        assert!(!budget.has_failed(), "the first read took the time");
        assert_eq!(budget.read(ready(Ok(1))).await, None);
        assert_eq!((budget.skipped(), budget.is_left()), (2, false));
    }

    #[tokio::test(start_paused = true)]
    async fn a_read_that_fails_or_takes_all_the_time_is_the_last_one() {
        let (mut slow, _) = budget();
        assert_eq!(slow.read(pending::<Result<(), _>>()).await, None);
        assert!(slow.has_failed() && !slow.is_left());
        let (mut failing, _) = budget();
        let error = StoreError::Unavailable("away".into());
        assert_eq!(failing.read(ready(Err::<(), _>(error))).await, None);
        assert!(failing.has_failed() && !failing.is_left());
    }

    #[tokio::test]
    async fn the_number_of_reads_is_limited() {
        let (mut budget, clock) = budget();
        for _ in 0..MAX_READS {
            assert_eq!(budget.read(ready(Ok(1))).await, Some(1));
        }
        assert_eq!(budget.read(ready(Ok(1))).await, None);
        assert_eq!((budget.skipped(), budget.has_failed()), (1, false));
        let mut paused = ReadBudget::new(clock, true);
        assert_eq!(paused.read(ready(Ok(1))).await, None);
    }
}
