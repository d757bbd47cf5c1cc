//! Claims of each source, their ageing, outages and replicas.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use federation_application::{EdgeKeeper, EdgeObserver, GraphQuery, ObservedEdge};
use federation_domain::{
    Actor, DeclaredEdge, EdgeKind, EdgeSource, EdgeWrite, Origin, Precondition, Source,
};

use super::{declare, graph, key, strength};
use crate::world::{Setting, World, registration, seconds, slug};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn observed(to: &str, number: f64) -> ObservedEdge {
    ObservedEdge { to: slug(to), kind: EdgeKind::Api, strength: strength(number), details: None }
}

struct Keeping {
    observer: EdgeObserver,
    keeper: EdgeKeeper,
}

impl Keeping {
    fn of(world: &World) -> Self {
        let (observer, keeper) = world.service.edge_keeper();
        Self { observer, keeper }
    }

    async fn observe(&mut self, from: &str, to: &str) {
        self.observer.observe(slug(from), vec![observed(to, 0.5)]);
        self.keeper.step().await.unwrap();
    }
}

impl World {
    async fn observe_secret(&self, keeping: &mut Keeping) {
        let edge = ObservedEdge { kind: EdgeKind::Secret, ..observed("veria", 0.5) };
        keeping.observer.observe(slug("docs"), vec![edge]);
        keeping.keeper.step().await.unwrap();
    }
}

#[tokio::test]
async fn the_edges_of_a_project_return_with_it_except_observations() {
    let world = World::with(&["docs", "veria"]).await;
    let mut keeping = Keeping::of(&world);
    declare(&world, &[("docs/veria/api", 0.9)]).await;
    let file =
        DeclaredEdge { key: key("docs/veria/queue"), strength: strength(0.5), details: None };
    let projects = BTreeSet::from([slug("docs")]);
    world.service.graph.apply_file(&projects, &[file]).await.unwrap();
    world.observe_secret(&mut keeping).await;
    assert_eq!(graph(&world), ["docs/veria/api", "docs/veria/queue", "docs/veria/secret"]);
    world.sleep(seconds(1));
    world.service.catalog.remove(&slug("docs"), Precondition::Always, Actor::API).await.unwrap();
    assert_eq!(graph(&world), Vec::<String>::new());
    world.sleep(seconds(1));
    world.service.catalog.register(registration("docs"), Origin::Api).await.unwrap();
    assert_eq!(graph(&world), ["docs/veria/api", "docs/veria/queue"]);
    world.sleep(seconds(1));
    world.observe_secret(&mut keeping).await;
    assert_eq!(graph(&world).len(), 3, "it is observed again");
    let restarted = world.restarted().await;
    assert_eq!(graph(&restarted).len(), 3, "the new observation is stored");
}

#[tokio::test]
async fn the_file_replaces_only_the_edges_that_it_claimed() {
    let world = World::with(&["a", "b", "c"]).await;
    declare(&world, &[("a/b/api", 0.9)]).await;
    let edges = |keys: &[&str]| {
        let edge =
            |text: &&str| DeclaredEdge { key: key(text), strength: strength(0.5), details: None };
        keys.iter().map(edge).collect::<Vec<_>>()
    };
    let graph_of = &world.service.graph;
    let (a, both) = (BTreeSet::from([slug("a")]), BTreeSet::from(["a", "b"].map(slug)));
    let first = graph_of.apply_file(&both, &edges(&["a/b/api", "a/c/api", "b/c/api"])).await;
    assert_eq!(first.unwrap().declared, 3);
    let second = graph_of.apply_file(&a, &edges(&["a/c/api"])).await.unwrap();
    assert_eq!((second.declared, second.withdrawn), (0, 1));
    assert_eq!(
        graph(&world),
        ["a/b/api", "a/c/api", "b/c/api"],
        "the API and b still claim theirs"
    );
    let third = graph_of.apply_file(&both, &[]).await.unwrap();
    assert_eq!((third.withdrawn, graph(&world)), (2, vec!["a/b/api".to_owned()]));
}

