use std::sync::Arc;

use clap::Parser as _;
use federation_application::{Deployment, LogSink, Ports, ProjectQuery, Service};
use federation_domain::{
    Actor, Clock, FanoutAllowlist, HeartbeatInterval, Origin, Precondition, Project, Registration,
    RegistrationDraft, Slug, Stores,
};
use federation_testkit::{FakeStore, ManualClock};

use super::reconciler::ListReconciler;
use crate::projects_file::{ProjectsFileError, ProjectsList};
use crate::settings::{ServeArgs, ServeSettings};

pub(super) fn slug(text: &str) -> Slug {
    Slug::parse(text).unwrap()
}

pub(super) fn listed(slug: &str, name: &str) -> Registration {
    RegistrationDraft {
        slug: slug.into(),
        name: name.into(),
        hub_url: "http://localhost:8000".into(),
        mesh_namespace: format!("hub.{slug}"),
        ..RegistrationDraft::default()
    }
    .parse()
    .unwrap()
}

#[derive(clap::Parser)]
struct Settings {
    #[command(flatten)]
    serve: ServeArgs,
}

fn settings(args: &[&str]) -> ServeSettings {
    let args = ["federation"].iter().chain(args);
    Settings::parse_from(args).serve.resolve().unwrap()
}

struct World {
    store: Arc<FakeStore>,
    service: Service,
    reconciler: ListReconciler,
}

impl World {
    /// Starts a service that has registered its list.
    async fn new(start: Option<Vec<Registration>>, prune: bool) -> Self {
        let store = Arc::new(FakeStore::default());
        let clock: Arc<dyn Clock> = Arc::<ManualClock>::default();
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::clone(&store)),
            sink: Arc::new(LogSink),
            clock: Arc::clone(&clock),
            relay: None,
            prober: None,
        };
        let settings = settings(if prune { &["--projects-file-prune"] } else { &[] });
        let deployment = Deployment { bus: false, shared_store: false };
        let service = Service::new(ports, settings.rule.clone(), deployment);
        service.load().await.unwrap();
        let missing = || ProjectsFileError::Missing("config/projects.yaml".into());
        let listed = start.map(ProjectsList::from).ok_or_else(missing);
        let reconciler = ListReconciler::new(&service, &settings, Arc::clone(&clock), listed);
        let registered = reconciler.listed().cloned().unwrap_or_default().projects;
        service.catalog.register_all(registered, Origin::File).await.unwrap();
        Self { store, service, reconciler }
    }

    /// Applies a changed file.
    async fn becomes(&mut self, projects: &[Registration]) {
        self.reconciler.take(Some(Ok(projects.to_vec().into())), false);
        self.reconciler.apply().await;
    }

    async fn fails(&mut self, error: ProjectsFileError) {
        self.reconciler.take(Some(Err(error)), false);
        self.reconciler.apply().await;
    }

    /// Applies an unchanged file.
    async fn again(&mut self) {
        self.reconciler.take(None, false);
        self.reconciler.apply().await;
    }

    /// Returns the catalog as `slug=name`.
    fn names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let mut show =
            |project: &Project, _| names.push(format!("{}={}", project.slug, project.name));
        let (catalog, query) = (&self.service.catalog, ProjectQuery::default());
        catalog.list_all(&query, &mut show).unwrap();
        names
    }

    fn counted(&self, line: &str) -> bool {
        self.service.metrics.encode().unwrap().lines().any(|counted| counted == line)
    }
}

fn no_list() -> ProjectsFileError {
    ProjectsFileError::NoList("p.yaml".into())
}

#[tokio::test]
async fn a_file_with_too_many_projects_is_rejected_as_a_whole_and_not_retried() {
    let mut world = World::new(Some(vec![listed("a", "A")]), false).await;
    world.service.catalog.limit_projects(2);
    world.becomes(&[listed("a", "New"), listed("b", "B"), listed("c", "C")]).await;
    assert_eq!(world.names(), ["a=A"]);
    world.service.catalog.limit_projects(3);
    world.again().await;
    assert_eq!(world.names(), ["a=A"]);
    world.becomes(&[listed("a", "New"), listed("b", "B"), listed("c", "C")]).await;
    assert_eq!(world.names(), ["a=New", "b=B", "c=C"]);
}

