//! Isolation of items that the store rejects for good.

use federation_domain::{Prospect, StoreError};

/// Number of rejected items that are isolated in one call. Each takes some calls of the store.
const MAX_ISOLATED: usize = 64;

/// Items that the store rejected for good, by their places, and the first error.
#[derive(Debug, Default)]
pub(crate) struct RejectedItems {
    pub(crate) places: Vec<usize>,
    pub(crate) first: Option<StoreError>,
}

/// Stores items in as few calls as possible. A batch that the store rejects for good is halved until
/// the rejected items are found. If there are very many, further batches that contain one are given up
/// as a whole.
///
/// # Errors
/// Any other [`StoreError`], with the number of items at the beginning that are decided on.
pub(crate) async fn store_acceptable<T: Clone, F>(
    items: &[T],
    mut store: impl FnMut(Vec<T>) -> F,
) -> Result<RejectedItems, (StoreError, usize)>
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut rejected = RejectedItems::default();
    // Parts in reverse order, so that the first one is decided on first.
    let whole = 0..items.len();
    let mut parts = Vec::from([whole]);
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match store(items[part.clone()].to_vec()).await {
            Ok(()) => {}
            Err(error) if error.prospect() != Prospect::Permanent => {
                return Err((error, part.start));
            }
            Err(error) if part.len() == 1 || rejected.places.len() >= MAX_ISOLATED => {
                rejected.places.extend(part);
                rejected.first.get_or_insert(error);
            }
            Err(_) => {
                let middle = part.start + part.len() / 2;
                parts.extend([middle..part.end, part.start..middle]);
            }
        }
    }
    Ok(rejected)
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    fn rejected() -> StoreError {
        let reason = federation_domain::RejectReason::Constraint;
        StoreError::Rejected { project: None, reason, source: "bad".into() }
    }

    #[tokio::test]
    async fn only_the_items_that_are_rejected_are_left_out() {
        let items: Vec<usize> = (0..1_000).collect();
        let (mut stored, mut calls) = (Vec::new(), 0);
        let found = store_acceptable(&items, |part| {
            calls += 1;
            let is_good = !part.iter().any(|item| [7, 500, 999].contains(item));
            if is_good {
                stored.extend(part);
            }
            ready(if is_good { Ok(()) } else { Err(rejected()) })
        });
        let found = found.await.unwrap().places;
        assert_eq!(found, [7, 500, 999]);
        let expected: Vec<usize> = items.into_iter().filter(|n| !found.contains(n)).collect();
        assert_eq!(stored, expected, "in order");
        assert!(calls < 70, "{calls} calls");
    }

    #[tokio::test]
    async fn a_store_that_rejects_everything_is_not_called_for_each_item() {
        let mut calls = 0;
        let rejections = store_acceptable(&[0; 10_000], |_| {
            calls += 1;
            ready(Err(rejected()))
        });
        let rejections = rejections.await.unwrap();
        assert_eq!(rejections.places.len(), 10_000);
        assert!(rejections.first.is_some() && calls < 200, "{calls} calls");
    }

    #[tokio::test]
    async fn an_outage_ends_the_call_and_says_what_is_done() {
        let mut calls = 0;
        let outcome = store_acceptable(&[0; 8], |part| {
            calls += 1;
            ready(match (calls, part.len()) {
                (1, _) => Err(rejected()),
                (2, 4) => Ok(()),
                _ => Err(StoreError::Unavailable("away".into())),
            })
        });
        let (error, done) = outcome.await.unwrap_err();
        assert!(error.is_unavailable());
        assert_eq!(done, 4);
    }
}
