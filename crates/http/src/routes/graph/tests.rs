use std::sync::Arc;
use std::time::Duration;

use actix_web::http::Method;
use actix_web::test::TestRequest;
use federation_application::{GraphQuery, GroupBy};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::params::graph::{GraphFormat, GraphParams};
use crate::testing::{Api, TestResponse, schema};

/// Returns an API with `portal → docs → veria → ghost`, of which `ghost` is not registered.
async fn api() -> Api {
    let api = Api::new().await;
    for slug in ["docs", "portal", "veria"] {
        api.register(slug).await;
    }
    for edge in ["docs/veria/api", "portal/docs/queue", "veria/ghost/secret"] {
        let declared = api.send(Method::PUT, &format!("/api/fed/edges/{edge}")).await;
        assert_eq!(declared.status, 201, "{declared}");
    }
    api
}

fn value(answer: &TestResponse) -> Value {
    assert_eq!(answer.status, 200, "{answer}");
    serde_json::from_str(&answer.body).unwrap()
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect()
}

#[actix_web::test]
async fn the_graph_has_the_shape_of_the_plan() {
    let api = api().await;
    let graph = value(&api.get("/api/fed/graph").await);
    schema::check("Graph", &graph);
    assert_eq!(ids(&graph["nodes"]), ["docs", "portal", "veria"]);
    assert_eq!(ids(&graph["edges"]), ["docs/veria/api", "portal/docs/queue"]);
    assert_eq!(
        graph["nodes"][0],
        json!({
            "id": "docs", "label": "CommandCenter", "tags": ["python", "fastapi", "rag"],
            "risk": null, "status": "offline", "status_known": false, "unresolved": false
        })
    );
    assert_eq!(
        graph["edges"][0],
        json!({
            "id": "docs/veria/api", "from": "docs", "to": "veria", "kind": "api", "strength": 0.5,
            "sources": ["api"], "first_seen_at": "2026-11-24T12:00:00.123456Z",
            "last_seen_at": "2026-11-24T12:00:00.123456Z", "stale": false, "details": null
        })
    );
}

#[actix_web::test]
async fn requests_that_arrive_together_share_one_encoding_until_something_changes() {
    let api = api().await;
    let params = || GraphParams {
        query: GraphQuery::default(),
        group: Some(GroupBy::Tag),
        with_kpis: false,
        format: GraphFormat::Json,
    };
    let graphs = &api.state.graphs;
    let bodies = join_all((0..50).map(|_| graphs.view(params()))).await;
    let bodies: Vec<_> = bodies.into_iter().map(Result::unwrap).collect();
    assert!(bodies.iter().all(|body| Arc::ptr_eq(body, &bodies[0])));
    api.clock.advance(Duration::from_millis(999));
    assert!(Arc::ptr_eq(&graphs.view(params()).await.unwrap(), &bodies[0]));
    api.send(Method::PUT, "/api/fed/edges/docs/ghost/api").await;
    assert!(!Arc::ptr_eq(&graphs.view(params()).await.unwrap(), &bodies[0]), "an edge is new");
}

#[actix_web::test]
async fn filters_select_projects_and_edges() {
    let api = api().await;
    let edges = async |query: &str| {
        let graph = value(&api.get(&format!("/api/fed/graph?{query}")).await);
        ids(&graph["edges"]).join(" ")
    };
    assert_eq!(edges("kind=queue").await, "portal/docs/queue");
    assert_eq!(edges("min_strength=0.6").await, "");
    assert_eq!(edges("source=file").await, "");
    assert_eq!(edges("status=online").await, "");
    let all = "docs/veria/api portal/docs/queue veria/ghost/secret";
    assert_eq!(edges("include=unresolved").await, all);
    assert_eq!(edges("around=portal").await, "portal/docs/queue");
    assert_eq!(
        edges("around=portal&depth=2&direction=out").await,
        "docs/veria/api portal/docs/queue"
    );
    assert_eq!(edges("around=portal&direction=in").await, "");
    assert_eq!(api.get("/api/fed/graph?around=x").await.status, 404);
    assert_eq!(api.get("/api/fed/graph?kind=A").await.status, 422);
}

