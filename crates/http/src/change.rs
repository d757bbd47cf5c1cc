//! An entry of the change log on the wire.

use federation_domain::{Cause, Change};
use serde::Serialize;
use utoipa::ToSchema;

use crate::project::StatusSchema;
use crate::stamp::Stamp;

/// What happened to a project, and why.
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
        "because": "no heartbeat for 90 s, not counting 250 ms of interruptions"
    })
)]
pub(crate) struct ChangeBody<'a> {
    /// Its position in the log of all projects.
    #[schema(minimum = 1)]
    revision: i64,
    /// What kind of change it was.
    #[schema(value_type = ChangeKindSchema)]
    kind: &'static str,
    /// The status before; null where there was no project.
    #[schema(value_type = Option<StatusSchema>, required)]
    from: Option<&'static str>,
    /// The status after; null where there is no project any more.
    #[schema(value_type = Option<StatusSchema>, required)]
    to: Option<&'static str>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    at: Stamp,
    /// Why, for programs.
    #[schema(value_type = CauseSchema)]
    cause: &'a Cause,
    /// Why, for people.
    because: String,
}

impl<'a> From<&'a Change> for ChangeBody<'a> {
    fn from(change: &'a Change) -> Self {
        Self {
            revision: change.revision.0,
            kind: change.kind.as_str(),
            from: change.from.map(|status| status.as_str()),
            to: change.to.map(|status| status.as_str()),
            at: Stamp(change.at),
            cause: &change.cause,
            because: change.cause.to_string(),
        }
    }
}

/// What happened to which project, and why: a `Change` with the slug.
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
        "because": "no heartbeat for 90 s, not counting 250 ms of interruptions"
    })
)]
pub(crate) struct EventBody<'a> {
    /// Its position in the log of all projects.
    #[schema(minimum = 1)]
    revision: i64,
    /// The project, by its slug at that time.
    slug: &'a str,
    /// What kind of change it was.
    #[schema(value_type = ChangeKindSchema)]
    kind: &'static str,
    /// The status before; null where there was no project.
    #[schema(value_type = Option<StatusSchema>, required)]
    from: Option<&'static str>,
    /// The status after; null where there is no project any more.
    #[schema(value_type = Option<StatusSchema>, required)]
    to: Option<&'static str>,
    /// When it happened.
    #[schema(value_type = String, format = DateTime)]
    at: Stamp,
    /// Why, for programs.
    #[schema(value_type = CauseSchema)]
    cause: &'a Cause,
    /// Why, for people.
    because: String,
}

impl<'a> From<&'a Change> for EventBody<'a> {
    fn from(change: &'a Change) -> Self {
        let ChangeBody { revision, kind, from, to, at, cause, because } = change.into();
        Self { revision, slug: change.slug.as_str(), kind, from, to, at, cause, because }
    }
}

/// What kind of change it was.
#[derive(ToSchema)]
#[schema(as = ChangeKind)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
pub(crate) enum ChangeKindSchema {
    /// The project was created.
    Registered,
    /// Its metadata was replaced by other metadata.
    Updated,
    /// It was removed.
    Removed,
    /// Its status changed.
    StatusChanged,
}

/// Why a change happened. Kinds that a client does not know may be added.
#[derive(ToSchema)]
#[schema(as = Cause)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
enum CauseSchema {
    /// A heartbeat arrived.
    Heartbeat {
        /// The way it came.
        source: SourceSchema,
    },
    /// Nothing was heard for too long.
    Silence {
        /// How long the service listened without hearing it, in ms.
        silence_ms: u64,
        /// Deaf time within, which was left out, in ms.
        deaf_ms: u64,
        /// What came of asking it directly; absent where that was not called for.
        #[schema(required = false, nullable = false)]
        probe: Option<ProbeSchema>,
    },
    /// The project said so itself.
    Reported {
        /// In its own words.
        reasons: Vec<String>,
    },
    /// It was registered, or its registration was replaced.
    Registered {
        /// By whom.
        by: OriginSchema,
    },
    /// A person or a program asked for it.
    Operator,
}

/// The way a heartbeat came.
#[derive(ToSchema)]
#[schema(as = Source)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
pub(crate) enum SourceSchema {
    /// Over the bus.
    Nats,
    /// Over this API.
    Http,
}

/// What came of asking a silent project directly, before it was called offline.
#[derive(ToSchema)]
#[schema(as = Probe)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
enum ProbeSchema {
    /// It answered, so it is alive.
    Answered,
    /// Nobody listens on its subject.
    NoResponders,
    /// Somebody listens there, and did not answer in time.
    NoAnswer,
    /// It could not be asked: the bus is away, or nobody knows its subject.
    NotAsked,
}

/// Who registered a project.
#[derive(ToSchema)]
#[schema(as = Origin)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "the schema of the document; the domain gives the names")]
enum OriginSchema {
    /// A call of this API.
    Api,
    /// The static list of the service.
    File,
    /// A heartbeat of a project that was not known.
    Heartbeat,
}

#[cfg(test)]
mod tests {
    use federation_domain::{ChangeKind, Origin, Probe, ProjectStatus, Revision, Slug, Source};
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
        ];
        causes.extend(Source::ALL.map(|source| Cause::Heartbeat { source }));
        causes.extend(probes.map(silence));
        causes.extend(origins.map(|by| Cause::Registered { by }));
        causes
    }

    #[test]
    fn the_document_describes_every_change() {
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
                };
                schema::check("Change", &serde_json::to_value(ChangeBody::from(&change)).unwrap());
                let event = serde_json::to_value(EventBody::from(&change)).unwrap();
                schema::check("ChangeEvent", &event);
            }
        }
    }
}
