//! Changes of incidents, as the change log keeps them.

use std::fmt::Write as _;

use time::OffsetDateTime;

use super::{Incident, IncidentId, IncidentMember};
use crate::log::{Actor, NewEntry};
use crate::values::Slug;

/// Entity of the entries of incidents. Their key is the id.
pub const INCIDENT: &str = "incident";

/// Maximum number of projects that one entry names.
const MAX_NAMED: usize = 200;

/// A change of an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TimelineEvent {
    /// The incident opened.
    Opened,
    /// It opened again, soon after it had resolved.
    Reopened,
    /// Projects became members, or their cause changed.
    Affected(Vec<IncidentMember>),
    /// Members are online again.
    Recovered(Vec<Slug>),
    /// Projects stopped being members.
    Left(Vec<Slug>),
    /// Another project turned out to be the cause. Holds the former root.
    RootChanged(Option<Slug>),
    /// It has the same cause as another incident, which continues.
    Merged(IncidentId),
    /// It became more severe.
    Escalated,
    /// Its metric rule has another severity or kind of condition, and still holds.
    RuleChanged,
    /// Its metric rule was removed, names another metric or no longer applies to the project, or the
    /// project was removed. It resolves.
    RuleRemoved,
    /// The metric has not arrived for so long that it is not known any more. It resolves.
    MetricGone,
    /// It resolved.
    Resolved,
    /// Somebody works on it.
    Acknowledged,
    /// Somebody wrote a comment.
    Commented(String),
    /// All projects that it silenced after it was resolved by hand are online again, or its metric rule
    /// does not hold any more.
    SilenceEnded,
}

/// Kind of a notification about an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IncidentNotice {
    /// Its root, its kind or its severity changed, and it did not become more severe.
    StateChanged,
    /// The incident opened.
    Opened,
    /// It opened again.
    Reopened,
    /// It became more severe.
    Escalated,
    /// It resolved.
    Resolved,
}

impl TimelineEvent {
    /// Returns the name in the log and in events.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Reopened => "reopened",
            Self::Affected(_) => "affected",
            Self::Recovered(_) => "recovered",
            Self::Left(_) => "left",
            Self::RootChanged(_) => "root_changed",
            Self::Merged(_) => "merged",
            Self::Escalated => "escalated",
            Self::RuleChanged => "rule_changed",
            Self::RuleRemoved => "rule_removed",
            Self::MetricGone => "metric_gone",
            Self::Resolved => "resolved",
            Self::Acknowledged => "acknowledged",
            Self::Commented(_) => "commented",
            Self::SilenceEnded => "silence_ended",
        }
    }

    /// Returns the entry of the log. `incident` is the incident after the change.
    #[must_use]
    pub fn into_entry(self, incident: &Incident, actor: Actor, at: OffsetDateTime) -> NewEntry {
        let (kind, key) = (self.kind(), incident.id.to_string());
        let mut payload = format!(
            r#"{{"status":"{}","severity":"{}","kind":"{}","project":{},"title":{}"#,
            incident.status,
            incident.severity,
            incident.kind,
            optional(incident.root.as_ref().map(Slug::as_str)),
            json(&incident.title()),
        );
        self.write_details(&mut payload);
        payload.push('}');
        NewEntry { entity: INCIDENT, key, kind, at, payload, actor }
    }

    fn write_details(&self, payload: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Self::Affected(members) => {
                let named: Vec<_> = members.iter().take(MAX_NAMED).map(member_json).collect();
                write!(payload, r#","count":{},"projects":[{}]"#, members.len(), named.join(","))
            }
            Self::Recovered(slugs) | Self::Left(slugs) => {
                let named: Vec<_> =
                    slugs.iter().take(MAX_NAMED).map(|slug| json(slug.as_str())).collect();
                write!(payload, r#","count":{},"projects":[{}]"#, slugs.len(), named.join(","))
            }
            Self::RootChanged(from) => {
                write!(payload, r#","former":{}"#, optional(from.as_ref().map(Slug::as_str)))
            }
            Self::Merged(into) => write!(payload, r#","into":{into}"#),
            Self::Commented(text) => write!(payload, r#","text":{}"#, json(text)),
            Self::Opened
            | Self::Reopened
            | Self::Escalated
            | Self::RuleChanged
            | Self::RuleRemoved
            | Self::MetricGone
            | Self::Resolved
            | Self::Acknowledged
            | Self::SilenceEnded => Ok(()),
        };
    }
}

fn member_json(member: &IncidentMember) -> String {
    format!(
        r#"{{"project":"{}","via":{},"status":"{}"}}"#,
        member.project,
        optional(member.via.as_ref().map(Slug::as_str)),
        member.status
    )
}

fn optional(text: Option<&str>) -> String {
    text.map_or_else(|| "null".to_owned(), json)
}

/// Returns the text as a JSON string.
fn json(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for character in text.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            control if control < ' ' || control == '\u{7f}' => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(control));
            }
            other => quoted.push(other),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_escaped_in_json() {
        assert_eq!(json("a\"b\\c\nd\u{1}é"), r#""a\"b\\c\nd\u0001é""#);
    }
}
