//! Entries of the change log.

use federation_domain::{LogEntry, OpaqueEntry};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::wire::change::{ChangeBody, EventBody};
use crate::wire::timestamp::Timestamp;

/// An entry of the log that is not a `Change`: of another entity than a project, or of a kind that a
/// newer version of the service added.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Entry,
    example = json!({
        "revision": 18,
        "entity": "edge",
        "key": "commandcenter-veria-api",
        "kind": "added",
        "at": "2026-11-23T14:43:13.270911Z",
        "payload": {"strength": 0.5},
        "actor": "file"
    })
)]
pub(crate) struct EntryBody<'a> {
    /// Position in the change log, which covers all entities.
    #[schema(minimum = 1)]
    revision: i64,
    /// The entity that changed, such as `project` or `edge`.
    #[schema(pattern = "^[a-z0-9_.-]{1,50}$")]
    entity: &'a str,
    /// The key of the thing that changed, within the entity. For a project this is the slug.
    key: &'a str,
    /// The kind of change.
    #[schema(pattern = "^[a-z0-9_.-]{1,50}$")]
    kind: &'a str,
    /// Time of the change.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// Details, whose form depends on the entity and the kind.
    #[schema(value_type = serde_json::Value, required)]
    payload: Option<&'a RawValue>,
    /// The actor that caused the change: the id of an API key, or `api` (a request without a key),
    /// `file`, `nats`, `service` or `cli`.
    actor: &'a str,
}

impl<'a> From<&'a OpaqueEntry> for EntryBody<'a> {
    fn from(entry: &'a OpaqueEntry) -> Self {
        Self {
            revision: entry.revision.0,
            entity: &entry.entity,
            key: &entry.key,
            kind: &entry.kind,
            at: Timestamp(entry.at),
            // The stores keep only valid JSON.
            payload: serde_json::from_str(&entry.payload).ok(),
            actor: entry.actor.as_str(),
        }
    }
}

/// An entry in the history of a project: a `Change`, or an `Entry` whose kind this version of the
/// service does not know.
#[derive(Serialize, ToSchema)]
#[schema(as = HistoryEntry)]
#[serde(untagged)]
pub(crate) enum HistoryEntryBody<'a> {
    /// A change.
    Change(ChangeBody<'a>),
    /// Any other entry.
    Opaque(EntryBody<'a>),
}

impl<'a> From<&'a LogEntry> for HistoryEntryBody<'a> {
    fn from(entry: &'a LogEntry) -> Self {
        match entry {
            LogEntry::Change(change) => Self::Change(change.into()),
            LogEntry::Opaque(entry) => Self::Opaque(entry.into()),
        }
    }
}

/// The data of an event: a `ChangeEvent` or an `Entry`.
#[derive(Serialize)]
#[serde(untagged)]
pub(crate) enum EventDataBody<'a> {
    Change(EventBody<'a>),
    Opaque(EntryBody<'a>),
}

impl<'a> From<&'a LogEntry> for EventDataBody<'a> {
    fn from(entry: &'a LogEntry) -> Self {
        match entry {
            LogEntry::Change(change) => Self::Change(change.into()),
            LogEntry::Opaque(entry) => Self::Opaque(entry.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::{Actor, Revision};
    use time::OffsetDateTime;

    use super::*;
    use crate::testing::schema;

    fn entry(payload: &str) -> LogEntry {
        let entry = OpaqueEntry {
            revision: Revision(18),
            at: OffsetDateTime::UNIX_EPOCH,
            entity: "edge".to_owned(),
            key: "a to b".to_owned(),
            kind: "added".to_owned(),
            payload: payload.to_owned(),
            actor: Actor::FILE,
            step: None,
        };
        LogEntry::Opaque(entry)
    }

    #[test]
    fn the_payload_is_passed_on_as_it_is() {
        let entry = entry(r#"{"b": 1.50, "a": ["\u0000"]}"#);
        let body = serde_json::to_string(&EventDataBody::from(&entry)).unwrap();
        let expected = r#"{"revision":18,"entity":"edge","key":"a to b","kind":"added","at":"1970-01-01T00:00:00.000000Z","payload":{"b": 1.50, "a": ["\u0000"]},"actor":"file"}"#;
        assert_eq!(body, expected);
        let value = serde_json::from_str(&body).unwrap();
        schema::check("Entry", &value);
        schema::check("HistoryEntry", &value);
    }

    #[test]
    fn a_payload_that_is_not_json_is_null() {
        let entry = entry("{");
        let value = serde_json::to_value(HistoryEntryBody::from(&entry)).unwrap();
        assert_eq!(value["payload"], serde_json::Value::Null);
        schema::check("HistoryEntry", &value);
    }
}
