//! The content of a notification.

use time::OffsetDateTime;

use crate::severity::Severity;
use crate::values::Slug;

/// Maximum length of a text in a summary, in characters. The rest is cut off.
pub const MAX_SUMMARY_CHARS: usize = 500;

/// Maximum number of affected projects and of tags that a summary names.
pub const MAX_SUMMARY_PROJECTS: usize = 10;

/// Maximum number of earlier states that a summary names.
const MAX_EARLIER_STATES: usize = 10;

/// State of an incident for people who are notified, not yet in the syntax of a channel.
///
/// Texts may repeat what projects say, so each channel escapes them.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct IncidentSummary {
    /// Kind of the incident, such as `offline`, `degraded`, `metric` or `blind`.
    pub kind: String,
    /// Title, such as `db is offline`.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// Project that is the root cause. `None` if no project is.
    pub root: Option<Slug>,
    /// Cause in words.
    pub cause: String,
    /// Number of affected projects, without the root.
    pub affected_count: u64,
    /// The first few affected projects.
    pub affected: Vec<Slug>,
    /// Start of the incident.
    #[cfg_attr(feature = "serde", serde(with = "rfc3339"))]
    pub since: OffsetDateTime,
    /// End of the incident, if it is resolved.
    #[cfg_attr(feature = "serde", serde(with = "rfc3339_option", default))]
    pub resolved_at: Option<OffsetDateTime>,
    /// Tags that many of the projects share.
    pub tags: Vec<SharedTag>,
    /// Path of the incident on the page, starting with `/`. Channels put `PUBLIC_URL` in front.
    pub link: String,
    /// States sent to the channel before that differ from the current one. A receiver that keeps a state
    /// for each of them ends it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub earlier: Vec<EarlierState>,
}

/// The part of a summary by which a receiver may tell incidents apart, as it was told before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct EarlierState {
    /// Kind of the incident.
    pub kind: String,
    /// Severity.
    pub severity: Severity,
    /// Root cause.
    pub root: Option<Slug>,
}

/// A tag that many of the projects of an incident share: "9 of 10 projects tagged dc-3".
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SharedTag {
    /// The tag.
    pub tag: String,
    /// Number of projects of the incident with the tag.
    pub down: u64,
    /// Number of all projects with the tag.
    pub total: u64,
}

impl IncidentSummary {
    /// Returns the part by which a receiver may tell incidents apart.
    #[must_use]
    pub fn state(&self) -> EarlierState {
        EarlierState { kind: self.kind.clone(), severity: self.severity, root: self.root.clone() }
    }

    /// Returns the summary with every text and list cut to its limit and without control
    /// characters, so that every store and every channel accepts it.
    #[must_use]
    pub fn bounded(mut self) -> Self {
        for text in [&mut self.kind, &mut self.title, &mut self.cause, &mut self.link] {
            *text = bounded(text);
        }
        self.affected.truncate(MAX_SUMMARY_PROJECTS);
        self.tags.truncate(MAX_SUMMARY_PROJECTS);
        self.earlier.truncate(MAX_EARLIER_STATES);
        for shared in &mut self.tags {
            shared.tag = bounded(&shared.tag);
        }
        self
    }
}

fn bounded(text: &str) -> String {
    let visible = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().take(MAX_SUMMARY_CHARS).map(visible).collect()
}

#[cfg(feature = "serde")]
mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de, ser};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    pub(super) fn serialize<S: Serializer>(
        time: &OffsetDateTime,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        to.serialize_str(&time.format(&Rfc3339).map_err(ser::Error::custom)?)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        of: D,
    ) -> Result<OffsetDateTime, D::Error> {
        OffsetDateTime::parse(&String::deserialize(of)?, &Rfc3339).map_err(de::Error::custom)
    }
}

#[cfg(feature = "serde")]
mod rfc3339_option {
    use serde::{Deserialize, Deserializer, Serializer, de};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    #[expect(clippy::ref_option, reason = "serde passes a reference to the field")]
    pub(super) fn serialize<S: Serializer>(
        time: &Option<OffsetDateTime>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => super::rfc3339::serialize(time, to),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        of: D,
    ) -> Result<Option<OffsetDateTime>, D::Error> {
        let text = Option::<String>::deserialize(of)?;
        text.map(|text| OffsetDateTime::parse(&text, &Rfc3339).map_err(de::Error::custom))
            .transpose()
    }
}
