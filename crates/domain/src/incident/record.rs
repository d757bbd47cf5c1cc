//! Incidents as they are stored.

use std::fmt;

use time::OffsetDateTime;

use crate::InvalidValue;
use crate::log::Actor;
use crate::project::ProjectStatus;
use crate::severity::Severity;
use crate::values::Slug;

/// Maximum number of projects in the path from an affected project to the root. The middle of a longer
/// path is left out.
pub const MAX_PATH: usize = 20;

/// Number of an incident. It is never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IncidentId(pub i64);

impl fmt::Display for IncidentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

macro_rules! words {
    ($type:ident, $field:literal, $allowed:literal, $($variant:ident => $word:literal),+) => {
        impl $type {
            /// All values, in ascending order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Returns the name in the API and in the database.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word),+
                }
            }

            /// Parses a name returned by [`as_str`](Self::as_str).
            ///
            /// # Errors
            /// Returns an error for any other text.
            pub fn parse(text: &str) -> Result<Self, InvalidValue> {
                let mut all = Self::ALL.iter().copied();
                let found = all.find(|one| one.as_str() == text);
                found.ok_or_else(|| InvalidValue::new($field, text, $allowed))
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

/// Reason for which an incident opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentKind {
    /// The root is degraded.
    Degraded,
    /// The root is offline.
    Offline,
    /// A metric rule holds for the root.
    Metric,
    /// The service cannot hear, so it does not know how the projects are.
    Blind,
}

words!(IncidentKind, "kind", "degraded, offline, metric or blind",
    Degraded => "degraded", Offline => "offline", Metric => "metric", Blind => "blind");

impl IncidentKind {
    /// Returns `true` if the incident is about projects that are down.
    #[must_use]
    pub fn is_of_status(self) -> bool {
        matches!(self, Self::Degraded | Self::Offline)
    }
}

/// Status of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentStatus {
    /// Nobody has acknowledged it.
    Open,
    /// Somebody works on it.
    Acknowledged,
    /// It is over, or was resolved by hand.
    Resolved,
}

words!(IncidentStatus, "status", "open, acknowledged or resolved",
    Open => "open", Acknowledged => "acknowledged", Resolved => "resolved");

/// An incident without its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incident {
    /// Number of the incident.
    pub id: IncidentId,
    /// Reason for which it opened. `Degraded` becomes `Offline` with the root.
    pub kind: IncidentKind,
    /// Severity. It does not fall while the incident is open, except with that of its metric rule.
    pub severity: Severity,
    /// Status.
    pub status: IncidentStatus,
    /// The project that is the cause; `None` if the incident is about the service itself.
    pub root: Option<Slug>,
    /// Name of the metric rule, for incidents of that kind.
    pub rule: Option<String>,
    /// Finding in words, for incidents of the kinds `metric` and `blind`.
    pub finding: Option<String>,
    /// Time at which the root went down.
    pub started_at: OffsetDateTime,
    /// Time at which the incident opened, for the first time.
    pub opened_at: OffsetDateTime,
    /// Time at which it resolved.
    pub resolved_at: Option<OffsetDateTime>,
    /// Actor that resolved it by hand.
    pub resolved_by: Option<Actor>,
    /// Actor that acknowledged it, and the time.
    pub acknowledged: Option<(Actor, OffsetDateTime)>,
    /// Incident of the same cause that this one was merged into.
    pub merged_into: Option<IncidentId>,
    /// It was resolved by hand, and some of its members have been down, or its metric rule has held,
    /// since then.
    pub silences: bool,
    /// Time of the newest change.
    pub updated_at: OffsetDateTime,
}

impl Incident {
    /// Returns `true` if the incident is open or acknowledged.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status != IncidentStatus::Resolved
    }
}

/// A project that an incident is or was about: its root, or an affected project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentMember {
    /// The project.
    pub project: Slug,
    /// The member that it depends on and that is the cause of its trouble; `None` for the root.
    pub via: Option<Slug>,
    /// Its status, as known to the incident.
    pub status: ProjectStatus,
    /// Time at which it was last seen to go down.
    pub down_since: OffsetDateTime,
    /// Time at which it became a member.
    pub joined_at: OffsetDateTime,
    /// Time since which it is online again.
    pub recovered_at: Option<OffsetDateTime>,
    /// Time at which it stopped being a member, because another incident is the cause or because it
    /// was removed from the catalog.
    pub left_at: Option<OffsetDateTime>,
}

impl IncidentMember {
    /// Returns `true` if the project still belongs to the incident.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.left_at.is_none()
    }
}
