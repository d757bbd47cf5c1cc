//! Sample registrations, transitions and times.

use federation_domain::{
    Actor, Cause, HeartbeatMark, ListeningPeriod, Origin, Project, ProjectStatus, Registration,
    RegistrationDraft, RegistrationWrite, Source, Store, Transition,
};
use time::{Duration, OffsetDateTime};

/// Returns a time this many seconds after a fixed start, with odd microseconds.
#[must_use]
pub fn moment(seconds: i64) -> OffsetDateTime {
    time::macros::datetime!(2026-11-24 12:00:00.000_017 UTC) + Duration::seconds(seconds)
}

/// Returns a registration of this slug with plain metadata.
///
/// # Panics
/// Panics if the slug is not valid.
#[must_use]
pub fn registration(slug: &str) -> Registration {
    RegistrationDraft { slug: slug.to_owned(), ..draft() }.parse().expect("a valid registration")
}

/// Returns the draft of a plain registration.
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

/// Returns the transition of a writer that knows the stored project.
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
        actor: Actor::SERVICE,
    }
}

/// Returns a heartbeat of the project over NATS.
#[must_use]
pub fn mark(project: &Project, at: OffsetDateTime) -> HeartbeatMark {
    let tolerance = std::time::Duration::ZERO;
    HeartbeatMark { project: project.id, at, source: Source::Nats, tolerance }
}

/// Returns a listening period between two [moments](moment).
#[must_use]
pub fn period(source: Source, from: i64, until: i64) -> ListeningPeriod {
    ListeningPeriod { source, from: moment(from), until: moment(until) }
}

pub(super) async fn register(store: &dyn Store, slug: &str) -> Project {
    register_all(store, &[registration(slug)]).await.remove(0)
}

pub(super) async fn register_all(
    store: &dyn Store,
    registrations: &[Registration],
) -> Vec<Project> {
    let writes: Vec<_> = registrations.iter().cloned().map(RegistrationWrite::from).collect();
    let registered = store.register(&writes, Origin::Api, moment(0)).await.unwrap();
    registered.into_iter().map(|registered| registered.project).collect()
}

/// Returns the only stored project.
pub(super) async fn stored(store: &dyn Store) -> Project {
    let projects = store.load().await.unwrap().projects;
    assert_eq!(projects.len(), 1, "expected one project");
    projects.into_iter().next().unwrap()
}
