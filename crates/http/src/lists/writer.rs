//! Encodes a list incrementally.

use std::sync::Arc;

use actix_web::web::{self, Bytes};
use federation_application::{
    Assessment, Catalog, CatalogError, Instances, Position, Series, SortKey,
};
use federation_domain::{Project, ProjectId, ProjectStatus};
use futures_util::{Stream, stream};

use super::memory::{ListMemory, Reservation};
use super::permits::Permits;
use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::params::list::ListQuery;
use crate::wire::instance;
use crate::wire::kpis;
use crate::wire::project::body::ProjectBody;

/// Minimum size of each part of a streamed list. Enough to keep a connection busy while the next
/// part is encoded.
pub(super) const PART_BYTES: usize = 512 * 1024;

/// Minimum size of each part while the memory for lists is used up.
pub(super) const SMALL_PART_BYTES: usize = 16 * 1024;

/// Number of projects looked up at a time, in parts and in small parts.
const PROJECTS_PER_LOOKUP: usize = 1_000;
const PROJECTS_PER_SMALL_LOOKUP: usize = 16;

/// A list that is ready to be sent.
pub(crate) enum PreparedList {
    Whole(Arc<EncodedBody>),
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
    additions: Additions,
    memory: ListMemory,
    progress: Progress,
}

/// A project without additional keys in the buffer.
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
    /// `ordered` has all projects of the list, in order of a figure, and `after` is its end.
    is_ranked: bool,
}

impl ListWriter {
    pub(super) fn new(catalog: Catalog, query: ListQuery, memory: ListMemory) -> Self {
        let progress = Progress {
            after: query.after.clone(),
            left: query.limit.unwrap_or(usize::MAX),
            before_next: b'[',
            ended: false,
            ordered: Arc::default(),
            past: 0,
            is_ranked: false,
        };
        Self { catalog, query, permits: None, additions: Additions::default(), memory, progress }
    }

    /// Puts the projects in order of a figure, if the query asks for that. The order does not change
    /// any more.
    ///
    /// # Errors
    /// Fails if the catalog is not loaded.
    pub(super) fn ranked_by(mut self, series: Option<&Series>) -> Result<Self, ApiError> {
        let Some(series) = series else { return Ok(self) };
        let (filter, figures) = (&self.query.projects.filter, &self.query.figures);
        let (after, limit) = (self.progress.after.as_ref(), self.progress.left);
        let (ids, next) = series.rank(&self.catalog, filter, figures, after, limit)?;
        self.progress.ordered = ids.into();
        self.progress.after = next;
        self.progress.is_ranked = true;
        Ok(self)
    }

    /// Adds facts and key figures to each project.
    pub(super) fn adding(self, instances: Option<Instances>, series: Option<Series>) -> Self {
        Self { additions: Additions { instances, series }, ..self }
    }

    pub(super) fn with_permits(self, permits: Option<Arc<Permits>>) -> Self {
        Self { permits, ..self }
    }

    /// Encodes the list, or the first part of a long one, into a buffer of `expected_bytes`.
    ///
    /// A page is never streamed, because its end is needed for the `Link` header.
    ///
    /// # Errors
    /// Fails if the catalog is not loaded, or if there is no memory for a page.
    pub(super) fn begin(
        mut self,
        expected_bytes: usize,
        max_whole_bytes: usize,
    ) -> Result<PreparedList, ApiError> {
        if self.query.limit.is_some() {
            return self.page();
        }
        let part = Part::reserve(&self.memory);
        let mut json = Vec::with_capacity(expected_bytes.min(part.enough_bytes()));
        self.write(&mut json, part.enough_bytes().min(max_whole_bytes), part.lookup())?;
        if self.progress.ended {
            return Ok(self.whole(part.hold(json)));
        }
        let (Part(Some(mut reserved)), Some(rest)) = (part, self.memory.reserve(max_whole_bytes))
        else {
            return Ok(self.streamed(json.into()));
        };
        let (first_bytes, first_part) = (json.len(), self.progress.clone());
        json.reserve(expected_bytes.saturating_sub(first_bytes));
        self.write(&mut json, max_whole_bytes, PROJECTS_PER_LOOKUP)?;
        if self.progress.ended {
            reserved.extend(rest);
            return Ok(self.whole(reserved.hold(json)));
        }
        // The rest is discarded and encoded again later, so that it does not occupy memory until
        // then.
        let first = reserved.hold(json[..first_bytes].to_vec());
        Ok(Self { progress: first_part, ..self }.streamed(first))
    }

    fn page(mut self) -> Result<PreparedList, ApiError> {
        let mut json = Vec::new();
        self.write(&mut json, usize::MAX, PROJECTS_PER_LOOKUP)?;
        let part = Part(self.memory.reserve(json.len()));
        if part.0.is_none() && json.len() > SMALL_PART_BYTES {
            return Err(ApiError::NoMemoryForLists);
        }
        Ok(self.whole(part.hold(json)))
    }

    fn whole(self, json: Bytes) -> PreparedList {
        let link = self.query.link(self.progress.after.as_ref());
        PreparedList::Whole(Arc::new(EncodedBody::new(json, link)))
    }

