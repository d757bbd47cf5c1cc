//! Values shared by unit tests.

use federation_domain::{
    Actor, Cause, Change, ChangeKind, FanoutAllowlist, Project, ProjectId, ProjectStatus, Reports,
    Revision, Slug, Tags,
};
use time::OffsetDateTime;
use time::macros::datetime;

/// When each [`project`] was created.
pub(crate) const CREATED_AT: OffsetDateTime = datetime!(2026-11-24 12:00 UTC);

/// The project `p{id}`, which is offline and was never heard.
pub(crate) fn project(id: i64) -> Project {
    Project {
        id: ProjectId(id),
        slug: format!("p{id}").parse().unwrap(),
        name: format!("Project {id}").parse().unwrap(),
        hub_url: "http://localhost:8000".parse().unwrap(),
        mesh_namespace: None,
        status: ProjectStatus::Offline,
        tags: Tags::default(),
        last_heartbeat_at: None,
        last_heartbeat_source: None,
        created_at: CREATED_AT,
        updated_at: CREATED_AT,
        heartbeat_interval: None,
        allow_fanout: FanoutAllowlist::default(),
        reports: Reports::default(),
        auto_registered: false,
    }
}

/// A change at this revision.
pub(crate) fn change(revision: i64) -> Change {
    Change {
        revision: Revision(revision),
        slug: Slug::parse("a").unwrap(),
        kind: ChangeKind::Updated,
        from: None,
        to: None,
        at: OffsetDateTime::UNIX_EPOCH,
        cause: Cause::Operator,
        actor: Actor::API,
    }
}
