use actix_web::http::Method;
use actix_web::http::header::ACCEPT_ENCODING;
use actix_web::test::TestRequest;
use actix_web::web::Bytes;
use federation_application::{ProjectQuery, ProjectState, Sort};
use federation_domain::{Origin, Project, Registration, RegistrationDraft};
use futures_util::StreamExt as _;
use futures_util::future::join_all;

use super::writer::{PART_BYTES, SMALL_PART_BYTES};
use super::*;
use crate::testing::Api;
use crate::wire::project::body::ProjectBody;

/// Returns lists that are streamed if they exceed 1,000 bytes.
pub(crate) fn lists_with_short_limit(api: &Api) -> Arc<Lists> {
    Arc::new(with_limit(api, 1_000))
}

/// Returns lists of at most 1 MiB with this memory.
fn lists_with_memory(api: &Api, bytes: usize) -> Arc<Lists> {
    let lists = with_limit(api, 1024 * 1024);
    Arc::new(Lists { memory: ListMemory::of(bytes), ..lists })
}

fn with_limit(api: &Api, max_whole_bytes: usize) -> Lists {
    let lists = Lists::new(
        api.service.catalog.clone(),
        api.service.presence.clone(),
        api.service.instances.clone(),
    );
    Lists { max_whole_bytes, ..lists }
}

async fn whole(api: &Api, status: Option<ProjectStatus>) -> Bytes {
    match api.state.lists.list(&ListQuery::of_status(status)).await {
        Ok(PreparedList::Whole(list)) => list.json().clone(),
        _ => panic!("expected a whole list"),
    }
}

#[actix_web::test]
async fn concurrent_requests_share_one_list() {
    let api = Api::new().await;
    api.register("a").await;
    let lists = join_all((0..16).map(|_| whole(&api, None))).await;
    assert!(lists.iter().all(|list| list.as_ptr() == lists[0].as_ptr()), "the list was copied");
    api.post("/api/fed/projects/a/heartbeat", "").await;
    let newer = join_all((0..16).map(|_| whole(&api, None))).await;
    assert!(newer.iter().all(|list| list.as_ptr() == newer[0].as_ptr() && *list != lists[0]));
}

#[actix_web::test]
async fn a_heartbeat_that_changes_no_status_does_not_have_the_list_encoded_again() {
    let api = Api::new().await;
    api.register("a").await;
    let beat = async || api.post("/api/fed/projects/a/heartbeat", "").await;
    beat().await;
    let list = whole(&api, None).await;
    for _ in 0..3 {
        beat().await;
        assert_eq!(whole(&api, None).await.as_ptr(), list.as_ptr(), "the list was encoded again");
    }
}

#[actix_web::test]
async fn a_client_that_disconnects_does_not_abort_the_list_for_others() {
    let api = Api::new().await;
    api.register("a").await;
    let gone = tokio::time::timeout(Duration::ZERO, whole(&api, None));
    let (_, list) = tokio::join!(gone, whole(&api, None));
    assert!(list.starts_with(b"[{"));
}

#[actix_web::test]
async fn each_status_has_its_own_cached_list() {
    let api = Api::new().await;
    api.register("a").await;
    let filters = || ProjectStatus::ALL.map(Some).into_iter().chain([None]);
    for _ in 0..2 {
        let lists = join_all(filters().map(|status| whole(&api, status))).await;
        let empty: Vec<bool> = lists.iter().map(|list| &list[..] == b"[]").collect();
        assert_eq!(empty, [true, true, false, false]);
    }
}

pub(crate) fn registration(number: usize) -> Registration {
    let draft = RegistrationDraft {
        slug: format!("p{number}"),
        name: format!("Project {number}"),
        hub_url: "http://localhost:8000".to_owned(),
        mesh_namespace: "hub.p".to_owned(),
        tags: Vec::new(),
        heartbeat_interval_seconds: None,
        allow_fanout: None,
    };
    draft.parse().unwrap()
}

#[actix_web::test]
async fn a_streamed_list_has_the_same_bytes_and_is_not_cached() {
    let mut api = Api::new().await;
    let catalog = api.service.catalog.clone();
    let registrations = (0..3_500).map(registration).collect();
    let written = catalog.register_all(registrations, Origin::Api).await.unwrap();
    let bodies: Vec<_> = written.iter().map(|written| ProjectBody::from(&written.state)).collect();
    let expected = serde_json::to_string(&bodies).unwrap();
    assert!(whole(&api, None).await == expected, "the whole list");

    api.state.lists = lists_with_short_limit(&api);
    let answer = api.get("/api/fed/projects").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.body == expected, "the streamed list");
    assert!(!api.state.lists.slots[0].is_filled(), "the list is cached");
    assert_eq!(api.get("/api/fed/projects?status=online").await.body, "[]");
    assert_eq!(api.send(Method::HEAD, "/api/fed/projects").await.status, 200);
}

/// Returns all projects that a query selects, in its order.
fn selected(api: &Api, query: &ProjectQuery) -> Vec<ProjectState> {
    let mut states = Vec::new();
    let mut show = |project: &Project, status_known| {
        states.push(ProjectState { project: project.clone(), status_known, flapping: false });
    };
    api.service.catalog.list_all(query, &mut show).unwrap();
    states
}

