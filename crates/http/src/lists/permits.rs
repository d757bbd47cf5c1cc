//! Limits how many queries scan the catalog concurrently.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::ApiError;

/// Time a request waits for a permit before it is refused.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// Permits for queries that scan the whole catalog.
///
/// There is one permit fewer than there are processors, so that a processor stays free for
/// responses and heartbeats. Waiting queries are served in order of arrival.
pub(crate) struct Permits(Arc<Semaphore>);

impl Default for Permits {
    fn default() -> Self {
        let processors = available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(processors.saturating_sub(1).max(1))
    }
}

impl Permits {
    pub(crate) fn new(permits: usize) -> Self {
        Self(Arc::new(Semaphore::new(permits)))
    }

    /// Waits for a permit.
    pub(crate) async fn acquire(&self) -> Option<OwnedSemaphorePermit> {
        // The semaphore is never closed.
        Arc::clone(&self.0).acquire_owned().await.ok()
    }

    /// Waits for a permit, for a request that can still be refused.
    ///
    /// # Errors
    /// [`ApiError::TooManyLists`] after 2 s.
    pub(crate) async fn acquire_soon(&self) -> Result<Option<OwnedSemaphorePermit>, ApiError> {
        timeout(ACQUIRE_TIMEOUT, self.acquire()).await.map_err(|_| ApiError::TooManyLists)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::Lists;
    use crate::testing::Api;

    /// Returns an API whose only permit is taken.
    async fn busy() -> (Api, OwnedSemaphorePermit) {
        let mut api = Api::new().await;
        api.register("a").await;
        let permits = Arc::new(Permits::new(1));
        let taken = permits.acquire().await.unwrap();
        let lists = Lists::new(
            api.service.catalog.clone(),
            api.service.presence.clone(),
            api.service.instances.clone(),
        );
        api.state.lists = Arc::new(Lists { permits, ..lists });
        tokio::time::pause();
        (api, taken)
    }

    #[actix_web::test]
    async fn cheap_lists_do_not_wait_for_costly_ones() {
        let (api, _taken) = busy().await;
        for query in
            ["", "limit=1", "sort=-id&limit=9", "fields=slug", "status=online,offline&limit=1"]
        {
            let response = api.get(&format!("/api/fed/projects?{query}")).await;
            assert_eq!(response.status, 200, "{query}: {response}");
        }
    }

    #[actix_web::test]
    async fn a_costly_list_without_a_permit_is_refused_after_a_while() {
        let (api, taken) = busy().await;
        insta::assert_snapshot!(api.get("/api/fed/projects?sort=slug&limit=1").await, @r#"
        503
        content-type: application/problem+json
        retry-after: 5
        {"title":"Service Unavailable","status":503,"detail":"too many sorted or filtered lists are in progress, try again later"}
        "#);
        let costly =
            ["sort=name", "tag=a", "any_tag=a", "q=a", "updated_since=2026-11-23T14:41:13Z"];
        for query in costly {
            let response = api.get(&format!("/api/fed/projects?{query}")).await;
            assert_eq!(response.status, 503, "{query}: {response}");
        }
        drop(taken);
        for query in costly {
            let response = api.get(&format!("/api/fed/projects?{query}")).await;
            assert_eq!(response.status, 200, "{query}: {response}");
        }
    }
}
