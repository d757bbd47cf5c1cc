//! Parsing of stored values, shared by all stores.
//!
//! A store decodes what depends on its database (timestamps and JSON) and passes everything else
//! through as stored. Another program, or another version of this one, may have written any of it.

mod entry;

use std::error::Error;

use time::OffsetDateTime;

use crate::error::StoreError;
use crate::heartbeat::{Reports, Source};
use crate::project::{Project, ProjectId, ProjectStatus};
use crate::values::{
    FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, Slug, Tags,
};

pub use self::entry::{EntryRecord, PayloadDecoders};

/// A column that a store decoded, or the reason why it could not.
pub type Decoded<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The columns of a stored project.
#[derive(Debug)]
pub struct ProjectRecord {
    /// Primary key.
    pub id: i64,
    /// See [`Slug`].
    pub slug: String,
    /// See [`ProjectName`].
    pub name: String,
    /// See [`HubUrl`].
    pub hub_url: String,
    /// See [`MeshNamespace`].
    pub mesh_namespace: Option<String>,
    /// See [`ProjectStatus`].
    pub status: String,
    /// Tags; empty for NULL.
    pub tags: Decoded<Tags>,
    /// Time of the newest heartbeat.
    pub last_heartbeat_at: Decoded<Option<OffsetDateTime>>,
    /// Time of the first registration.
    pub created_at: Decoded<OffsetDateTime>,
    /// Time of the last logged change.
    pub updated_at: Decoded<OffsetDateTime>,
    /// See [`HeartbeatInterval`].
    pub heartbeat_interval_ms: Option<i64>,
    /// Actions that may be fanned out to the project.
    pub allow_fanout: Decoded<FanoutAllowlist>,
    /// See [`Source`].
    pub last_heartbeat_source: Option<String>,
    /// Reported health; the default for NULL.
    pub reports: Decoded<Reports>,
    /// The project registered itself, and nothing else registered it since.
    pub auto_registered: bool,
}

/// Values for required columns that do not parse.
#[derive(Debug, Clone, Copy)]
pub struct Placeholders<'a> {
    /// Slug, also used as the name.
    pub slug: &'a Slug,
    /// Status.
    pub status: ProjectStatus,
    /// Time of creation and of the last change.
    pub at: OffsetDateTime,
}

/// Stand-in for a URL that does not parse. RFC 2606 reserves the domain, so no host has this name.
const STAND_IN_URL: &str = "http://unreadable.invalid";

/// A project that was read from a store.
#[derive(Debug)]
pub struct StoredProject {
    /// The project. Optional columns that do not parse read as absent or empty.
    pub project: Project,
    /// One error for each optional column that does not parse.
    pub ignored: Vec<StoreError>,
    /// The error of the first required column that does not parse, if stand-ins replace them.
    pub unreadable: Option<StoreError>,
}

impl StoredProject {
    /// Wraps a project in which every column parses.
    #[must_use]
    pub fn intact(project: Project) -> Self {
        Self { project, ignored: Vec::new(), unreadable: None }
    }

    /// Returns `true` if every column parses.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.ignored.is_empty() && self.unreadable.is_none()
    }

    /// Returns the project as readers see it: `None` if a required column does not parse.
    #[must_use]
    pub fn readable(&self) -> Option<&Project> {
        self.unreadable.is_none().then_some(&self.project)
    }
}

impl ProjectRecord {
    /// Parses the columns.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first required column that does not parse.
    pub fn parse(self) -> Result<StoredProject, StoreError> {
        self.read(None)
    }

    /// Parses the columns and replaces required ones that do not parse.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for a required column that has no stand-in. All of them have
    /// one.
    pub fn parse_with(self, stand_ins: &Placeholders<'_>) -> Result<StoredProject, StoreError> {
        self.read(Some(stand_ins))
    }

    fn read(self, stand_ins: Option<&Placeholders<'_>>) -> Result<StoredProject, StoreError> {
        let mut columns = Columns::new("projects", self.id);
        let name = stand_ins.map(|with| ProjectName::of(with.slug));
        let url = stand_ins.and_then(|_| HubUrl::parse(STAND_IN_URL).ok());
        let status = stand_ins.map(|with| with.status);
        let at = stand_ins.map(|with| with.at);
        let namespace = self.mesh_namespace.as_deref().map(MeshNamespace::parse).transpose();
        let interval = self.heartbeat_interval_ms.map(interval_of).transpose();
        let source = self.last_heartbeat_source.as_deref().map(Source::parse).transpose();
        let project = Project {
            id: ProjectId(self.id),
            slug: columns.required(
                "slug",
                Slug::parse(&self.slug),
                stand_ins.map(|with| with.slug.clone()),
            )?,
            name: columns.required("name", ProjectName::parse(&self.name), name)?,
            hub_url: columns.required("hub_url", HubUrl::parse(&self.hub_url), url)?,
            mesh_namespace: columns.optional("mesh_namespace", namespace),
            status: columns.required("status", ProjectStatus::parse(&self.status), status)?,
            tags: columns.optional("tags", self.tags),
            last_heartbeat_at: columns.required(
                "last_heartbeat_at",
                self.last_heartbeat_at,
                at.map(|_| None),
            )?,
            last_heartbeat_source: columns.optional("last_heartbeat_source", source),
            created_at: columns.required("created_at", self.created_at, at)?,
            updated_at: columns.required("updated_at", self.updated_at, at)?,
            heartbeat_interval: columns.optional("heartbeat_interval_ms", interval),
            allow_fanout: columns.optional("allow_fanout", self.allow_fanout),
            reports: columns.optional("reports", self.reports),
            auto_registered: self.auto_registered,
        };
        let Columns { ignored, unreadable, .. } = columns;
        Ok(StoredProject { project, ignored, unreadable })
    }
}

