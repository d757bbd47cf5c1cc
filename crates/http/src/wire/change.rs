//! Changes of projects.

use federation_domain::{Cause, Change, PROJECT};
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::project::body::StatusSchema;
use crate::wire::timestamp::Timestamp;

/// A change of a project and its cause.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Change,
    example = json!({
        "revision": 17,
        "kind": "status_changed",
        "from": "degraded",
        "to": "offline",
        "at": "2026-11-23T14:43:13.270911Z",
        "cause": {"kind": "silence", "silence_ms": 90_000, "deaf_ms": 250},
        "because": "no heartbeat for 90 s, not counting 250 ms of interruptions",
        "actor": "service"
    })
)]
pub(crate) struct ChangeBody<'a> {
    /// Position in the change log, which covers all projects.
    #[schema(minimum = 1)]
    revision: i64,
    /// The kind of change.
    #[schema(value_type = ChangeKindSchema)]
    kind: &'static str,
    /// The status before the change. Null if the project did not exist.
    #[schema(value_type = Option<StatusSchema>, required)]
    from: Option<&'static str>,
    /// The status after the change. Null if the project no longer exists.
    #[schema(value_type = Option<StatusSchema>, required)]
    to: Option<&'static str>,
    /// Time of the change.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The cause, for programs.
    #[schema(value_type = CauseSchema)]
    cause: &'a Cause,
    /// The cause, for people.
    because: String,
    /// The actor that caused the change: the id of an API key, or `api` (a request without a key),
    /// `file`, `nats`, `service` or `cli`.
    actor: &'a str,
}

impl<'a> From<&'a Change> for ChangeBody<'a> {
    fn from(change: &'a Change) -> Self {
        Self {
            revision: change.revision.0,
            kind: change.kind.as_str(),
            from: change.from.map(|status| status.as_str()),
            to: change.to.map(|status| status.as_str()),
            at: Timestamp(change.at),
            cause: &change.cause,
            because: change.cause.to_string(),
            actor: change.actor.as_str(),
        }
    }
}

/// A change of a project and its cause: a `Change` with the slug.
#[derive(Serialize, ToSchema)]
#[schema(
    as = ChangeEvent,
    example = json!({
        "revision": 17,
        "slug": "commandcenter",
        "kind": "status_changed",
        "from": "degraded",
        "to": "offline",
        "at": "2026-11-23T14:43:13.270911Z",
        "cause": {"kind": "silence", "silence_ms": 90_000, "deaf_ms": 250},
        "because": "no heartbeat for 90 s, not counting 250 ms of interruptions",
        "actor": "service",
        "entity": "project"
    })
)]
pub(crate) struct EventBody<'a> {
    /// Position in the change log, which covers all projects.
    #[schema(minimum = 1)]
    revision: i64,
    /// The slug of the project at the time of the change.
    slug: &'a str,
    /// The kind of change.
    #[schema(value_type = ChangeKindSchema)]
    kind: &'static str,
    /// The status before the change. Null if the project did not exist.
    #[schema(value_type = Option<StatusSchema>, required)]
    from: Option<&'static str>,
    /// The status after the change. Null if the project no longer exists.
    #[schema(value_type = Option<StatusSchema>, required)]
    to: Option<&'static str>,
    /// Time of the change.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The cause, for programs.
    #[schema(value_type = CauseSchema)]
    cause: &'a Cause,
    /// The cause, for people.
    because: String,
    /// The actor that caused the change: the id of an API key, or `api` (a request without a key),
    /// `file`, `nats`, `service` or `cli`.
    actor: &'a str,
    /// The entity that changed.
    #[schema(value_type = String, pattern = "^project$")]
    entity: &'static str,
}

impl<'a> From<&'a Change> for EventBody<'a> {
    fn from(change: &'a Change) -> Self {
        let ChangeBody { revision, kind, from, to, at, cause, because, actor } = change.into();
        let (slug, entity) = (change.slug.as_str(), PROJECT);
        Self { revision, slug, kind, from, to, at, cause, because, actor, entity }
    }
}

/// The kind of change.
#[derive(ToSchema)]
#[schema(as = ChangeKind)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
pub(crate) enum ChangeKindSchema {
    /// The project was created.
    Registered,
    /// The registration of the project changed.
    Updated,
    /// The project was removed.
    Removed,
    /// The status of the project changed.
    StatusChanged,
}

