use federation_domain::{
    Cause, Change, ChangeKind, LogEntry, OpaqueEntry, ProjectStatus, Revision, Slug,
};
use serde::Serialize;
use serde_json::value::RawValue;

use super::timestamp;

#[derive(Serialize)]
struct ChangePayload<'a> {
    revision: Revision,
    slug: &'a Slug,
    kind: ChangeKind,
    from: Option<ProjectStatus>,
    to: Option<ProjectStatus>,
    at: String,
    cause: &'a Cause,
    actor: &'a str,
}

#[derive(Serialize)]
struct EntryPayload<'a> {
    revision: Revision,
    entity: &'a str,
    key: &'a str,
    kind: &'a str,
    at: String,
    payload: Option<&'a RawValue>,
    actor: &'a str,
}

/// Encodes the payload of an entry of the log. A change of a project is:
///
/// ```json
/// {"revision":4711,"slug":"docs","kind":"status_changed","from":"online","to":"offline",
///  "at":"2025-11-18T12:00:00.123456Z","cause":{"kind":"silence","silence_ms":90000,"deaf_ms":0},
///  "actor":"service"}
/// ```
///
/// All keys are always present. `kind` is `registered`, `updated`, `removed` or `status_changed`.
/// `from` and `to` are `online`, `degraded` or `offline`, or null if the project does not exist. `at`
/// is RFC 3339 in UTC with microseconds. `cause.kind` is `heartbeat` (with `source`), `silence` (with
/// `silence_ms`, `deaf_ms` and, if the project was pinged, `probe`), `reported` (with `reasons`),
/// `registered` (with `by`) or `operator`. `actor` is the id of an API key, `api`, `file`, `nats`,
/// `service` or `cli`.
///
/// Any other entry has `entity`, `key` and `payload` instead of `slug`, `from`, `to` and `cause`.
/// Readers MUST ignore unknown keys, kinds and entities.
///
/// # Errors
/// Fails if the year has more than four digits.
pub fn encode_entry(entry: &LogEntry) -> serde_json::Result<Vec<u8>> {
    match entry {
        LogEntry::Change(change) => encode_change(change),
        LogEntry::Opaque(entry) => encode_opaque(entry),
    }
}

fn encode_change(change: &Change) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&ChangePayload {
        revision: change.revision,
        slug: &change.slug,
        kind: change.kind,
        from: change.from,
        to: change.to,
        at: timestamp::write(change.at)?,
        cause: &change.cause,
        actor: change.actor.as_str(),
    })
}

fn encode_opaque(entry: &OpaqueEntry) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&EntryPayload {
        revision: entry.revision,
        entity: &entry.entity,
        key: &entry.key,
        kind: &entry.kind,
        at: timestamp::write(entry.at)?,
        payload: serde_json::from_str(&entry.payload).ok(),
        actor: entry.actor.as_str(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::{Actor, Origin, Probe};
    use time::macros::datetime;

    fn encode(entry: impl Into<LogEntry>) -> String {
        String::from_utf8(encode_entry(&entry.into()).unwrap()).unwrap()
    }

    #[test]
    fn a_change_has_all_fields_of_the_log() {
        let probe = Some(Probe::NoResponders);
        let change = Change {
            revision: Revision(4_711),
            slug: Slug::parse("docs").unwrap(),
            kind: ChangeKind::StatusChanged,
            from: Some(ProjectStatus::Online),
            to: Some(ProjectStatus::Offline),
            at: datetime!(2025-11-18 13:00:00.123456 +1),
            cause: Cause::Silence { silence_ms: 90_000, deaf_ms: 7, probe },
            actor: Actor::SERVICE,
        };
        assert_eq!(
            encode(change),
            r#"{"revision":4711,"slug":"docs","kind":"status_changed","from":"online","#.to_owned()
                + r#""to":"offline","at":"2025-11-18T12:00:00.123456Z","cause":{"kind":"silence","#
                + r#""silence_ms":90000,"deaf_ms":7,"probe":"no_responders"},"actor":"service"}"#
        );
    }

    #[test]
    fn the_status_of_an_absent_project_is_null() {
        let change = Change {
            revision: Revision(1),
            slug: Slug::parse("docs").unwrap(),
            kind: ChangeKind::Registered,
            from: None,
            to: Some(ProjectStatus::Offline),
            at: datetime!(2025-11-18 12:00 UTC),
            cause: Cause::Registered { by: Origin::Api },
            actor: Actor::of_key(Some("1a2b3c4d")),
        };
        assert_eq!(
            encode(change),
            r#"{"revision":1,"slug":"docs","kind":"registered","from":null,"to":"offline","#
                .to_owned()
                + r#""at":"2025-11-18T12:00:00.000000Z","cause":{"kind":"registered","by":"api"},"#
                + r#""actor":"1a2b3c4d"}"#
        );
    }

    #[test]
    fn an_entry_of_another_entity_has_its_payload() {
        let entry = OpaqueEntry {
            revision: Revision(2),
            at: datetime!(2025-11-18 12:00 UTC),
            entity: "edge".to_owned(),
            key: "a to b".to_owned(),
            kind: "added".to_owned(),
            payload: r#"{"strength":0.5}"#.to_owned(),
            actor: Actor::FILE,
            step: None,
        };
        assert_eq!(
            encode(entry),
            r#"{"revision":2,"entity":"edge","key":"a to b","kind":"added","#.to_owned()
                + r#""at":"2025-11-18T12:00:00.000000Z","payload":{"strength":0.5},"actor":"file"}"#
        );
    }
}