fn interval_of(millis: i64) -> Result<HeartbeatInterval, &'static str> {
    u64::try_from(millis)
        .ok()
        .and_then(HeartbeatInterval::from_millis)
        .ok_or("expected 0.1 s to one day")
}

/// Collects the errors of one row.
struct Columns {
    table: &'static str,
    row: i64,
    ignored: Vec<StoreError>,
    unreadable: Option<StoreError>,
}

impl Columns {
    fn new(table: &'static str, row: i64) -> Self {
        Self { table, row, ignored: Vec::new(), unreadable: None }
    }

    fn required<T, E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        column: &'static str,
        parsed: Result<T, E>,
        stand_in: Option<T>,
    ) -> Result<T, StoreError> {
        match (parsed, stand_in) {
            (Ok(value), _) => Ok(value),
            (Err(error), Some(value)) => {
                let error = self.corrupt(column, error);
                self.unreadable.get_or_insert(error);
                Ok(value)
            }
            (Err(error), None) => Err(self.corrupt(column, error)),
        }
    }

    fn optional<T: Default, E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        column: &'static str,
        parsed: Result<T, E>,
    ) -> T {
        parsed.unwrap_or_else(|error| {
            let error = self.corrupt(column, error);
            self.ignored.push(error);
            T::default()
        })
    }

    fn corrupt(
        &self,
        column: &'static str,
        error: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> StoreError {
        StoreError::Corrupt { table: self.table, column, row: self.row, source: error.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> ProjectRecord {
        let at = || Ok(OffsetDateTime::UNIX_EPOCH);
        ProjectRecord {
            id: 7,
            slug: "a".to_owned(),
            name: "A".to_owned(),
            hub_url: "http://a".to_owned(),
            mesh_namespace: None,
            status: "online".to_owned(),
            tags: Ok(Tags::default()),
            last_heartbeat_at: Ok(None),
            created_at: at(),
            updated_at: at(),
            heartbeat_interval_ms: None,
            allow_fanout: Ok(FanoutAllowlist::default()),
            last_heartbeat_source: None,
            reports: Ok(Reports::default()),
            auto_registered: false,
        }
    }

    fn column(error: &StoreError) -> &'static str {
        match error {
            StoreError::Corrupt { column, row: 7, .. } => column,
            other => panic!("expected a corrupt value of row 7, got {other:?}"),
        }
    }

    #[test]
    fn a_valid_record_is_intact() {
        let stored = record().parse().unwrap();
        assert!(stored.is_intact());
        assert_eq!(stored.readable(), Some(&stored.project));
    }

    #[test]
    fn an_optional_column_that_does_not_parse_reads_as_absent() {
        let stored = ProjectRecord {
            mesh_namespace: Some("..".to_owned()),
            tags: Err("not JSON".into()),
            heartbeat_interval_ms: Some(0),
            last_heartbeat_source: Some("pigeon".to_owned()),
            ..record()
        };
        let stored = stored.parse().unwrap();
        let columns: Vec<_> = stored.ignored.iter().map(column).collect();
        let wanted = ["mesh_namespace", "tags", "last_heartbeat_source", "heartbeat_interval_ms"];
        assert_eq!(columns, wanted);
        assert_eq!(stored.project.mesh_namespace, None);
        assert!(!stored.is_intact() && stored.readable().is_some());
    }

    #[test]
    fn a_required_column_that_does_not_parse_makes_the_record_unreadable() {
        let bad = || ProjectRecord { hub_url: "nowhere".to_owned(), ..record() };
        assert_eq!(column(&bad().parse().unwrap_err()), "hub_url");
        let slug = Slug::parse("b").unwrap();
        let at = OffsetDateTime::UNIX_EPOCH + time::Duration::SECOND;
        let stand_ins = Placeholders { slug: &slug, status: ProjectStatus::Offline, at };
        let stored = bad().parse_with(&stand_ins).unwrap();
        assert_eq!(stored.unreadable.as_ref().map(column), Some("hub_url"));
        assert_eq!(stored.readable(), None);
        let project = stored.project;
        assert_eq!((project.slug.as_str(), project.status), ("a", ProjectStatus::Online));
        assert_eq!(project.hub_url.as_str(), STAND_IN_URL);
    }

    #[test]
    fn every_required_column_has_a_stand_in() {
        let nothing = ProjectRecord {
            slug: "Not A Slug".to_owned(),
            name: String::new(),
            hub_url: String::new(),
            status: "paused".to_owned(),
            last_heartbeat_at: Err("infinity".into()),
            created_at: Err("infinity".into()),
            updated_at: Err("infinity".into()),
            ..record()
        };
        let slug = Slug::parse("b").unwrap();
        let (status, at) = (ProjectStatus::Degraded, OffsetDateTime::UNIX_EPOCH);
        let stored = nothing.parse_with(&Placeholders { slug: &slug, status, at }).unwrap();
        assert_eq!(stored.unreadable.as_ref().map(column), Some("slug"));
        let project = stored.project;
        assert_eq!((project.slug.as_str(), project.name.as_str()), ("b", "b"));
        assert_eq!((project.status, project.last_heartbeat_at), (status, None));
        assert_eq!((project.created_at, project.updated_at), (at, at));
    }
}