#[actix_web::test]
async fn only_a_part_of_a_streamed_list_is_in_memory() {
    let api = Api::new().await;
    let registrations = (0..6_000).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    let lists = with_limit(&api, 1_500_000);
    for sort in ["id", "slug"] {
        let projects = ProjectQuery { sort: Sort::parse(sort).unwrap(), ..ProjectQuery::default() };
        let states = selected(&api, &projects);
        let bodies: Vec<_> = states.iter().map(ProjectBody::from).collect();
        let expected = serde_json::to_vec(&bodies).unwrap();
        let query = ListQuery::parse(&format!("sort={sort}")).unwrap();
        let Ok(PreparedList::Streamed(first, writer)) = lists.list(&query).await else {
            panic!("a list of {} bytes must be streamed", expected.len());
        };
        assert!(PART_BYTES <= first.len() && first.len() < 2 * PART_BYTES);
        let parts: Vec<Bytes> = writer.rest().map(Result::unwrap).collect().await;
        assert!(parts.iter().all(|part| part.len() < 2 * PART_BYTES), "{sort}");
        assert!([first].iter().chain(&parts).flatten().eq(&expected), "{sort}");
    }
}

#[actix_web::test]
async fn a_project_that_moves_while_a_sorted_list_is_streamed_occurs_once() {
    let api = Api::new().await;
    let registrations = (0..3_000).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    let query = ListQuery::parse("sort=-name&fields=name").unwrap();
    let Ok(PreparedList::Streamed(first, writer)) = lists_with_short_limit(&api).list(&query).await
    else {
        panic!("the list must be streamed");
    };
    // The project moves from the first part to the last one.
    let moved = Registration { name: " 0".parse().unwrap(), ..registration(999) };
    api.service.catalog.register(moved, Origin::Api).await.unwrap();
    let rest: Vec<Bytes> = writer.rest().map(Result::unwrap).collect().await;
    let list = [vec![first], rest].concat().concat();
    let names: Vec<serde_json::Value> = serde_json::from_slice(&list).unwrap();
    assert_eq!(names.len(), 3_000);
}

/// Returns a list of about 700 KB, or the part of it that is in memory.
async fn newest(api: &Api) -> (Bytes, Option<Box<ListWriter>>) {
    match api.state.lists.list(&ListQuery::of_status(None)).await.unwrap() {
        PreparedList::Whole(list) => (list.json().clone(), None),
        PreparedList::Streamed(first, writer) => (first, Some(writer)),
    }
}

#[actix_web::test]
async fn slow_readers_of_a_list_that_changes_hold_limited_memory() {
    const MEMORY: usize = 3 * 1024 * 1024;
    let mut api = Api::new().await;
    api.state.lists = lists_with_memory(&api, MEMORY);
    let registrations = (0..2_000).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    let mut readers = Vec::new();
    for status in ["online", "degraded"].into_iter().cycle().take(20) {
        let body = format!("{{\"status\":\"{status}\"}}");
        api.post("/api/fed/projects/p7/heartbeat", body).await;
        readers.push(newest(&api).await);
    }
    let held: usize = readers.iter().map(|(bytes, _)| bytes.len()).sum();
    assert!(held < MEMORY + 20 * 2 * SMALL_PART_BYTES, "{held} bytes are held");
    let (first, Some(writer)) = readers.pop().unwrap() else { panic!("the memory is not used up") };
    let rest: Vec<Bytes> = writer.rest().map(Result::unwrap).collect().await;
    assert!(rest.iter().all(|part| part.len() < 2 * SMALL_PART_BYTES));
    readers.clear();
    let (whole, None) = newest(&api).await else { panic!("the memory was not released") };
    assert!([vec![first], rest].concat().concat() == whole);
}

#[actix_web::test]
async fn a_long_page_is_refused_while_the_memory_is_used_up() {
    let mut api = Api::new().await;
    api.state.lists = lists_with_memory(&api, 0);
    let registrations = (0..100).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    insta::assert_snapshot!(api.get("/api/fed/projects?limit=100").await, @r#"
    503
    content-type: application/problem+json
    retry-after: 5
    {"title":"Service Unavailable","status":503,"detail":"clients that read slowly take up the memory for lists, try again later"}
    "#);
    assert_eq!(api.get("/api/fed/projects?limit=9").await.status, 200);
    assert_eq!(api.get("/api/fed/projects").await.status, 200, "it is streamed");
}

#[actix_web::test]
async fn a_streamed_list_is_not_compressed_if_there_is_no_memory_for_the_encoder() {
    let mut api = Api::new().await;
    let registrations = (0..100).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    let expected = api.get("/api/fed/projects").await.body;
    api.state.lists = lists_with_memory(&api, 0);
    let request = |codings| {
        TestRequest::get().uri("/api/fed/projects").insert_header((ACCEPT_ENCODING, codings))
    };
    let response = api.call(request("zstd")).await;
    assert_eq!(response.header("content-encoding"), None);
    assert!(response.body == expected);
    assert_eq!(api.call(request("zstd, identity;q=0")).await.status, 503);
}

/// Returns the number of costly lists in progress.
pub(crate) fn costly_writers(lists: &Lists) -> usize {
    Arc::strong_count(&lists.permits) - 1
}
