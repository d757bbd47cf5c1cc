//! The evaluator of the rules about incidents, on a fake store with a manual clock.

mod maintenance;
mod metric_rules;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use federation_application::{IncidentEvaluator, IncidentQuery, RuleWatch};
use federation_domain::{
    Actor, ChannelName, Delivery, DeliveryQuery, EarlierState, EdgeKey, EdgeSource, EdgeWrite,
    IncidentEdit, IncidentRule, IncidentStatus, LogEntry, Message, Messenger, NewNotification,
    NotificationEvent, Outbox, Revision, Route, SendError, Severity, Source, Strength,
};
use federation_testkit::entries_after;

use crate::world::{World, seconds};

/// A service with its evaluator.
struct Watched {
    world: World,
    evaluator: IncidentEvaluator,
    /// The watch of metric rules of the evaluator.
    rules: Option<RuleWatch>,
}

fn evaluator(world: &World, owner: &str) -> IncidentEvaluator {
    world.service.incident_evaluator(IncidentRule::default(), owner.to_owned())
}

impl Watched {
    /// Creates a service with projects that were heard, and edges between them.
    async fn with(slugs: &[&str], edges: &[&str]) -> Self {
        let world = World::with(slugs).await;
        for edge in edges {
            let key = EdgeKey::parse(edge).unwrap();
            let at = world.service.graph.now();
            let write = EdgeWrite::declare(key, EdgeSource::Api, Strength::FULL, None, at);
            world.service.graph.write_one(write, Actor::API).await.unwrap();
        }
        world.listen(seconds(60));
        let evaluator = evaluator(&world, "first");
        let mut watched = Self { world, evaluator, rules: None };
        for slug in slugs {
            watched.world.beat(slug).unwrap();
        }
        watched.pass(seconds(1), &[]).await;
        watched
    }

    /// Lets time pass in steps of 5 s, in which these projects send heartbeats, the writer stores and
    /// the evaluator evaluates.
    async fn pass(&mut self, time: Duration, alive: &[&str]) {
        let mut left = time;
        while !left.is_zero() {
            let step = left.min(seconds(5));
            for slug in alive {
                self.world.beat(slug).unwrap();
            }
            self.world.listen(step);
            self.store().await;
            self.step().await;
            left -= step;
        }
    }

    async fn step(&mut self) {
        if let Some(rules) = &mut self.rules {
            rules.step().await;
        }
        self.evaluator.step().await.unwrap();
    }

    async fn store(&self) {
        self.world.writer.flush().await.unwrap();
        self.world.writer.checkpoint().await.unwrap();
    }

    fn open(&self) -> Vec<String> {
        open(&self.world)
    }

    async fn logged(&self) -> Vec<String> {
        let entries = entries_after(&*self.world.store, Revision(0), 10_000).await;
        let of_incidents = entries.iter().filter(|entry| entry.entity() == "incident");
        of_incidents.map(|entry: &LogEntry| format!("{} {}", entry.key(), entry.kind())).collect()
    }
}

/// The open incidents as `root: affected…`.
fn open(world: &World) -> Vec<String> {
    let statuses = vec![IncidentStatus::Open, IncidentStatus::Acknowledged];
    let query = IncidentQuery { statuses, ..IncidentQuery::default() };
    let listed = world.service.incidents.list(&query).unwrap();
    let text = |one: &Arc<federation_domain::LiveIncident>| {
        let affected: Vec<&str> = one.affected().iter().map(|one| one.as_str()).collect();
        let root = one.incident.root.as_ref().map_or("-", |root| root.as_str());
        format!("{root}: {}", affected.join(" "))
    };
    listed.incidents.iter().map(text).collect()
}

#[tokio::test]
async fn an_outage_is_one_incident_that_resolves() {
    let mut watched = Watched::with(&["db", "web", "other"], &["web/db/api"]).await;
    watched.pass(seconds(140), &["other"]).await;
    assert!(watched.open().is_empty(), "{:?}", watched.open());
    watched.pass(seconds(30), &["other"]).await;
    assert_eq!(watched.open(), ["db: web"]);
    watched.pass(seconds(75), &["db", "web", "other"]).await;
    assert!(watched.open().is_empty());
    let logged = watched.logged().await;
    assert_eq!(logged, ["1 opened", "1 affected", "1 recovered", "1 resolved"]);
}

