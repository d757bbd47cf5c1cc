use federation_domain::{Cause, Change, ChangeKind, ProjectStatus, Revision, Slug};
use serde::Serialize;

use super::timestamp;

#[derive(Serialize)]
struct Payload<'a> {
    revision: Revision,
    slug: &'a Slug,
    kind: ChangeKind,
    from: Option<ProjectStatus>,
    to: Option<ProjectStatus>,
    at: String,
    cause: &'a Cause,
}

/// Encodes the payload of a change:
///
/// ```json
/// {"revision":4711,"slug":"docs","kind":"status_changed","from":"online","to":"offline",
///  "at":"2025-11-18T12:00:00.123456Z","cause":{"kind":"silence","silence_ms":90000,"deaf_ms":0}}
/// ```
///
/// All keys are always present. `kind` is `registered`, `updated`, `removed` or `status_changed`.
/// `from` and `to` are `online`, `degraded` or `offline`, or null if the project does not exist. `at`
/// is RFC 3339 in UTC with microseconds. `cause.kind` is `heartbeat` (with `source`), `silence` (with
/// `silence_ms`, `deaf_ms` and, if the project was pinged, `probe`), `reported` (with `reasons`),
/// `registered` (with `by`) or `operator`. Readers MUST ignore unknown keys and kinds.
///
/// # Errors
/// Fails if the year has more than four digits.
pub fn encode_change(change: &Change) -> serde_json::Result<Vec<u8>> {
    serde_json::to_vec(&Payload {
        revision: change.revision,
        slug: &change.slug,
        kind: change.kind,
        from: change.from,
        to: change.to,
        at: timestamp::write(change.at)?,
        cause: &change.cause,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use federation_domain::{Origin, Probe};
    use time::macros::datetime;

    fn encode(change: &Change) -> String {
        String::from_utf8(encode_change(change).unwrap()).unwrap()
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
        };
        assert_eq!(
            encode(&change),
            r#"{"revision":4711,"slug":"docs","kind":"status_changed","from":"online","#.to_owned()
                + r#""to":"offline","at":"2025-11-18T12:00:00.123456Z","cause":{"kind":"silence","#
                + r#""silence_ms":90000,"deaf_ms":7,"probe":"no_responders"}}"#
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
        };
        assert_eq!(
            encode(&change),
            r#"{"revision":1,"slug":"docs","kind":"registered","from":null,"to":"offline","#
                .to_owned()
                + r#""at":"2025-11-18T12:00:00.000000Z","cause":{"kind":"registered","by":"api"}}"#
        );
    }
}
