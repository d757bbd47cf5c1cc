//! A list that is being written.

use actix_web::web::{self, Bytes};
use federation_application::{Catalog, CatalogError};
use federation_domain::{ProjectId, ProjectStatus};
use futures_util::{Stream, stream};

use crate::error::ApiError;
use crate::project::ProjectBody;

/// How many bytes of a long list are written at once: enough to keep the line busy meanwhile.
const PART_BYTES: usize = 512 * 1024;

/// How far a list was written. It is written in parts, so that nobody waits for the whole of a long
/// one, and no more than a part of it is in memory.
pub(crate) struct Draft {
    catalog: Catalog,
    status: Option<ProjectStatus>,
    after: Option<ProjectId>,
    /// What stands before the next project.
    before_next: u8,
    ended: bool,
}

impl Draft {
    pub(super) fn new(catalog: Catalog, status: Option<ProjectStatus>) -> Self {
        Self { catalog, status, after: None, before_next: b'[', ended: false }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Writes the next part: so many bytes and at most a thousand projects more, unless the list
    /// ends before. `usual_bytes` is what is taken from memory at first.
    ///
    /// # Errors
    /// When the catalog is not loaded.
    pub(super) fn write(
        &mut self,
        usual_bytes: usize,
        enough_bytes: usize,
    ) -> Result<Vec<u8>, CatalogError> {
        let mut json = Vec::with_capacity(usual_bytes);
        while !self.ended && json.len() < enough_bytes {
            let before_next = &mut self.before_next;
            let mut write = |project: &_, status_known| {
                json.push(std::mem::replace(before_next, b','));
                ProjectBody::new(project, status_known).write(&mut json);
            };
            self.after = self.catalog.list_next(self.status, self.after, &mut write)?;
            self.ended = self.after.is_none();
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
            let written = web::block(move || {
                let part = draft.write(PART_BYTES, PART_BYTES)?;
                Ok::<_, CatalogError>((Bytes::from(part), draft))
            });
            Ok(Some(written.await.map_err(|error| ApiError::Internal(error.into()))??))
        })
    }
}