#[tokio::test]
async fn a_repeated_observation_is_written_once_an_hour() {
    let world = World::with(&["a", "b"]).await;
    let mut keeping = Keeping::of(&world);
    keeping.observe("a", "b").await;
    let stored = || async { world.stored_edges().await };
    let first = stored().await;
    for _ in 0..5 {
        world.listen(seconds(600));
        keeping.observe("a", "b").await;
    }
    assert_eq!(stored().await, first, "50 minutes are not an hour");
    world.listen(seconds(600));
    keeping.observe("a", "b").await;
    assert!(stored().await[0].last_seen_at > first[0].last_seen_at);
    assert_eq!(world.edge_entries().await, ["declared"]);
}

#[tokio::test]
async fn an_observed_edge_is_stale_after_a_day_and_gone_after_a_week_of_listening() {
    let world = World::with(&["a", "b"]).await;
    let mut keeping = Keeping::of(&world);
    keeping.observe("a", "b").await;
    declare(&world, &[("b/a/api", 0.5)]).await;
    world.listen_coarsely(DAY - seconds(60));
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&world), ["a/b/api", "b/a/api"]);
    world.listen_coarsely(seconds(120));
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&world), ["a/b/api!", "b/a/api"]);
    world.sleep(10 * DAY);
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&world), ["a/b/api!", "b/a/api"], "a deaf time does not count");
    keeping.observe("a", "b").await;
    assert_eq!(graph(&world), ["a/b/api", "b/a/api"], "it is seen again");
    world.listen_coarsely(7 * DAY + seconds(60));
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&world), ["b/a/api"], "a declaration does not age");
    assert_eq!(
        world.edge_entries().await,
        ["declared", "declared", "stale", "declared", "expired"]
    );
}

#[tokio::test]
async fn an_edge_ages_across_restarts_by_listened_time_only() {
    let world = World::with(&["a", "b"]).await;
    let mut keeping = Keeping::of(&world);
    keeping.observe("a", "b").await;
    world.listen_coarsely(DAY / 2);
    world.writer.checkpoint().await.unwrap();
    world.sleep(3 * DAY);
    let second = world.restarted().await;
    let mut keeping = Keeping::of(&second);
    second.listen_coarsely(DAY / 2 - seconds(300));
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&second), ["a/b/api"], "three days were not listened to");
    second.listen_coarsely(seconds(600));
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&second), ["a/b/api!"]);
}

#[tokio::test]
async fn observations_wait_in_memory_while_the_store_is_away() {
    let world = World::with(&["a", "b", "c"]).await;
    let mut keeping = Keeping::of(&world);
    world.store.set_available(false);
    keeping.observer.observe(slug("a"), vec![observed("b", 0.5), observed("c", 0.5)]);
    assert!(keeping.keeper.step().await.is_err());
    let writes = vec![EdgeWrite::declare(
        key("b/c/api"),
        EdgeSource::Api,
        strength(0.5),
        None,
        world.store_time(),
    )];
    assert!(world.service.graph.write(writes, true, Actor::API).await.is_err());
    assert_eq!(graph(&world), Vec::<String>::new(), "what is not stored is not shown");
    world.store.set_available(true);
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&world), ["a/b/api", "a/c/api"]);
}

#[tokio::test]
async fn observations_of_unknown_projects_and_of_a_project_by_itself_are_refused() {
    let world = World::with(&["a"]).await;
    let mut keeping = Keeping::of(&world);
    keeping.observe("ghost", "a").await;
    keeping.observe("a", "a").await;
    assert_eq!(graph(&world), Vec::<String>::new());
    let metrics = world.service.metrics.encode().unwrap();
    for reason in ["unknown_project", "to_itself"] {
        let line = format!("federation_edges_refused_total{{reason=\"{reason}\"}} 1");
        assert!(metrics.contains(&line), "{metrics}");
    }
}

