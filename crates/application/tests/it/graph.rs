//! The graph: queries, claims of each source, and their ageing.

mod claims;
mod model;
mod searches;

use federation_application::{Around, EdgeSelection, GraphError, GraphQuery, ReachDirection};
use federation_domain::{
    Actor, EdgeKey, EdgeKind, EdgeResult, EdgeSource, EdgeWrite, Origin, Source, Strength,
};

use crate::world::{World, registration, seconds, slug};

fn key(text: &str) -> EdgeKey {
    EdgeKey::parse(text).unwrap()
}

fn strength(number: f64) -> Strength {
    Strength::new(number).unwrap()
}

/// Declares edges over the API, each as `from/to/kind` with a strength.
async fn declare(world: &World, edges: &[(&str, f64)]) {
    let at = world.store_time();
    let writes = edges.iter().map(|&(edge, number)| {
        EdgeWrite::declare(key(edge), EdgeSource::Api, strength(number), None, at)
    });
    let results = world.service.graph.write(writes.collect(), true, Actor::API).await.unwrap();
    assert!(results.iter().all(|result| matches!(result, EdgeResult::Stored { .. })));
}

/// Returns the edges of the whole graph as `from/to/kind`, with `!` for stale ones.
fn graph(world: &World) -> Vec<String> {
    let edges = EdgeSelection { stale: true, unresolved: true, ..EdgeSelection::default() };
    let query = GraphQuery { edges, ..GraphQuery::default() };
    let view = world.service.graph.view(&query, 1_000).unwrap();
    let mark = |stale| if stale { "!" } else { "" };
    view.edges.iter().map(|edge| format!("{}{}", edge.key, mark(edge.claims.stale))).collect()
}

fn reached(world: &World, from: &str, direction: ReachDirection) -> Vec<String> {
    let selection = EdgeSelection { unresolved: true, ..EdgeSelection::default() };
    let reach = world.service.graph.reach(&slug(from), direction, &selection, 100).unwrap();
    assert_eq!(reach.total, reach.reached.len());
    let shown = reach.reached.iter().map(|one| {
        let path: Vec<_> = one.path.iter().map(|slug| slug.as_str()).collect();
        format!("{} {} {}", path.join(">"), one.distance, one.weakest)
    });
    shown.collect()
}

#[tokio::test]
async fn impact_follows_the_users_of_a_project_with_one_shortest_path_each() {
    let world = World::with(&["bus", "docs", "portal", "veria", "vault"]).await;
    declare(
        &world,
        &[
            ("docs/veria/api", 0.9),
            ("portal/docs/api", 0.4),
            ("portal/bus/queue", 0.8),
            ("bus/veria/api", 0.7),
            ("veria/vault/secret", 1.0),
        ],
    )
    .await;
    assert_eq!(
        reached(&world, "veria", ReachDirection::Dependents),
        ["docs>veria 1 0.9", "bus>veria 1 0.7", "portal>bus>veria 2 0.7"]
    );
    assert_eq!(
        reached(&world, "portal", ReachDirection::Dependencies),
        [
            "bus>portal 1 0.8",
            "docs>portal 1 0.4",
            "veria>bus>portal 2 0.7",
            "vault>veria>bus>portal 3 0.7"
        ]
    );
    assert_eq!(reached(&world, "portal", ReachDirection::Dependents), Vec::<String>::new());
}

#[tokio::test]
async fn impact_counts_projects_that_are_known_to_be_down() {
    let world = World::with(&["docs", "veria"]).await;
    declare(&world, &[("docs/veria/api", 0.9)]).await;
    let down = || {
        let selection = EdgeSelection::default();
        let graph = &world.service.graph;
        graph.reach(&slug("docs"), ReachDirection::Dependencies, &selection, 10).unwrap().down
    };
    assert_eq!(down(), 0, "the service has not listened long enough");
    world.service.presence.listening().set_link(Source::Nats, true);
    world.listen(seconds(60));
    assert_eq!(down(), 1);
    world.beat("veria").unwrap();
    assert_eq!(down(), 0);
}

#[tokio::test]
async fn a_cycle_is_searched_once_and_listed() {
    let world = World::with(&["a", "b", "c", "d"]).await;
    let edges = [("a/b/api", 0.5), ("b/c/api", 0.5), ("c/a/api", 0.5), ("c/d/api", 0.5)];
    declare(&world, &edges).await;
    assert_eq!(reached(&world, "a", ReachDirection::Dependents).len(), 2);
    let summary = world.service.graph.summary().unwrap();
    let cycles: Vec<Vec<_>> = summary.cycles.first.iter().map(|one| one.first.clone()).collect();
    assert_eq!(cycles, [["a", "b", "c"].map(slug)]);
    assert_eq!((summary.projects, summary.connected, summary.edges), (4, 4, 4));
    let points = summary.single_points.first;
    assert_eq!(points, [(slug("c"), 1)], "d hangs on c alone");
}

