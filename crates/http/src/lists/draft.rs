//! A list that is being written.

use std::sync::Arc;

use actix_web::web::{self, Bytes};
use federation_application::{Catalog, CatalogError, Position, SortKey};
use federation_domain::{Project, ProjectId};
use futures_util::{Stream, stream};

use super::turns::Turns;
use super::{List, Written};
use crate::error::ApiError;
use crate::params::ListQuery;
use crate::project::ProjectBody;

/// How many bytes of a long list are written at once: enough to keep the line busy meanwhile.
pub(super) const PART_BYTES: usize = 512 * 1024;

/// How many projects of a list are looked up at once where their order is known.
const SHOWN_AT_ONCE: usize = 1_000;

/// A list and how far it was written. Until it is known to be long, all of it is in memory; from then
/// on a part, which is written when the one before is on its way: so nobody waits for the whole, and a
/// reader that takes nothing holds little.
pub(crate) struct Draft {
    catalog: Catalog,
    query: ListQuery,
    /// Where it has to wait; none: nowhere.
    turns: Option<Arc<Turns>>,
    progress: Progress,
}

/// How far a list was written.
#[derive(Clone)]
struct Progress {
    after: Option<Position>,
    /// How many projects may follow.
    left: usize,
    /// What stands before the next project.
    before_next: u8,
    ended: bool,
    /// Who comes next, down to `after`: of a sorted list that is no page.
    ordered: Arc<[ProjectId]>,
    /// How many of them were written.
    past: usize,
}

impl Draft {
    pub(super) fn new(catalog: Catalog, query: ListQuery, turns: Option<Arc<Turns>>) -> Self {
        let progress = Progress {
            after: query.after.clone(),
            left: query.limit.unwrap_or(usize::MAX),
            before_next: b'[',
            ended: false,
            ordered: Arc::default(),
            past: 0,
        };
        Self { catalog, query, turns, progress }
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
        let mut json = Vec::with_capacity(usual_bytes);
        self.write(&mut json, PART_BYTES.min(enough_bytes))?;
        let (part_bytes, part) = (json.len(), self.progress.clone());
        self.write(&mut json, enough_bytes)?;
        Ok(if self.progress.ended {
            let link = self.query.link(self.progress.after.as_ref());
            List::Whole(Arc::new(Written::new(json.into(), link)))
        } else {
            // What is beyond the part is written again when it is its turn: it is not to lie in
            // memory until then.
            let first = Bytes::copy_from_slice(&json[..part_bytes]);
            List::Long(first, Box::new(Self { progress: part, ..self }))
        })
    }

    /// Goes on writing until there are so many bytes, and at most what the catalog shows at once
    /// more, or the list has ended.
    fn write(&mut self, json: &mut Vec<u8>, enough_bytes: usize) -> Result<(), CatalogError> {
        if self.progress.ended {
            return Ok(());
        }
        while !self.progress.ended && json.len() < enough_bytes {
            let (mut before_next, fields) = (self.progress.before_next, self.query.fields);
            let mut shown = 0;
            self.show_next(&mut |project, status_known| {
                json.push(std::mem::replace(&mut before_next, b','));
                ProjectBody::new(project, status_known).write(json, fields);
                shown += 1;
            })?;
            let progress = &mut self.progress;
            progress.before_next = before_next;
            progress.left -= shown;
            let is_past_all = progress.past == progress.ordered.len() && progress.after.is_none();
            progress.ended = is_past_all || progress.left == 0;
        }
        if self.progress.ended {
            let is_empty = self.progress.before_next == b'[';
            json.extend_from_slice(if is_empty { b"[]" } else { b"]" });
        }
        Ok(())
    }

    /// Shows who comes next, at most so many as may follow.
    fn show_next(&mut self, show: &mut dyn FnMut(&Project, bool)) -> Result<(), CatalogError> {
        let (projects, progress) = (&self.query.projects, &mut self.progress);
        if projects.sort.key == SortKey::Id || self.query.limit.is_some() {
            let after = progress.after.as_ref();
            progress.after = self.catalog.list_next(projects, after, progress.left, show)?;
            return Ok(());
        }
        if progress.past == progress.ordered.len() {
            let (ids, after) = self.catalog.order(projects, progress.after.as_ref())?;
            (progress.ordered, progress.past, progress.after) = (ids.into(), 0, after);
        }
        let next = &progress.ordered[progress.past..];
        let next = &next[..next.len().min(SHOWN_AT_ONCE)];
        self.catalog.list_these(&projects.filter, next, show);
        progress.past += next.len();
        Ok(())
    }

    /// What is left of the list, each part written when the one before is on its way.
    pub(crate) fn rest(self) -> impl Stream<Item = Result<Bytes, ApiError>> {
        stream::try_unfold(self, async |mut draft| {
            if draft.progress.ended {
                return Ok(None);
            }
            let turn = match &draft.turns {
                // It was begun, so it waits as long as it takes.
                Some(turns) => turns.next().await,
                None => None,
            };
            let written = web::block(move || {
                let mut part = Vec::with_capacity(PART_BYTES);
                draft.write(&mut part, PART_BYTES)?;
                drop(turn);
                Ok::<_, CatalogError>((Bytes::from(part), draft))
            });
            Ok(Some(written.await.map_err(|error| ApiError::Internal(error.into()))??))
        })
    }
}