#[tokio::test]
async fn observations_that_contradict_each_other_are_written_every_ten_seconds() {
    let world = World::with(&["a", "b"]).await;
    let mut keeping = Keeping::of(&world);
    for round in 0..100_u32 {
        let number = f64::from(round % 2);
        keeping.observer.observe(slug("a"), vec![observed("b", number)]);
        keeping.keeper.step().await.unwrap();
        world.listen(Duration::from_millis(250));
    }
    let entries = world.edge_entries().await.len();
    assert!((2..=4).contains(&entries), "{entries} entries in 25 s");
}

#[tokio::test]
async fn a_replica_follows_the_edges_of_another() {
    let one = World::with(&["a", "b"]).await;
    let setting = Setting { shared_store: true };
    let two = World::on(Arc::clone(&one.store), Arc::clone(&one.clock), setting).await;
    declare(&one, &[("a/b/api", 0.5), ("b/a/api", 0.5)]).await;
    two.follower.follow().await.unwrap();
    assert_eq!(graph(&two), ["a/b/api", "b/a/api"]);
    let withdrawal = EdgeWrite::withdraw(key("a/b/api"), EdgeSource::Api, two.store_time());
    two.service.graph.write(vec![withdrawal], true, Actor::API).await.unwrap();
    one.follower.follow().await.unwrap();
    assert_eq!((graph(&one), graph(&two)), (vec!["b/a/api".into()], vec!["b/a/api".to_owned()]));
}

#[tokio::test]
async fn a_replica_that_observes_an_edge_keeps_it_against_one_that_does_not() {
    let one = World::with(&["a", "b"]).await;
    let two =
        World::on(Arc::clone(&one.store), Arc::clone(&one.clock), Setting { shared_store: true })
            .await;
    let (mut first, mut second) = (Keeping::of(&one), Keeping::of(&two));
    first.observe("a", "b").await;
    two.follower.follow().await.unwrap();
    for _ in 0..25 {
        one.listen_coarsely(seconds(3_600));
        two.prove(Source::Nats, true);
        first.observe("a", "b").await;
        two.follower.follow().await.unwrap();
        second.keeper.step().await.unwrap();
    }
    assert_eq!(graph(&one), ["a/b/api"]);
    assert_eq!(one.edge_entries().await, ["declared"]);
}

#[tokio::test]
async fn a_restart_neither_invents_nor_loses_an_edge() {
    let world = World::with(&["a", "b", "c"]).await;
    let mut keeping = Keeping::of(&world);
    declare(&world, &[("a/b/api", 0.5), ("a/c/queue", 0.25)]).await;
    keeping.observe("b", "c").await;
    let restarted = world.restarted().await;
    let edges = |world: &World| {
        let query = GraphQuery::default();
        world.service.graph.view(&query, 100).unwrap().edges
    };
    assert_eq!(edges(&restarted), edges(&world));
    assert_eq!(edges(&restarted).len(), 3);
}

#[tokio::test]
async fn an_edge_that_the_store_rejects_holds_up_no_other_and_is_not_retried_each_second() {
    let world = World::with(&["a", "b", "c"]).await;
    let mut keeping = Keeping::of(&world);
    world.store.reject(&slug("b"));
    for from in ["a", "b", "c"] {
        keeping.observer.observe(slug(from), vec![observed("x", 0.5)]);
    }
    keeping.keeper.step().await.unwrap();
    assert_eq!(graph(&world), ["a/x/api", "c/x/api"]);
    let refused = "federation_edges_refused_total{reason=\"rejected\"} 1";
    let metrics = || world.service.metrics.encode().unwrap();
    assert!(metrics().contains(refused), "{}", metrics());
    world.store.reject_none();
    keeping.observe("b", "x").await;
    assert_eq!(graph(&world), ["a/x/api", "c/x/api"], "not within an hour");
    world.sleep(Duration::from_secs(60 * 60));
    keeping.observe("b", "x").await;
    assert_eq!(graph(&world), ["a/x/api", "b/x/api", "c/x/api"]);
}