#[actix_web::test]
async fn a_client_that_holds_the_graph_gets_304_until_it_changes() {
    let api = api().await;
    let tag = api.get("/api/fed/graph").await.tag();
    let held = async || {
        let request = TestRequest::get().uri("/api/fed/graph");
        api.call(request.insert_header(("if-none-match", tag.as_str()))).await
    };
    let same = held().await;
    assert_eq!((same.status, same.body.as_str()), (304, ""), "{same}");
    assert_eq!(same.header("vary"), Some("accept, accept-encoding"));
    api.send(Method::DELETE, "/api/fed/edges/docs/veria/api").await;
    assert_eq!(held().await.status, 200, "an edge was removed");
}

#[actix_web::test]
async fn the_format_follows_the_parameter_or_accept() {
    let api = api().await;
    let by_parameter = api.get("/api/fed/graph?format=mermaid").await;
    assert_eq!(by_parameter.header("content-type"), Some("text/vnd.mermaid; charset=utf-8"));
    assert!(by_parameter.body.starts_with("flowchart LR\n  n0[\"CommandCenter\"]:::unknown\n"));
    let request = TestRequest::get().uri("/api/fed/graph");
    let dot = api.call(request.insert_header(("accept", "text/vnd.graphviz"))).await;
    assert!(dot.body.contains("\"docs\" -> \"veria\" [label=\"api\""), "{dot}");
    let graphml = api.get("/api/fed/graph?format=graphml").await;
    assert_eq!(graphml.header("content-type"), Some("application/graphml+xml"));
}

#[actix_web::test]
async fn impact_and_dependencies_name_a_path_to_each_project() {
    let api = api().await;
    api.listen(Duration::from_secs(60)).await;
    let impact = value(&api.get("/api/fed/projects/veria/impact").await);
    schema::check("Reach", &impact);
    assert_eq!(ids(&impact["projects"]), ["docs", "portal"]);
    assert_eq!(impact["projects"][1]["path"], json!(["portal", "docs", "veria"]));
    assert_eq!((&impact["total"], &impact["down"]), (&json!(2), &json!(2)));
    let needs = value(&api.get("/api/fed/projects/portal/dependencies?limit=2").await);
    assert_eq!(ids(&needs["projects"]), ["docs", "veria"]);
    assert_eq!(needs["total"], 3);
    let unknown = value(&api.get("/api/fed/projects/ghost/impact").await);
    assert_eq!((ids(&unknown["projects"]).len(), &unknown["status"]), (3, &Value::Null));
    assert_eq!(api.get("/api/fed/projects/nobody/impact").await.status, 404);
    assert_eq!(api.get("/api/fed/projects/veria/impact?limit=0").await.status, 422);
}

