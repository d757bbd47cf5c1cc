//! Edges over a real server.

use std::sync::Arc;
use std::time::Duration;

use federation_application::{
    Deployment, EdgeKeeper, EdgeSelection, GraphQuery, LogSink, Ports, Service,
};
use federation_domain::{LivenessRule, Origin, RegistrationDraft, Stores};
use federation_testkit::{FakeStore, ManualClock, NatsServer};
use tokio::task::JoinHandle;

use super::*;
use crate::{HeartbeatSubscriber, NatsSettings, ReplicaId};

/// Longer than any wait of these tests takes on a busy machine.
const DEADLINE: Duration = Duration::from_secs(30);

struct World {
    server: NatsServer,
    service: Service,
    end: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl World {
    async fn with(slugs: &[&str]) -> Self {
        Self::accepting(PlainSubjects::Auto, slugs).await
    }

    async fn accepting(plain: PlainSubjects, slugs: &[&str]) -> Self {
        let server = NatsServer::start().await;
        let clock: Arc<ManualClock> = Arc::default();
        let ports = Ports {
            stores: Stores::of(Arc::<FakeStore>::default()),
            sink: Arc::new(LogSink),
            clock: clock.clone(),
            relay: None,
            prober: None,
        };
        let deployment = Deployment { bus: true, shared_store: false };
        let service = Service::new(ports, LivenessRule::default(), deployment);
        service.load().await.unwrap();
        for slug in slugs {
            let draft = RegistrationDraft {
                slug: (*slug).into(),
                name: "N".into(),
                hub_url: "http://h".into(),
                mesh_namespace: format!("hub.{slug}"),
                ..RegistrationDraft::default()
            };
            service.catalog.register(draft.parse().unwrap(), Origin::Api).await.unwrap();
        }
        let (observer, keeper): (_, EdgeKeeper) = service.edge_keeper();
        let context = NatsContext::new(NatsSettings::new(server.url()), clock);
        let subscriber = EdgeSubscriber::connect(&context, observer.clone(), plain).await.unwrap();
        let (presence, replica) = (service.presence.clone(), ReplicaId::random());
        let hearing =
            HeartbeatSubscriber::connect(&context, presence, None, replica).await.unwrap();
        let hearing = hearing.observing(observer);
        let end = CancellationToken::new();
        let tasks = vec![
            tokio::spawn(subscriber.run(end.clone())),
            tokio::spawn(hearing.run(end.clone())),
            tokio::spawn(keeper.run(end.clone())),
        ];
        Self { server, service, end, tasks }
    }

    fn edges(&self) -> Vec<String> {
        let edges = EdgeSelection { unresolved: true, ..EdgeSelection::default() };
        let query = GraphQuery { edges, ..GraphQuery::default() };
        let view = self.service.graph.view(&query, 100).unwrap();
        view.edges.iter().map(|edge| edge.key.to_string()).collect()
    }

    /// Publishes a message again and again until an edge is in the graph, because the subscriber may not
    /// be connected yet.
    async fn publish_until(&self, subject: &str, payload: &'static str, edge: &str) {
        let client = async_nats::connect(self.server.url()).await.unwrap();
        let publishing = async {
            while !self.edges().iter().any(|known| known == edge) {
                client.publish(subject.to_owned(), payload.into()).await.unwrap();
                client.flush().await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let published = tokio::time::timeout(DEADLINE, publishing).await;
        assert!(published.is_ok(), "timed out waiting for {edge}, got {:?}", self.edges());
    }

    fn refused(&self, reason: &str) -> bool {
        let series = format!("federation_edges_refused_total{{reason=\"{reason}\"}}");
        self.service.metrics.encode().unwrap().contains(&series)
    }

    async fn stop(self) {
        self.end.cancel();
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test]
async fn edges_of_a_project_and_of_its_namespace_join_the_graph() {
    let world = World::with(&["docs", "veria"]).await;
    let edge = r#"[{"to":"veria","kind":"api","strength":0.9},{"to":"bus","kind":"queue"}]"#;
    world.publish_until("hub.edges.docs", edge, "docs/veria/api").await;
    assert_eq!(world.edges(), ["docs/bus/queue", "docs/veria/api"]);
    let plan = r#"{"fromProject":"veria","toProject":"docs","kind":"secret","proof":{"a":1}}"#;
    world.publish_until("hub.veria.integration.edge", plan, "veria/docs/secret").await;
    world.stop().await;
}

#[tokio::test]
async fn a_project_cannot_declare_edges_of_another() {
    let world = World::with(&["docs", "veria"]).await;
    let spoofed = r#"[{"from":"veria","to":"docs","kind":"spoofed"},{"to":"one"}]"#;
    world.publish_until("hub.edges.docs", spoofed, "docs/one/api").await;
    let in_namespace = r#"[{"fromProject":"veria","toProject":"docs","kind":"spoofed"},{"toProject":"nobody","kind":"spoofed"},{"fromProject":"docs","toProject":"two"}]"#;
    world.publish_until("hub.docs.integration.edge", in_namespace, "docs/two/api").await;
    assert_eq!(world.edges(), ["docs/one/api", "docs/two/api"]);
    assert!(world.refused("spoofed") && world.refused("malformed"));
    world.stop().await;
}

#[tokio::test]
async fn the_plain_subject_is_read_on_a_bus_without_authentication_unless_it_is_off() {
    let plain = r#"{"fromProject":"docs","toProject":"veria"}"#;
    let world = World::with(&["docs"]).await;
    world.publish_until("integration.edge", plain, "docs/veria/api").await;
    world.stop().await;
    let world = World::accepting(PlainSubjects::Off, &["docs"]).await;
    world.publish_until("hub.edges.docs", r#"{"to":"one"}"#, "docs/one/api").await;
    let client = async_nats::connect(world.server.url()).await.unwrap();
    client.publish("integration.edge", plain.into()).await.unwrap();
    client.flush().await.unwrap();
    world.publish_until("hub.edges.docs", r#"{"to":"two"}"#, "docs/two/api").await;
    let refused = async {
        while !world.refused("plain_subject") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, refused).await.expect("the message is not refused");
    assert_eq!(world.edges(), ["docs/one/api", "docs/two/api"]);
    world.stop().await;
}

#[tokio::test]
async fn a_heartbeat_names_projects_that_its_sender_uses() {
    let world = World::with(&["docs"]).await;
    let payload = r#"{"project_slug":"docs","depends_on":["veria","No Slug","docs"]}"#;
    world.publish_until("hub.presence.docs", payload, "docs/veria/api").await;
    assert_eq!(world.edges(), ["docs/veria/api"]);
}