#[tokio::test]
async fn deafness_opens_an_incident_about_itself_and_none_about_projects() {
    let mut watched = Watched::with(&["db"], &[]).await;
    watched.world.sleep(seconds(600));
    for _ in 0..20 {
        watched.world.sleep(seconds(5));
        watched.store().await;
        watched.evaluator.step().await.unwrap();
    }
    assert_eq!(watched.open(), ["-: "]);
    watched.pass(seconds(20), &["db"]).await;
    assert!(watched.open().is_empty());
    assert_eq!(watched.logged().await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn another_replica_takes_over_when_the_claim_ends_and_opens_nothing_twice() {
    let mut watched = Watched::with(&["db"], &[]).await;
    let mut second = evaluator(&watched.world, "second");
    second.step().await.unwrap();
    watched.pass(seconds(170), &[]).await;
    assert_eq!(watched.open(), ["db: "]);
    // The first evaluator dies, and the second one continues.
    watched.evaluator = second;
    watched.pass(seconds(30), &[]).await;
    watched.pass(seconds(90), &["db"]).await;
    assert!(watched.open().is_empty());
    assert_eq!(watched.logged().await, ["1 opened", "1 affected", "1 recovered", "1 resolved"]);
}

#[tokio::test]
async fn two_evaluators_that_both_believe_to_have_the_claim_open_one_incident() {
    let mut watched = Watched::with(&["db"], &[]).await;
    watched.pass(seconds(140), &[]).await;
    let mut second = evaluator(&watched.world, "first");
    second.step().await.unwrap();
    watched.world.listen(seconds(20));
    watched.store().await;
    let (first, second) = tokio::join!(watched.evaluator.step(), second.step());
    first.unwrap();
    second.unwrap();
    assert_eq!(watched.open(), ["db: "]);
    assert_eq!(watched.logged().await, ["1 opened", "1 affected"]);
}

#[tokio::test]
async fn an_outage_of_the_store_delays_an_incident_and_keeps_its_time() {
    let mut watched = Watched::with(&["db"], &[]).await;
    watched.pass(seconds(100), &[]).await;
    let down_since = watched.world.project("db").updated_at;
    watched.world.store.set_available(false);
    watched.world.listen(seconds(300));
    assert!(watched.evaluator.step().await.is_err());
    watched.world.store.set_available(true);
    watched.pass(seconds(10), &[]).await;
    assert_eq!(watched.open(), ["db: "]);
    let listed = watched.world.service.incidents.list(&IncidentQuery::default()).unwrap();
    assert!(listed.incidents[0].incident.started_at <= down_since);
}

#[tokio::test]
async fn an_edit_by_a_person_is_known_to_the_evaluator() {
    let mut watched = Watched::with(&["db"], &[]).await;
    watched.pass(seconds(170), &[]).await;
    let id = watched.world.service.incidents.list(&IncidentQuery::default()).unwrap();
    let id = id.incidents[0].incident.id;
    let resolve = IncidentEdit::Resolve(None);
    watched.world.service.incidents.edit(id, resolve, Actor::API).await.unwrap();
    watched.pass(seconds(300), &[]).await;
    assert!(watched.open().is_empty(), "it stays silent");
    watched.pass(seconds(60), &["db"]).await;
    watched.pass(seconds(170), &[]).await;
    assert_eq!(watched.open(), ["db: "]);
}

#[tokio::test]
async fn an_incident_of_another_replica_is_shown() {
    let mut watched = Watched::with(&["db"], &[]).await;
    let other = watched.world.restarted().await;
    watched.pass(seconds(170), &[]).await;
    assert!(open(&other).is_empty());
    other.follower.follow().await.unwrap();
    assert_eq!(open(&other), ["db: "]);
    let restarted = watched.world.restarted().await;
    assert_eq!(open(&restarted), ["db: "]);
}

#[tokio::test]
async fn a_source_that_is_deaf_opens_nothing_although_another_one_hears() {
    let mut watched = Watched::with(&["db"], &[]).await;
    watched.pass(seconds(95), &[]).await;
    for _ in 0..60 {
        watched.world.listen_over(&[Source::Http], seconds(5));
        watched.store().await;
        watched.evaluator.step().await.unwrap();
    }
    assert_eq!(watched.open(), ["-: "], "only the deafness of the bus");
}

/// Sends everything about incidents of these severities to one channel.
fn notify(watched: &Watched, severities: Vec<Severity>) {
    let route = Route {
        channel: ChannelName::parse("hook").unwrap(),
        severities,
        tags: Vec::new(),
        projects: Vec::new(),
        kinds: Vec::new(),
        events: NotificationEvent::ALL.to_vec(),
        group_wait: time::Duration::ZERO,
    };
    watched.world.service.notifications.configure(Vec::new(), vec![route]);
}

/// The notifications in the outbox as `incident event`, the oldest first.
async fn told(watched: &Watched) -> Vec<String> {
    let query = DeliveryQuery { limit: 100, ..DeliveryQuery::default() };
    let deliveries = Outbox::deliveries(&*watched.world.store, &query).await.unwrap();
    let text = |one: &Delivery| {
        let NewNotification { incident, event, .. } = &one.notification;
        format!("{incident} {event}")
    };
    deliveries.iter().rev().map(text).collect()
}

#[tokio::test]
async fn an_incident_has_one_notification_when_it_opens_and_one_when_it_resolves() {
    let mut watched = Watched::with(&["db", "web"], &["web/db/api"]).await;
    notify(&watched, Vec::new());
    watched.pass(seconds(170), &[]).await;
    watched.evaluator = evaluator(&watched.world, "first");
    watched.pass(seconds(30), &[]).await;
    watched.pass(seconds(90), &["db", "web"]).await;
    assert_eq!(told(&watched).await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn the_end_by_a_person_is_told_once() {
    let mut watched = Watched::with(&["db"], &[]).await;
    notify(&watched, Vec::new());
    watched.pass(seconds(170), &[]).await;
    let id = federation_domain::IncidentId(1);
    let resolve = IncidentEdit::Resolve(None);
    watched.world.service.incidents.edit(id, resolve, Actor::API).await.unwrap();
    watched.pass(seconds(120), &[]).await;
    assert_eq!(told(&watched).await, ["1 opened", "1 resolved"]);
}

#[tokio::test]
async fn a_channel_for_critical_incidents_hears_of_one_that_becomes_critical() {
    let mut watched = Watched::with(&["db"], &[]).await;
    notify(&watched, vec![Severity::Critical]);
    watched.pass(seconds(300), &[]).await;
    assert!(told(&watched).await.is_empty());
    watched.pass(seconds(420), &[]).await;
    assert_eq!(told(&watched).await, ["1 opened"]);
    watched.pass(seconds(75), &["db"]).await;
    assert_eq!(told(&watched).await, ["1 opened", "1 resolved"]);
}

/// A receiver that keeps a state for each incident.
struct Keeper;

#[async_trait]
impl Messenger for Keeper {
    async fn send(&self, _: &Message) -> Result<(), SendError> {
        Ok(())
    }

    fn keeps_state(&self) -> bool {
        true
    }
}

/// The notifications with root and severity, and those of before.
async fn states(watched: &Watched) -> Vec<String> {
    let query = DeliveryQuery { limit: 100, ..DeliveryQuery::default() };
    let deliveries = Outbox::deliveries(&*watched.world.store, &query).await.unwrap();
    let text =
        |state: &EarlierState| format!("{} {}", state.root.as_ref().unwrap(), state.severity);
    let line = |one: &Delivery| {
        let NewNotification { event, summary, .. } = &one.notification;
        let earlier: Vec<String> = summary.earlier.iter().map(text).collect();
        format!("{event} {} after [{}]", text(&summary.state()), earlier.join(", "))
    };
    deliveries.iter().rev().map(line).collect()
}

#[tokio::test]
async fn a_channel_that_keeps_states_hears_of_another_root_and_another_severity() {
    let mut watched = Watched::with(&["db", "web"], &["web/db/api"]).await;
    notify(&watched, Vec::new());
    watched.pass(seconds(100), &["db"]).await;
    watched.pass(seconds(80), &[]).await;
    assert_eq!(watched.open(), ["web: "]);
    let notifications = &watched.world.service.notifications;
    let (routes, hook) = (notifications.routes().to_vec(), ChannelName::parse("hook").unwrap());
    notifications.configure(vec![(hook, Arc::new(Keeper))], routes);
    watched.pass(seconds(60), &[]).await;
    assert_eq!(watched.open(), ["db: web"]);
    let id = federation_domain::IncidentId(1);
    watched
        .world
        .service
        .incidents
        .edit(id, IncidentEdit::Acknowledge(None), Actor::API)
        .await
        .unwrap();
    watched.pass(seconds(620), &[]).await;
    watched.pass(seconds(90), &["db", "web"]).await;
    let expected = [
        "opened web warning after []",
        "repeated db warning after [web warning]",
        "repeated db critical after [db warning, web warning]",
        "resolved db critical after [db warning, web warning]",
    ];
    assert_eq!(states(&watched).await, expected);
}

#[tokio::test]
async fn the_end_of_an_incident_is_told_after_hundreds_of_repetitions() {
    let mut watched = Watched::with(&["db"], &[]).await;
    notify(&watched, Vec::new());
    watched.pass(seconds(170), &[]).await;
    let query = DeliveryQuery { limit: 1, ..DeliveryQuery::default() };
    let opened = Outbox::deliveries(&*watched.world.store, &query).await.unwrap().remove(0);
    let repeated = (1..=600).map(|number| NewNotification {
        event: NotificationEvent::Repeated,
        sequence: opened.notification.sequence + number,
        ..opened.notification.clone()
    });
    let repeated: Vec<_> = repeated.collect();
    Outbox::enqueue(&*watched.world.store, &repeated).await.unwrap();
    watched.pass(seconds(90), &["db"]).await;
    assert_eq!(told(&watched).await.last().map(String::as_str), Some("1 resolved"));
}
