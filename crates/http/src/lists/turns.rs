//! Who may look through the whole catalog.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::ApiError;

/// How long a list waits for its turn before its caller is told to come again.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many may look through the whole catalog at a time: as many as leave a processor to those who
/// answer and hear. The others wait, in the order in which they came.
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(processors.saturating_sub(1).max(1))
    }
}

impl Turns {
    pub(super) fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once)))
    }

    /// Waits for a turn; it lasts while the permit is kept.
    pub(super) async fn next(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }

    /// The same, for one who can still be refused.
    ///
    /// # Errors
    /// [`ApiError::TooManyLists`], when it does not come within 2 s.
    pub(super) async fn next_soon(&self) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
        timeout(PATIENCE, self.next()).await.map_err(|_| ApiError::TooManyLists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::Lists;
    use crate::testing::Api;

    /// All turns are taken, for good.
    async fn busy() -> (Api, OwnedSemaphorePermit) {
        let mut api = Api::new().await;
        api.register("a").await;
        let turns = Arc::new(Turns::new(1));
        let taken = turns.next().await.unwrap();
        api.state.lists = Arc::new(Lists { turns, ..Lists::default() });
        tokio::time::pause();
        (api, taken)
    }

    #[actix_web::test]
    async fn cheap_lists_do_not_wait_for_costly_ones() {
        let (api, _taken) = busy().await;
        for query in
            ["", "limit=1", "sort=-id&limit=9", "fields=slug", "status=online,offline&limit=1"]
        {
            let answer = api.get(&format!("/api/fed/projects?{query}")).await;
            assert_eq!(answer.status, 200, "{query}: {answer}");
        }
    }

    #[actix_web::test]
    async fn a_costly_list_that_gets_no_turn_is_told_to_come_again() {
        let (api, taken) = busy().await;
        insta::assert_snapshot!(api.get("/api/fed/projects?sort=slug&limit=1").await, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"too many sorted or filtered lists are being made already, try again later"}
        "#);
        let costly =
            ["sort=name", "tag=a", "any_tag=a", "q=a", "updated_since=2026-11-23T14:41:13Z"];
        for query in costly {
            let answer = api.get(&format!("/api/fed/projects?{query}")).await;
            assert_eq!(answer.status, 503, "{query}: {answer}");
        }
        drop(taken);
        for query in costly {
            let answer = api.get(&format!("/api/fed/projects?{query}")).await;
            assert_eq!(answer.status, 200, "{query}: {answer}");
        }
    }
}
