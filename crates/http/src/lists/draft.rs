//! A list that is being written.

use std::sync::Arc;

use actix_web::web::{self, Bytes};
use federation_application::{Catalog, CatalogError, Position};
use futures_util::{Stream, stream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{List, Written};
use crate::error::ApiError;
use crate::params::ListQuery;
use crate::project::ProjectBody;

/// How many bytes of a long list are written at once: enough to keep the line busy meanwhile.
const PART_BYTES: usize = 512 * 1024;

/// How far a list was written. It is written in parts, so that nobody waits for the whole of a long
/// one, and no more than a part of it is in memory.
pub(crate) struct Draft {
    catalog: Catalog,
    query: ListQuery,
    after: Option<Position>,
    /// How many projects may follow.
    left: usize,
    /// What stands before the next project.
    before_next: u8,
    ended: bool,
    /// Who may look through the catalog; none: whoever wants to.
    turns: Option<Arc<Semaphore>>,
}

impl Draft {
    pub(super) fn new(catalog: Catalog, query: ListQuery, turns: Option<Arc<Semaphore>>) -> Self {
        let (after, left) = (query.after.clone(), query.limit.unwrap_or(usize::MAX));
        Self { catalog, query, after, left, before_next: b'[', ended: false, turns }
    }

    /// Writes the list, or the first part of a long one. `usual_bytes` is what is taken from memory
    /// at first. A page is never long: where it ends is told before it is sent.
    ///
    /// # Errors
    /// When the catalog is not loaded.
    pub(super) fn begin(
        mut self,
        usual_bytes: usize,
        most_kept_bytes: usize,
    ) -> Result<List, CatalogError> {
        let enough_bytes = if self.query.limit.is_some() { usize::MAX } else { most_kept_bytes };
        let json = Bytes::from(self.write(usual_bytes, enough_bytes)?);
        Ok(if self.ended {
            let link = self.query.link(self.after.as_ref());
            List::Whole(Arc::new(Written::new(json, link)))
        } else {
            List::Long(json, Box::new(self))
        })
    }

    /// Writes the next part: so many bytes and at most what the catalog shows at once more, unless
    /// the list ends before.
    fn write(&mut self, usual_bytes: usize, enough_bytes: usize) -> Result<Vec<u8>, CatalogError> {
        let mut json = Vec::with_capacity(usual_bytes);
        while !self.ended && json.len() < enough_bytes {
            let (before_next, fields) = (&mut self.before_next, self.query.fields);
            let mut shown = 0;
            let mut write = |project: &_, status_known| {
                json.push(std::mem::replace(before_next, b','));
                ProjectBody::new(project, status_known).write(&mut json, fields);
                shown += 1;
            };
            let (projects, after) = (&self.query.projects, self.after.as_ref());
            self.after = self.catalog.list_next(projects, after, self.left, &mut write)?;
            self.left -= shown;
            self.ended = self.after.is_none() || self.left == 0;
        }
        if self.ended {
            json.extend_from_slice(if self.before_next == b'[' { b"[]" } else { b"]" });
        }
        Ok(json)
    }

    /// What is left of the list, each part written when the one before is on its way.
    pub(crate) fn rest(self) -> impl Stream<Item = Result<Bytes, ApiError>> {
        stream::try_unfold(self, async |mut draft| {
            if draft.ended {
                return Ok(None);
            }
            let turn = turn(draft.turns.as_ref()).await;
            let written = web::block(move || {
                let part = draft.write(PART_BYTES, PART_BYTES)?;
                drop(turn);
                Ok::<_, CatalogError>((Bytes::from(part), draft))
            });
            Ok(Some(written.await.map_err(|error| ApiError::Internal(error.into()))??))
        })
    }
}

/// Waits until the catalog may be looked through; it may while the permit is kept.
pub(super) async fn turn(turns: Option<&Arc<Semaphore>>) -> Option<OwnedSemaphorePermit> {
    // Nobody closes it.
    Arc::clone(turns?).acquire_owned().await.ok()
}