/// The cause of a change. Further kinds may be added.
#[derive(ToSchema)]
#[schema(as = Cause)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
enum CauseSchema {
    /// A heartbeat arrived.
    Heartbeat {
        /// The transport of the heartbeat.
        source: SourceSchema,
    },
    /// No heartbeat arrived for too long.
    Silence {
        /// Time for which the service listened without hearing the project, in ms.
        silence_ms: u64,
        /// Time within this period when the service could not listen, in ms. It does not count as
        /// silence.
        deaf_ms: u64,
        /// Result of probing the project directly. Absent if it was not probed.
        #[schema(required = false, nullable = false)]
        probe: Option<ProbeSchema>,
    },
    /// The project reported its own health.
    Reported {
        /// The reasons given by the project.
        reasons: Vec<String>,
    },
    /// The project was registered, or its registration changed.
    Registered {
        /// The origin of the registration.
        by: OriginSchema,
    },
    /// A person or a program requested the change.
    Operator,
    /// The project had registered itself by a heartbeat and was silent for too long.
    Expired,
    /// Several changes of a project that changes its status too often. The entry has the net
    /// change.
    Merged {
        /// Number of changes.
        #[schema(minimum = 1)]
        changes: u32,
        /// Cause of the last change.
        #[schema(no_recursion)]
        last: Box<CauseSchema>,
    },
}

/// The transport of a heartbeat.
#[derive(ToSchema)]
#[schema(as = Source)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
pub(crate) enum SourceSchema {
    /// NATS.
    Nats,
    /// This API.
    Http,
}

/// Result of probing a silent project directly before it was reported offline.
#[derive(ToSchema)]
#[schema(as = Probe)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
enum ProbeSchema {
    /// The project answered and is alive.
    Answered,
    /// The subject of the project has no subscriber.
    NoResponders,
    /// A subscriber exists but did not answer in time.
    NoAnswer,
    /// The project was not probed: NATS is not available, or the subject is not known.
    NotAsked,
}

/// The origin of a registration.
#[derive(ToSchema)]
#[schema(as = Origin)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
enum OriginSchema {
    /// A request to this API.
    Api,
    /// The projects file of the service.
    File,
    /// A heartbeat of an unknown project.
    Heartbeat,
}

#[cfg(test)]
mod tests {
    use federation_domain::{
        Actor, ChangeKind, Origin, Probe, ProjectStatus, Revision, Slug, Source,
    };
    use time::OffsetDateTime;

    use super::*;
    use crate::testing::schema;

    fn causes() -> Vec<Cause> {
        let probes =
            [Probe::Answered, Probe::NoResponders, Probe::NoAnswer, Probe::NotAsked].map(Some);
        let silence = |probe| Cause::Silence { silence_ms: 90_000, deaf_ms: 0, probe };
        let origins = [Origin::Api, Origin::File, Origin::Heartbeat];
        let mut causes = vec![
            silence(None),
            Cause::Reported { reasons: vec!["slow disk".to_owned()] },
            Cause::Operator,
            Cause::Expired,
        ];
        causes.extend(Source::ALL.map(|source| Cause::Heartbeat { source }));
        causes.extend(probes.map(silence));
        causes.extend(origins.map(|by| Cause::Registered { by }));
        causes.push(Cause::Merged { changes: 7, last: Box::new(silence(None)) });
        causes
    }

    #[test]
    fn the_schema_covers_every_change() {
        let statuses = ProjectStatus::ALL.map(Some);
        for (index, cause) in causes().into_iter().enumerate() {
            for kind in ChangeKind::ALL {
                let change = Change {
                    revision: Revision(1),
                    slug: Slug::parse("a").unwrap(),
                    kind,
                    from: statuses.get(index).copied().flatten(),
                    to: statuses[index % 3],
                    at: OffsetDateTime::UNIX_EPOCH,
                    cause: cause.clone(),
                    actor: Actor::API,
                };
                schema::check("Change", &serde_json::to_value(ChangeBody::from(&change)).unwrap());
                let event = serde_json::to_value(EventBody::from(&change)).unwrap();
                schema::check("ChangeEvent", &event);
            }
        }
    }
}