#[tokio::test]
async fn a_change_through_the_api_stays_until_the_entry_changes() {
    let mut world = World::new(Some(vec![listed("a", "A"), listed("b", "B")]), false).await;
    let by_hand = listed("a", "By hand");
    world.service.catalog.register(by_hand, Origin::Api).await.unwrap();
    world.becomes(&[listed("a", "A"), listed("b", "New")]).await;
    assert_eq!(world.names(), ["a=By hand", "b=New"]);
    world.becomes(&[listed("a", "Newer"), listed("b", "New")]).await;
    assert_eq!(world.names(), ["a=Newer", "b=New"]);
}

#[tokio::test]
async fn a_project_that_leaves_the_list_is_removed_only_with_prune() {
    let start = vec![listed("a", "A"), listed("b", "B")];
    for (prune, expected) in [(false, &["a=A", "b=B"][..]), (true, &["a=A"])] {
        let mut world = World::new(Some(start.clone()), prune).await;
        world.becomes(&[listed("a", "A")]).await;
        assert_eq!(world.names(), expected);
    }
}

#[tokio::test]
async fn a_project_that_was_never_listed_is_not_removed() {
    let mut world = World::new(Some(vec![listed("a", "A")]), true).await;
    world.service.catalog.register(listed("b", "B"), Origin::Api).await.unwrap();
    world.becomes(&[]).await;
    assert_eq!(world.names(), ["b=B"]);
}

#[tokio::test]
async fn a_missing_or_invalid_file_changes_nothing_and_is_counted_once() {
    let mut world = World::new(Some(vec![listed("a", "A")]), true).await;
    let errors: [fn() -> ProjectsFileError; 3] = [
        || ProjectsFileError::Missing("p.yaml".into()),
        no_list,
        || ProjectsFileError::TooLarge("p.yaml".into()),
    ];
    for (at, error) in errors.into_iter().enumerate() {
        world.fails(error()).await;
        world.fails(error()).await;
        assert_eq!(world.names(), ["a=A"]);
        let refused =
            format!("federation_projects_file_reloads_total{{result=\"refused\"}} {}", at + 1);
        assert!(world.counted(&refused), "{refused}");
        assert!(world.counted("federation_projects_file_pending 1"));
    }
    world.becomes(&[listed("a", "A")]).await;
    assert!(world.counted("federation_projects_file_pending 0"));
}

#[tokio::test]
async fn a_file_without_a_list_is_rejected_even_if_the_applied_list_is_empty() {
    let mut world = World::new(Some(Vec::new()), false).await;
    world.fails(no_list()).await;
    assert!(world.counted("federation_projects_file_pending 1"));
    assert!(world.counted("federation_projects_file_reloads_total{result=\"refused\"} 1"));
}

#[tokio::test]
async fn a_file_missing_at_the_start_may_appear_later() {
    let mut world = World::new(None, false).await;
    world.fails(ProjectsFileError::Missing("config/projects.yaml".into())).await;
    assert!(world.counted("federation_projects_file_pending 0"), "that was said at the start");
    world.becomes(&[listed("a", "A")]).await;
    assert_eq!(world.names(), ["a=A"]);
}

#[tokio::test]
async fn the_newest_list_waits_for_the_store() {
    let mut world = World::new(Some(vec![listed("a", "A")]), true).await;
    world.store.set_available(false);
    world.becomes(&[listed("b", "Old")]).await;
    world.becomes(&[listed("b", "New")]).await;
    assert_eq!(world.names(), ["a=A"]);
    assert!(world.counted("federation_projects_file_pending 1"));
    world.store.set_available(true);
    world.again().await;
    assert_eq!(world.names(), ["b=New"]);
    assert!(world.counted("federation_projects_file_pending 0"));
}