#[tokio::test]
async fn a_summary_has_groups_and_the_most_used_projects() {
    let world = World::with(&["a", "b", "c", "d", "e", "f"]).await;
    let edges = [("a/b/api", 0.5), ("a/b/queue", 0.5), ("c/b/api", 0.5), ("d/e/api", 0.5)];
    declare(&world, &edges).await;
    declare(&world, &[("d/ghost/api", 0.5)]).await;
    let summary = world.service.graph.summary().unwrap();
    let groups: Vec<_> = summary.groups.first.iter().map(|group| group.first.clone()).collect();
    assert_eq!(groups, [["a", "b", "c"].map(slug).to_vec(), ["d", "e"].map(slug).to_vec()]);
    assert_eq!(summary.most_used, [(slug("b"), 2), (slug("e"), 1)]);
    assert_eq!(summary.unresolved.first, [(slug("ghost"), 1)]);
    assert_eq!((summary.projects, summary.connected, summary.edges), (6, 5, 4));
    assert_eq!(summary.edges_by_kind, [(EdgeKind::Api, 3), (EdgeKind::Queue, 1)]);
}

#[tokio::test]
async fn the_shortest_path_may_be_weaker_than_the_strongest() {
    let world = World::with(&["a", "b", "c", "d"]).await;
    let edges = [("a/d/api", 0.1), ("a/b/api", 0.9), ("b/c/api", 0.8), ("c/d/api", 0.7)];
    declare(&world, &edges).await;
    declare(&world, &[("c/d/queue", 0.75)]).await;
    let graph = &world.service.graph;
    let paths = graph.paths(&slug("a"), &slug("d"), &EdgeSelection::default()).unwrap().unwrap();
    assert_eq!(
        (paths.shortest.edges, paths.shortest.weakest),
        (vec![key("a/d/api")], strength(0.1))
    );
    assert_eq!(paths.strongest.edges, ["a/b/api", "b/c/api", "c/d/queue"].map(key));
    assert_eq!(paths.strongest.weakest, strength(0.75));
    assert_eq!(graph.paths(&slug("d"), &slug("a"), &EdgeSelection::default()).unwrap(), None);
    let unknown = graph.paths(&slug("a"), &slug("x"), &EdgeSelection::default());
    assert!(matches!(unknown, Err(GraphError::NotFound(_))));
}

#[tokio::test]
async fn a_neighbourhood_has_the_depth_and_direction_asked_for() {
    let world = World::with(&["a", "b", "c", "d", "e"]).await;
    let edges = [("a/b/api", 0.5), ("b/c/api", 0.5), ("c/d/api", 0.5), ("e/b/api", 0.5)];
    declare(&world, &edges).await;
    let around = |center: &str, depth, direction| {
        let around = Some(Around { center: slug(center), depth, direction });
        let query = GraphQuery { around, ..GraphQuery::default() };
        let view = world.service.graph.view(&query, 100).unwrap();
        let nodes: Vec<_> = view.nodes.iter().map(|node| node.slug.to_string()).collect();
        (nodes.join(" "), view.edges.len())
    };
    assert_eq!(around("b", 1, ReachDirection::Both), ("a b c e".into(), 3));
    assert_eq!(around("b", 2, ReachDirection::Dependencies), ("b c d".into(), 2));
    assert_eq!(around("c", 2, ReachDirection::Dependents), ("a b c e".into(), 3));
    assert_eq!(around("b", 9, ReachDirection::Both), ("a b c d e".into(), 4));
}

#[tokio::test]
async fn an_edge_to_an_unknown_project_resolves_itself() {
    let world = World::with(&["docs"]).await;
    declare(&world, &[("docs/veria/api", 0.9)]).await;
    let visible = || world.service.graph.view(&GraphQuery::default(), 10).unwrap().edges.len();
    assert_eq!((visible(), graph(&world)), (0, vec!["docs/veria/api".to_owned()]));
    let unknown = reached(&world, "veria", ReachDirection::Dependents);
    assert_eq!(unknown, ["docs>veria 1 0.9"]);
    world.service.catalog.register(registration("veria"), Origin::Api).await.unwrap();
    assert_eq!(visible(), 1);
}

#[tokio::test]
async fn a_graph_with_too_many_nodes_is_refused() {
    let world = World::with(&["a", "b", "c"]).await;
    let view = |max| world.service.graph.view(&GraphQuery::default(), max);
    assert_eq!(view(3).unwrap().nodes.len(), 3);
    assert!(matches!(view(2), Err(GraphError::TooLarge { max_nodes: 2 })));
    assert!(matches!(
        World::unloaded().graph.view(&GraphQuery::default(), 2),
        Err(GraphError::NotLoaded)
    ));
}

impl World {
    fn store_time(&self) -> time::OffsetDateTime {
        federation_domain::Clock::utc(&*self.clock)
    }
}
