//! Tests of filters, order, pages and fields.

use std::time::Duration;

use actix_web::http::Method;
use serde_json::Value;

use super::slugs as listed;
use crate::testing::{Api, TestResponse};

pub(super) const PATH: &str = "/api/fed/projects";

async fn register(api: &Api, slug: &str, name: &str, tags: &[&str]) {
    let body = serde_json::json!({
        "slug": slug, "name": name, "hub_url": "http://localhost:8000",
        "mesh_namespace": format!("hub.{slug}"), "tags": tags,
    });
    let answer = api.post(PATH, body.to_string()).await;
    assert_eq!(answer.status, 201, "{answer}");
    api.clock.advance(Duration::from_secs(1));
}

/// Returns an API with four projects, registered a second apart. Two have sent a heartbeat.
pub(super) async fn fleet() -> Api {
    let api = Api::new().await;
    register(&api, "delta", "Kommando", &["python", "rag"]).await;
    register(&api, "alpha", "Zürich Hub", &["python"]).await;
    register(&api, "charlie", "archive", &["rust", "a,b &+%"]).await;
    register(&api, "bravo", "Archive", &[]).await;
    api.post(&format!("{PATH}/charlie/heartbeat"), "").await;
    api.clock.advance(Duration::from_secs(1));
    api.post(&format!("{PATH}/alpha/heartbeat"), r#"{"status":"degraded"}"#).await;
    api
}

fn slugs(answer: &TestResponse) -> Vec<String> {
    assert_eq!(answer.status, 200, "{answer}");
    let projects: Vec<Value> = serde_json::from_str(&answer.body).unwrap();
    projects.iter().map(|project| project["slug"].as_str().unwrap().to_owned()).collect()
}

async fn list(api: &Api, query: &str) -> Vec<String> {
    slugs(&api.get(&format!("{PATH}?{query}")).await)
}

/// Returns the target of a link.
pub(super) fn link(answer: &TestResponse, rel: &str) -> Option<String> {
    let ending = format!(">; rel=\"{rel}\"");
    let links = answer.header("link")?.split(", ");
    let found = links.filter_map(|link| link.strip_prefix('<')?.strip_suffix(&ending));
    found.map(str::to_owned).next()
}

/// Follows the links from page to page and returns the slugs of each.
async fn pages(api: &Api, query: &str) -> Vec<Vec<String>> {
    let (mut pages, mut path) = (Vec::new(), format!("{PATH}?{query}"));
    loop {
        let answer = api.get(&path).await;
        pages.push(slugs(&answer));
        let Some(next) = link(&answer, "next") else { return pages };
        path = next;
    }
}

#[actix_web::test]
async fn several_statuses_are_comma_separated_or_repeated() {
    let api = fleet().await;
    for query in
        ["status=online,degraded", "status=degraded&status=online", "status=online%2Cdegraded"]
    {
        assert_eq!(list(&api, query).await, ["alpha", "charlie"], "{query}");
    }
    assert_eq!(list(&api, "status=online&status=online").await, ["charlie"]);
    assert_eq!(list(&api, "status=online,degraded,offline").await.len(), 4);
}

#[actix_web::test]
async fn tags_select_projects_with_all_or_any_of_them() {
    let api = fleet().await;
    assert_eq!(list(&api, "tag=python").await, ["delta", "alpha"]);
    assert_eq!(list(&api, "tag=python&tag=rag").await, ["delta"]);
    assert_eq!(list(&api, "any_tag=rust&any_tag=rag").await, ["delta", "charlie"]);
    assert_eq!(list(&api, "tag=a%2Cb+%26%2B%25").await, ["charlie"]);
    assert!(list(&api, "tag=Python").await.is_empty());
    assert_eq!(list(&api, "tag=python&any_tag=rag&status=offline").await, ["delta"]);
}

#[actix_web::test]
async fn a_text_is_searched_in_slugs_and_names() {
    let api = fleet().await;
    assert_eq!(list(&api, "q=ARCH").await, ["charlie", "bravo"]);
    assert_eq!(list(&api, "q=Z%C3%9CR").await, ["alpha"]);
    assert_eq!(list(&api, "q=avo").await, ["bravo"]);
    assert_eq!(list(&api, "q=h+h").await, ["alpha"]);
}

#[actix_web::test]
async fn updated_since_selects_projects_that_changed_since_then() {
    let api = fleet().await;
    // The statuses of alpha and charlie changed after their registration.
    for since in ["2026-11-24T12:00:03.123456Z", "2026-11-24T13:00:03.123456%2B01:00"] {
        let query = format!("updated_since={since}");
        assert_eq!(list(&api, &query).await, ["alpha", "charlie", "bravo"], "{since}");
    }
    assert!(
        !list(&api, "updated_since=2026-11-24T12:00:03.123457Z").await.contains(&"bravo".into())
    );
    assert_eq!(list(&api, "updated_since=0000-01-01T00:00:00%2B23:59").await.len(), 4);
    assert!(list(&api, "updated_since=9999-12-31T23:59:59-23:59").await.is_empty());
}

#[actix_web::test]
async fn a_list_is_in_the_requested_order() {
    let api = fleet().await;
    for (sort, expected) in [
        ("id", ["delta", "alpha", "charlie", "bravo"]),
        ("-id", ["bravo", "charlie", "alpha", "delta"]),
        ("slug", ["alpha", "bravo", "charlie", "delta"]),
        ("name", ["bravo", "delta", "alpha", "charlie"]),
        ("status", ["charlie", "alpha", "delta", "bravo"]),
        ("-status", ["delta", "bravo", "alpha", "charlie"]),
        ("last_heartbeat_at", ["charlie", "alpha", "delta", "bravo"]),
        ("-last_heartbeat_at", ["alpha", "charlie", "delta", "bravo"]),
        ("-created_at", ["bravo", "charlie", "alpha", "delta"]),
        ("-updated_at", ["alpha", "charlie", "bravo", "delta"]),
    ] {
        assert_eq!(list(&api, &format!("sort={sort}")).await, expected, "{sort}");
        let paged = pages(&api, &format!("sort={sort}&limit=1")).await.concat();
        assert_eq!(paged, expected, "{sort} in pages");
    }
}

#[actix_web::test]
async fn a_page_links_to_the_next_page_and_to_the_first() {
    let api = fleet().await;
    let path =
        format!("{PATH}?fields=slug&x=y&sort=-slug&limit=3&tag=python&tag=rag&status=offline");
    insta::assert_snapshot!(api.get(&path).await, @r#"
    200
    content-type: application/json
    link: </api/fed/projects?status=offline&tag=python&tag=rag&sort=-slug&fields=slug&limit=3>; rel="first"
    [{"slug":"delta"}]
    "#);
    let first = api.get(&format!("{PATH}?fields=slug&limit=3")).await;
    insta::assert_snapshot!(first, @r#"
    200
    content-type: application/json
    link: </api/fed/projects?fields=slug&limit=3&cursor=AS0GgAU405TCAAAAAAAAAANp>; rel="next", </api/fed/projects?fields=slug&limit=3>; rel="first"
    [{"slug":"delta"},{"slug":"alpha"},{"slug":"charlie"}]
    "#);
    insta::assert_snapshot!(api.get(&link(&first, "next").unwrap()).await, @r#"
    200
    content-type: application/json
    link: </api/fed/projects?fields=slug&limit=3>; rel="first"
    [{"slug":"bravo"}]
    "#);
    assert_eq!(api.get(&link(&first, "first").unwrap()).await.body, first.body);
}

#[actix_web::test]
async fn a_page_links_to_a_next_page_only_if_there_is_one() {
    let api = fleet().await;
    for sort in ["id", "slug"] {
        for (limit, sizes) in [(1, vec![1; 4]), (2, vec![2, 2]), (3, vec![3, 1]), (4, vec![4])] {
            let pages = pages(&api, &format!("sort={sort}&limit={limit}")).await;
            assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{sort}");
        }
    }
    assert_eq!(pages(&api, "limit=1&status=online").await, [["charlie"]]);
    assert_eq!(pages(&api, "limit=5&q=nothing").await, [[""; 0]]);
    assert_eq!(api.get(PATH).await.header("link"), None);
}

#[actix_web::test]
async fn an_unchanged_project_is_on_one_page_while_others_come_and_go() {
    let api = fleet().await;
    for sort in ["slug", "-slug", "id", "-id", "-created_at"] {
        let (mut seen, mut path) = (Vec::new(), format!("{PATH}?sort={sort}&limit=1"));
        for turn in 0.. {
            let answer = api.get(&path).await;
            seen.extend(slugs(&answer));
            // Add a project at each end, and remove the last one shown if it was added here.
            for slug in [format!("0{turn}"), format!("z{turn}")] {
                register(&api, &slug, "passing", &[]).await;
            }
            let gone = seen.last().unwrap().clone();
            if gone.starts_with(['0', 'z']) {
                api.send(Method::DELETE, &format!("{PATH}/{gone}")).await;
            }
            let Some(next) = link(&answer, "next") else { break };
            path = next;
            assert!(turn < 30, "{sort}: {seen:?}");
            if seen.len() > 12 {
                break;
            }
        }
        for slug in ["alpha", "bravo", "charlie", "delta"] {
            let times = seen.iter().filter(|one| *one == slug).count();
            assert_eq!(times, 1, "{sort}: {slug} in {seen:?}");
        }
        for slug in list(&api, "q=passing").await {
            api.send(Method::DELETE, &format!("{PATH}/{slug}")).await;
        }
    }
}

#[actix_web::test]
async fn a_cursor_without_a_limit_returns_the_rest_of_the_list() {
    let api = fleet().await;
    let next = link(&api.get(&format!("{PATH}?limit=1")).await, "next").unwrap();
    let rest = api.get(&next.replace("limit=1&", "")).await;
    assert_eq!(slugs(&rest), ["alpha", "charlie", "bravo"]);
    assert_eq!(rest.header("link"), None);
    let larger = api.get(&next.replace("limit=1&", "limit=2&fields=slug&")).await;
    assert_eq!(larger.body, r#"[{"slug":"alpha"},{"slug":"charlie"}]"#);
}

#[actix_web::test]
async fn fields_reduce_lists_and_single_projects() {
    let api = fleet().await;
    let answer = api.get(&format!("{PATH}?status=online&fields=status,slug,tags")).await;
    assert_eq!(answer.body, r#"[{"slug":"charlie","status":"online","tags":["rust","a,b &+%"]}]"#);
    let one = api.get(&format!("{PATH}/delta?fields=status_known,id")).await;
    assert_eq!(one.body, r#"{"id":1,"status_known":false}"#);
    let whole = api.get(&format!("{PATH}/delta")).await;
    let all = crate::wire::project::fields::Fields::KEYS.join(",");
    assert_eq!(api.get(&format!("{PATH}/delta?fields={all}")).await.body, whole.body);
    assert_eq!(api.get(&format!("{PATH}?fields={all}")).await.body, api.get(PATH).await.body);
}

#[actix_web::test]
async fn projects_are_sorted_by_their_risk_and_by_key_figures() {
    let api = Api::new().await;
    for slug in ["a", "b", "c", "d"] {
        api.register(slug).await;
    }
    for (slug, fails) in [("a", 1), ("b", 3), ("d", 3)] {
        let metrics = format!(r#"{{"metrics":{{"audit.fail_count":{fails}}}}}"#);
        let sent = api.post(&format!("/api/fed/projects/{slug}/metrics"), metrics).await;
        assert_eq!(sent.status, 204);
    }
    assert_eq!(listed(&api, "?sort=-risk").await, ["b", "d", "a", "c"], "c has no risk");
    assert_eq!(listed(&api, "?sort=risk").await, ["a", "b", "d", "c"]);
    assert_eq!(listed(&api, "?sort=-kpis.audits_fail&status=offline").await, ["b", "d", "a", "c"]);
    assert_eq!(listed(&api, "?sort=-kpis.coverage_percent").await, ["a", "b", "c", "d"]);
    assert_eq!(listed(&api, "?min_risk=6").await, ["b", "d"]);
    assert_eq!(listed(&api, "?min_risk=6&sort=-risk&status=online").await, [""; 0]);
    assert_eq!(listed(&api, "?min_risk=100").await, [""; 0]);
    let first = api.get("/api/fed/projects?sort=-risk&limit=3&fields=slug").await;
    assert_eq!(first.body, r#"[{"slug":"b"},{"slug":"d"},{"slug":"a"}]"#);
    let link = first.header("link").unwrap();
    let next = link.split(['<', '>']).nth(1).unwrap();
    assert_eq!(api.get(next).await.body, r#"[{"slug":"c"}]"#);
    for bad in ["sort=kpis.x", "sort=-kpis", "min_risk=101", "min_risk=1&sort=name"] {
        assert_eq!(api.get(&format!("/api/fed/projects?{bad}")).await.status, 422, "{bad}");
    }
    let off = Api { state: api.state.clone().with_series(None).into(), ..api };
    assert_eq!(off.get("/api/fed/projects?sort=-risk").await.status, 404);
}