#[tokio::test]
async fn a_removal_waits_for_the_store_unless_the_project_is_back() {
    let start = vec![listed("a", "A"), listed("b", "B"), listed("c", "C")];
    let mut world = World::new(Some(start), true).await;
    world.store.set_available(false);
    world.becomes(&[listed("a", "A")]).await;
    assert_eq!(world.names().len(), 3);
    world.becomes(&[listed("a", "A"), listed("b", "Back")]).await;
    world.store.set_available(true);
    world.again().await;
    assert_eq!(world.names(), ["a=A", "b=Back"]);
}

#[tokio::test]
async fn a_rejected_project_that_is_back_in_the_list_is_not_removed_and_holds_up_no_other() {
    let mut world = World::new(Some(vec![listed("a", "A"), listed("b", "B")]), true).await;
    world.store.set_available(false);
    world.becomes(&[listed("a", "A")]).await;
    world.store.set_available(true);
    world.store.reject(&slug("b"));
    world.becomes(&[listed("a", "A"), listed("b", "Back"), listed("c", "C")]).await;
    world.store.reject_none();
    world.again().await;
    assert_eq!(world.names(), ["a=A", "b=B", "c=C"]);
}

#[tokio::test]
async fn a_removal_done_by_another_replica_is_finished() {
    let mut world = World::new(Some(vec![listed("a", "A"), listed("b", "B")]), true).await;
    world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    world.becomes(&[]).await;
    assert!(world.names().is_empty());
    assert!(world.counted("federation_projects_file_pending 0"));
}

/// Returns the entry of `a` with further fields.
fn with(interval: Option<f64>, allow_fanout: Option<&[&str]>) -> Registration {
    let mut entry = listed("a", "A");
    let parse = |seconds| HeartbeatInterval::from_seconds(seconds).unwrap();
    entry.heartbeat_interval = interval.map(parse);
    entry.allow_fanout = allow_fanout.map(|actions| FanoutAllowlist::parse(actions).unwrap());
    entry
}

#[tokio::test]
async fn a_field_that_leaves_an_entry_returns_to_its_default() {
    let full = with(Some(5.0), Some(&["deploy"]));
    for (wanted, interval, actions) in [
        (with(None, None), false, 0),
        (with(Some(5.0), None), true, 0),
        (with(None, Some(&["deploy"])), false, 1),
    ] {
        let mut world = World::new(Some(vec![full.clone()]), false).await;
        world.becomes(&[wanted]).await;
        let project = world.service.catalog.find(&slug("a")).unwrap().project;
        let found = (project.heartbeat_interval.is_some(), project.allow_fanout.iter().len());
        assert_eq!(found, (interval, actions));
    }
}

#[tokio::test]
async fn a_field_in_no_entry_keeps_the_value_of_the_api() {
    for start in [with(None, None), with(Some(9.0), None)] {
        let mut world = World::new(Some(vec![start]), false).await;
        let by_hand = with(Some(7.0), Some(&["restart"]));
        world.service.catalog.register(by_hand, Origin::Api).await.unwrap();
        let mut renamed = with(Some(8.0), None);
        renamed.name = "New".parse().unwrap();
        world.becomes(&[renamed]).await;
        assert_eq!(world.names(), ["a=New"]);
        let project = world.service.catalog.find(&slug("a")).unwrap().project;
        assert_eq!(project.allow_fanout.iter().collect::<Vec<_>>(), ["restart"]);
    }
}

#[tokio::test]
async fn a_changed_entry_restores_a_removed_project() {
    let mut world = World::new(Some(vec![with(Some(5.0), Some(&["deploy"]))]), false).await;
    world.service.catalog.remove(&slug("a"), Precondition::Always, Actor::API).await.unwrap();
    world.becomes(&[with(None, None)]).await;
    assert_eq!(world.names(), ["a=A"]);
}