    fn streamed(self, first: Bytes) -> PreparedList {
        PreparedList::Streamed(first, Box::new(self))
    }

    pub(super) fn memory(&self) -> &ListMemory {
        &self.memory
    }

    /// Appends to the buffer until it holds `enough_bytes` or the list ends. May exceed
    /// `enough_bytes` by one lookup of so many projects in the catalog.
    fn write(
        &mut self,
        json: &mut Vec<u8>,
        enough_bytes: usize,
        lookup: usize,
    ) -> Result<(), CatalogError> {
        if self.progress.ended {
            return Ok(());
        }
        while !self.progress.ended && json.len() < enough_bytes {
            let (mut before_next, fields) = (self.progress.before_next, self.query.fields);
            let (mut shown, start) = (0, json.len());
            let is_extended = !self.additions.is_empty();
            let mut encoded = Vec::new();
            self.show_next(lookup, &mut |project, status_known| {
                json.push(std::mem::replace(&mut before_next, b','));
                ProjectBody::new(project, status_known).write(json, fields);
                shown += 1;
                if is_extended {
                    let status = status_known.then_some(project.status);
                    encoded.push(Encoded { id: project.id, status, end: json.len() });
                }
            })?;
            if is_extended {
                self.additions.insert(json, start, &encoded);
            }
            let progress = &mut self.progress;
            progress.before_next = before_next;
            progress.left -= shown;
            let is_past_all = progress.past == progress.ordered.len()
                && (progress.is_ranked || progress.after.is_none());
            progress.ended = is_past_all || progress.left == 0;
        }
        if self.progress.ended {
            let is_empty = self.progress.before_next == b'[';
            json.extend_from_slice(if is_empty { b"[]" } else { b"]" });
        }
        Ok(())
    }

    /// Passes the next projects to `show`, at most `lookup` and at most as many as may follow.
    fn show_next(
        &mut self,
        lookup: usize,
        show: &mut dyn FnMut(&Project, bool),
    ) -> Result<(), CatalogError> {
        let (projects, progress) = (&self.query.projects, &mut self.progress);
        let is_direct = projects.sort.key == SortKey::Id || self.query.limit.is_some();
        if is_direct && !progress.is_ranked {
            let after = progress.after.as_ref();
            let at_most = progress.left.min(lookup);
            progress.after = self.catalog.list_next(projects, after, at_most, show)?;
            return Ok(());
        }
        if progress.past == progress.ordered.len() && !progress.is_ranked {
            let (ids, after) = self.catalog.order(projects, progress.after.as_ref())?;
            (progress.ordered, progress.past, progress.after) = (ids.into(), 0, after);
        }
        let next = &progress.ordered[progress.past..];
        let next = &next[..next.len().min(lookup)];
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
                let part = Part::reserve(&writer.memory);
                let mut json = Vec::with_capacity(part.enough_bytes());
                writer.write(&mut json, part.enough_bytes(), part.lookup())?;
                drop(permit);
                Ok::<_, CatalogError>((part.hold(json), writer))
            });
            Ok(Some(written.await.map_err(ApiError::internal)??))
        })
    }
}

/// Sources of keys that the query asks for.
#[derive(Default)]
struct Additions {
    instances: Option<Instances>,
    series: Option<Series>,
}

impl Additions {
    fn is_empty(&self) -> bool {
        self.instances.is_none() && self.series.is_none()
    }

    /// Adds keys to the projects in the buffer that follow `start`. They are not added while projects
    /// are listed, because their entries are locked then.
    fn insert(&self, json: &mut Vec<u8>, start: usize, encoded: &[Encoded]) {
        let plain = json.split_off(start);
        let mut from = 0;
        for Encoded { id, status, end } in encoded {
            json.extend_from_slice(&plain[from..end - start]);
            from = end - start;
            if let Some(instances) = &self.instances {
                instance::append(json, instances.of(*id).as_deref());
            }
            if let Some(series) = &self.series {
                let Assessment { kpis, risk } = series.assess_status(*id, *status);
                kpis::append(json, &kpis, risk.as_ref());
            }
        }
    }
}

/// Memory for a part of a list. `None` is for a small part, which is not counted.
struct Part(Option<Reservation>);

impl Part {
    fn reserve(memory: &ListMemory) -> Self {
        // A part may exceed `PART_BYTES` by one lookup. `hold` releases the rest.
        Self(memory.reserve(2 * PART_BYTES))
    }

    fn enough_bytes(&self) -> usize {
        if self.0.is_some() { PART_BYTES } else { SMALL_PART_BYTES }
    }

    fn lookup(&self) -> usize {
        if self.0.is_some() { PROJECTS_PER_LOOKUP } else { PROJECTS_PER_SMALL_LOOKUP }
    }

    fn hold(self, json: Vec<u8>) -> Bytes {
        match self.0 {
            Some(reserved) if json.len() > SMALL_PART_BYTES => reserved.hold(json),
            _ => json.into(),
        }
    }
}
