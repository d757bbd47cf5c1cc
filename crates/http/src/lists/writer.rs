//! Encodes a list incrementally.

use std::sync::Arc;

use actix_web::web::{self, Bytes};
use federation_application::{Assessment, Catalog, CatalogError, Position, Series, SortKey};
use federation_domain::{Project, ProjectId, ProjectStatus};
use futures_util::{Stream, stream};

use super::encoded::EncodedList;
use super::permits::Permits;
use crate::error::ApiError;
use crate::params::list::ListQuery;
use crate::wire::kpis;
use crate::wire::project::body::ProjectBody;

/// Minimum size of each part of a streamed list. Enough to keep a connection busy while the next
/// part is encoded.
pub(super) const PART_BYTES: usize = 512 * 1024;

/// Number of projects looked up at a time once their order is known.
const PROJECTS_PER_LOOKUP: usize = 1_000;

/// A list that is ready to be sent.
pub(crate) enum PreparedList {
    Whole(Arc<EncodedList>),
    /// The first part of a list that is too long for memory, and the writer of the rest.
    Streamed(Bytes, Box<ListWriter>),
}

/// Encodes a list as JSON.
///
/// A list stays in memory as a whole until it turns out to be too long. From then on each part is
/// encoded when the previous one has been sent. The first bytes do not wait for the whole list, and
/// a slow reader occupies little memory.
pub(crate) struct ListWriter {
    catalog: Catalog,
    query: ListQuery,
    /// Set if the query scans the catalog and needs a permit for each part.
    permits: Option<Arc<Permits>>,
    /// Source of key figures, if the query asks for them.
    series: Option<Series>,
    progress: Progress,
}

/// A project without key figures in the buffer.
struct Encoded {
    id: ProjectId,
    /// `None` if it is not known.
    status: Option<ProjectStatus>,
    /// Place in the buffer behind the project.
    end: usize,
}

/// The position up to which a list is encoded.
#[derive(Clone)]
struct Progress {
    after: Option<Position>,
    /// Maximum number of projects that follow.
    left: usize,
    /// The character before the next project.
    before_next: u8,
    ended: bool,
    /// The next projects up to `after`, in order. Only used for sorted lists that are not pages.
    ordered: Arc<[ProjectId]>,
    /// Number of `ordered` projects that are encoded.
    past: usize,
}

impl ListWriter {
    pub(super) fn new(catalog: Catalog, query: ListQuery, permits: Option<Arc<Permits>>) -> Self {
        let progress = Progress {
            after: query.after.clone(),
            left: query.limit.unwrap_or(usize::MAX),
            before_next: b'[',
            ended: false,
            ordered: Arc::default(),
            past: 0,
        };
        Self { catalog, query, permits, series: None, progress }
    }

    /// Adds key figures to each project.
    pub(super) fn assessing(self, series: Option<Series>) -> Self {
        Self { series, ..self }
    }

    /// Encodes the list, or the first part of a long one, into a buffer of `expected_bytes`.
    ///
    /// A page is never streamed, because its end is needed for the `Link` header.
    ///
    /// # Errors
    /// Fails if the catalog is not loaded.
    pub(super) fn begin(
        mut self,
        expected_bytes: usize,
        max_whole_bytes: usize,
    ) -> Result<PreparedList, CatalogError> {
        let enough_bytes = if self.query.limit.is_some() { usize::MAX } else { max_whole_bytes };
        let mut json = Vec::with_capacity(expected_bytes);
        self.write(&mut json, PART_BYTES.min(enough_bytes))?;
        let (part_bytes, part) = (json.len(), self.progress.clone());
        self.write(&mut json, enough_bytes)?;
        Ok(if self.progress.ended {
            let link = self.query.link(self.progress.after.as_ref());
            PreparedList::Whole(Arc::new(EncodedList::new(json.into(), link)))
        } else {
            // The rest is discarded and encoded again later, so that it does not occupy memory
            // until then.
            let first = Bytes::copy_from_slice(&json[..part_bytes]);
            PreparedList::Streamed(first, Box::new(Self { progress: part, ..self }))
        })
    }

    /// Appends to the buffer until it holds `enough_bytes` or the list ends. May exceed
    /// `enough_bytes` by one lookup in the catalog.
    fn write(&mut self, json: &mut Vec<u8>, enough_bytes: usize) -> Result<(), CatalogError> {
        if self.progress.ended {
            return Ok(());
        }
        while !self.progress.ended && json.len() < enough_bytes {
            let (mut before_next, fields) = (self.progress.before_next, self.query.fields);
            let (mut shown, start) = (0, json.len());
            let is_assessed = self.series.is_some();
            let mut encoded = Vec::new();
            self.show_next(&mut |project, status_known| {
                json.push(std::mem::replace(&mut before_next, b','));
                ProjectBody::new(project, status_known).write(json, fields);
                shown += 1;
                if is_assessed {
                    let status = status_known.then_some(project.status);
                    encoded.push(Encoded { id: project.id, status, end: json.len() });
                }
            })?;
            if let Some(series) = &self.series {
                assess(json, start, &encoded, series);
            }
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

    /// Passes the next projects to `show`, at most as many as may follow.
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
        let next = &next[..next.len().min(PROJECTS_PER_LOOKUP)];
        self.catalog.list_these(&projects.filter, next, show);
        progress.past += next.len();
        Ok(())
    }

    /// Streams the rest of the list. Each part is encoded when the previous one has been sent.
    pub(crate) fn rest(self) -> impl Stream<Item = Result<Bytes, ApiError>> {
        stream::try_unfold(self, async |mut writer| {
            if writer.progress.ended {
                return Ok(None);
            }
            let permit = match &writer.permits {
                // The response has begun and cannot be refused any more, so wait without limit.
                Some(permits) => permits.acquire().await,
                None => None,
            };
            let written = web::block(move || {
                let mut part = Vec::with_capacity(PART_BYTES);
                writer.write(&mut part, PART_BYTES)?;
                drop(permit);
                Ok::<_, CatalogError>((Bytes::from(part), writer))
            });
            Ok(Some(written.await.map_err(ApiError::internal)??))
        })
    }
}

/// Adds key figures to the projects in the buffer that follow `start`. They are not assessed while they
/// are listed, because their entries are locked then.
fn assess(json: &mut Vec<u8>, start: usize, encoded: &[Encoded], series: &Series) {
    let plain = json.split_off(start);
    let mut from = 0;
    for Encoded { id, status, end } in encoded {
        json.extend_from_slice(&plain[from..end - start]);
        from = end - start;
        let Assessment { kpis, risk } = series.assess_status(*id, *status);
        kpis::append(json, &kpis, risk.as_ref());
    }
}