#[actix_web::test]
async fn a_path_is_found_or_said_to_be_missing() {
    let api = api().await;
    let paths = value(&api.get("/api/fed/graph/path?from=portal&to=veria").await);
    schema::check("GraphPaths", &paths);
    assert_eq!(paths["shortest"]["projects"], json!(["portal", "docs", "veria"]));
    assert_eq!(paths["strongest"]["edges"], json!(["portal/docs/queue", "docs/veria/api"]));
    insta::assert_snapshot!(api.get("/api/fed/graph/path?from=veria&to=portal").await, @r#"
    404
    content-type: application/problem+json
    {"title":"Not Found","status":404,"detail":"Project 'veria' does not use project 'portal', directly or through others"}
    "#);
    assert_eq!(api.get("/api/fed/graph/path?from=veria").await.status, 422);
}

#[actix_web::test]
async fn the_summary_describes_the_whole_graph() {
    let summary = value(&api().await.get("/api/fed/graph/summary").await);
    schema::check("GraphSummary", &summary);
    assert_eq!((&summary["projects"], &summary["edges"]), (&json!(3), &json!(2)));
    assert_eq!(summary["unresolved"], json!([{"project": "ghost", "used_by": 1}]));
    assert_eq!(summary["single_points_of_failure"], json!([{"project": "docs", "used_by": 1}]));
}

#[actix_web::test]
async fn the_graph_is_answered_without_the_store_but_not_before_it_is_loaded() {
    let api = api().await;
    api.lose_store();
    for path in ["graph", "graph/summary", "edges", "projects/veria/impact"] {
        let path = format!("/api/fed/{path}");
        assert_eq!(api.get(&path).await.status, 200, "{path}");
        assert_eq!(Api::not_loaded().get(&path).await.status, 503, "{path}");
    }
}

#[actix_web::test]
async fn a_graph_with_too_many_projects_needs_a_filter() {
    let mut api = api().await;
    api.state = api.state.clone().with_graph_max_nodes(2).into();
    insta::assert_snapshot!(api.get("/api/fed/graph").await, @r#"
    422
    content-type: application/problem+json
    {"title":"Unprocessable Entity","status":422,"detail":"the graph has more than 2 nodes: expected a smaller part, got all of it; filter it by status or tag, request the neighbourhood of a project with around, or groups with group=tag or group=mesh_namespace"}
    "#);
    assert_eq!(api.get("/api/fed/graph?around=veria").await.status, 200);
}

#[actix_web::test]
async fn a_node_has_the_risk_of_its_project_and_on_request_its_key_figures() {
    let api = api().await;
    let metrics = r#"{"metrics":{"audit.fail_count":2}}"#;
    assert_eq!(api.post("/api/fed/projects/docs/metrics", metrics).await.status, 204);
    let graph = value(&api.get("/api/fed/graph?source=api").await);
    assert_eq!(
        (&graph["nodes"][0]["risk"], &graph["nodes"][1]["risk"]),
        (&json!(10), &Value::Null)
    );
    assert_eq!(graph["nodes"][0].get("kpis"), None);
    let graph = value(&api.get("/api/fed/graph?include=kpis,unresolved").await);
    schema::check("Graph", &graph);
    assert_eq!(graph["nodes"][0]["kpis"]["audits_fail"], 2);
    assert_eq!(graph["nodes"][1]["id"], "ghost");
    assert_eq!(graph["nodes"][1].get("kpis"), None);
    let off = Api { state: api.state.clone().with_series(None).into(), ..api };
    assert_eq!(off.get("/api/fed/graph?include=kpis").await.status, 404);
}

#[actix_web::test]
async fn a_graph_that_is_too_large_is_returned_as_groups() {
    let mut api = api().await;
    api.state = api.state.clone().with_graph_max_nodes(2).into();
    let refused = api.get("/api/fed/graph").await;
    assert_eq!(refused.status, 422);
    assert!(refused.body.contains("group=tag"), "{refused}");
    let groups = value(&api.get("/api/fed/graph?group=tag&include=unresolved").await);
    schema::check("GroupedGraph", &groups);
    assert_eq!(
        groups,
        json!({
            "group": "tag",
            "nodes": [
                {
                    "id": "tag:python", "label": "python", "projects": 3,
                    "statuses": {"online": 0, "degraded": 0, "offline": 0, "unknown": 3},
                    "edges_within": 2, "unresolved": false
                },
                {
                    "id": "unresolved", "label": "not registered", "projects": 1,
                    "statuses": {"online": 0, "degraded": 0, "offline": 0, "unknown": 1},
                    "edges_within": 0, "unresolved": true
                }
            ],
            "edges": [{
                "id": "tag:python/unresolved", "from": "tag:python", "to": "unresolved", "edges": 1,
                "strength": 0.5, "stale": false
            }]
        })
    );
    let drawn = api.get("/api/fed/graph?group=mesh_namespace&format=mermaid").await;
    assert!(drawn.body.contains("hub#46;commandcenter #40;3 unknown#41;"), "{drawn}");
    assert_eq!(api.get("/api/fed/graph?group=tag&around=docs").await.status, 422);
    assert_eq!(api.get("/api/fed/graph?group=status").await.status, 422);
}
