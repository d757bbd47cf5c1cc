//! Registrations, transitions and times for the rules.

use federation_domain::{
    CatalogStore, Cause, HeartbeatMark, Listened, Origin, Project, ProjectStatus, Registration,
    RegistrationDraft, Source, Transition,
};
use time::{Duration, OffsetDateTime};

/// A moment so many seconds after the beginning of the story, with odd microseconds.
#[must_use]
pub fn moment(seconds: i64) -> OffsetDateTime {
    time::macros::datetime!(2026-11-24 12:00:00.000_017 UTC) + Duration::seconds(seconds)
}

/// A registration of this slug with plain metadata.
///
/// # Panics
/// When the slug is not valid.
#[must_use]
pub fn registration(slug: &str) -> Registration {
    RegistrationDraft { slug: slug.to_owned(), ..draft() }.parse().expect("a valid registration")
}

/// The draft of a plain registration, to be varied.
#[must_use]
pub fn draft() -> RegistrationDraft {
    RegistrationDraft {
        slug: "commandcenter".to_owned(),
        name: "CommandCenter".to_owned(),
        hub_url: "http://localhost:8000".to_owned(),
        mesh_namespace: "hub.commandcenter".to_owned(),
        tags: vec!["python".to_owned(), "rag".to_owned()],
        heartbeat_interval_seconds: None,
        allow_fanout: None,
    }
}

/// The finding of a writer that knows all that is stored.
#[must_use]
pub fn transition(project: &Project, to: ProjectStatus, at: OffsetDateTime) -> Transition {
    Transition {
        project: project.id,
        slug: project.slug.clone(),
        from: project.status,
        to,
        reports: project.reports.clone(),
        last_heartbeat_at: project.last_heartbeat_at,
        last_heartbeat_source: project.last_heartbeat_source,
        at,
        cause: Cause::Silence { silence_ms: 90_000, deaf_ms: 1_500, probe: None },
    }
}

/// A heartbeat of the project over NATS.
#[must_use]
pub fn mark(project: &Project, at: OffsetDateTime) -> HeartbeatMark {
    HeartbeatMark { project: project.id, at, source: Source::Nats }
}

/// A spell of listening between two moments.
#[must_use]
pub fn spell(source: Source, from: i64, until: i64) -> Listened {
    Listened { source, from: moment(from), until: moment(until) }
}

pub(super) async fn register(store: &dyn CatalogStore, slug: &str) -> Project {
    register_all(store, &[registration(slug)]).await.remove(0)
}

pub(super) async fn register_all(
    store: &dyn CatalogStore,
    registrations: &[Registration],
) -> Vec<Project> {
    let registered = store.register(registrations, Origin::Api, moment(0)).await.unwrap();
    registered.into_iter().map(|registered| registered.project).collect()
}

/// The only project, as stored.
pub(super) async fn stored(store: &dyn CatalogStore) -> Project {
    let projects = store.load().await.unwrap().projects;
    assert_eq!(projects.len(), 1, "one project was expected");
    projects.into_iter().next().unwrap()
}
