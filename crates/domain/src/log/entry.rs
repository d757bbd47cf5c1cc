//! Entries of the log.

use time::OffsetDateTime;

use super::{Actor, PROJECT};
use crate::change::{Change, Revision};
use crate::error::StoreError;
use crate::project::ProjectStatus;
use crate::values::Slug;

/// Statuses of a project before and after an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StatusStep {
    /// Status before; `None` if the project did not exist.
    #[cfg_attr(feature = "serde", serde(default))]
    pub from: Option<ProjectStatus>,
    /// Status after; `None` if the project no longer exists.
    #[cfg_attr(feature = "serde", serde(default))]
    pub to: Option<ProjectStatus>,
}

/// An entry that this version does not interpret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpaqueEntry {
    /// Position in the log.
    pub revision: Revision,
    /// Time of the change.
    pub at: OffsetDateTime,
    /// Entity that changed.
    pub entity: String,
    /// Key of the thing that changed, within the entity.
    pub key: String,
    /// Kind of the change.
    pub kind: String,
    /// JSON without line breaks.
    pub payload: String,
    /// Actor that caused the change.
    pub actor: Actor,
    /// Statuses of the project, if the payload of a project's entry has them.
    pub step: Option<StatusStep>,
}

/// An entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogEntry {
    /// A change of a project.
    Change(Change),
    /// Any other entry.
    Opaque(OpaqueEntry),
}

impl From<Change> for LogEntry {
    fn from(change: Change) -> Self {
        Self::Change(change)
    }
}

impl From<OpaqueEntry> for LogEntry {
    fn from(entry: OpaqueEntry) -> Self {
        Self::Opaque(entry)
    }
}

impl LogEntry {
    /// Returns the position in the log.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Change(Change { revision, .. }) | Self::Opaque(OpaqueEntry { revision, .. }) => {
                *revision
            }
        }
    }

    /// Returns the time of the change.
    #[must_use]
    pub fn at(&self) -> OffsetDateTime {
        match self {
            Self::Change(Change { at, .. }) | Self::Opaque(OpaqueEntry { at, .. }) => *at,
        }
    }

    /// Returns the entity that changed.
    #[must_use]
    pub fn entity(&self) -> &str {
        match self {
            Self::Change(_) => PROJECT,
            Self::Opaque(entry) => &entry.entity,
        }
    }

    /// Returns the key of the thing that changed. For a project this is the slug.
    #[must_use]
    pub fn key(&self) -> &str {
        match self {
            Self::Change(change) => change.slug.as_str(),
            Self::Opaque(entry) => &entry.key,
        }
    }

    /// Returns the kind of the change.
    #[must_use]
    pub fn kind(&self) -> &str {
        match self {
            Self::Change(change) => change.kind.as_str(),
            Self::Opaque(entry) => &entry.kind,
        }
    }

    /// Returns the actor that caused the change.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        match self {
            Self::Change(Change { actor, .. }) | Self::Opaque(OpaqueEntry { actor, .. }) => actor,
        }
    }

    /// Returns `true` if the entry is about a project.
    #[must_use]
    pub fn is_of_a_project(&self) -> bool {
        self.entity() == PROJECT
    }

    /// Returns `true` if the entry is about this project.
    #[must_use]
    pub fn is_of(&self, slug: &Slug) -> bool {
        self.is_of_a_project() && self.key() == slug.as_str()
    }

    /// Returns the slug of the project, if the entry is about one.
    #[must_use]
    pub fn slug(&self) -> Option<Slug> {
        match self {
            Self::Change(change) => Some(change.slug.clone()),
            Self::Opaque(entry) if entry.entity == PROJECT => Slug::parse(&entry.key).ok(),
            Self::Opaque(_) => None,
        }
    }

    /// Returns the statuses of the project, if the entry is about one and has them.
    #[must_use]
    pub fn step(&self) -> Option<StatusStep> {
        match self {
            Self::Change(Change { from, to, .. }) => Some(StatusStep { from: *from, to: *to }),
            Self::Opaque(entry) => entry.step,
        }
    }

    /// Returns [`step`](Self::step) with the time of the change.
    #[must_use]
    pub fn timed_step(&self) -> Option<(OffsetDateTime, StatusStep)> {
        self.step().map(|step| (self.at(), step))
    }

    /// Returns the change of a project, if the entry is one.
    #[must_use]
    pub fn change(&self) -> Option<&Change> {
        match self {
            Self::Change(change) => Some(change),
            Self::Opaque(_) => None,
        }
    }

    /// Converts the entry into the change of a project, if it is one.
    #[must_use]
    pub fn into_change(self) -> Option<Change> {
        match self {
            Self::Change(change) => Some(change),
            Self::Opaque(_) => None,
        }
    }
}

/// An entry that was read from the log.
#[derive(Debug)]
pub enum StoredEntry {
    /// An entry that parses.
    Readable(LogEntry),
    /// An entry that does not parse. Another program wrote it.
    Unreadable {
        /// Position in the log.
        revision: Revision,
        /// Slug, if the entry is about a project.
        slug: Option<Slug>,
        /// Reason why the entry does not parse.
        fault: StoreError,
    },
}

impl StoredEntry {
    /// Returns the position in the log.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Readable(entry) => entry.revision(),
            Self::Unreadable { revision, .. } => *revision,
        }
    }

    /// Returns the slug of the project, if the entry is about one.
    #[must_use]
    pub fn slug(&self) -> Option<Slug> {
        match self {
            Self::Readable(entry) => entry.slug(),
            Self::Unreadable { slug, .. } => slug.clone(),
        }
    }

    /// Returns the entry, if it parses.
    #[must_use]
    pub fn entry(&self) -> Option<&LogEntry> {
        match self {
            Self::Readable(entry) => Some(entry),
            Self::Unreadable { .. } => None,
        }
    }

    /// Converts into the entry, if it parses.
    #[must_use]
    pub fn into_entry(self) -> Option<LogEntry> {
        match self {
            Self::Readable(entry) => Some(entry),
            Self::Unreadable { .. } => None,
        }
    }
}
