//! Tests of entity tags, 304 responses and content codings.

use actix_web::http::Method;
use actix_web::http::header::{ACCEPT_ENCODING, IF_NONE_MATCH};
use actix_web::test::TestRequest;
use federation_domain::Origin;

use crate::coding::tests::decode;
use crate::lists::tests::{lists_with_short_limit, registration};
use crate::testing::{Api, TestResponse};

const PATH: &str = "/api/fed/projects";

async fn fleet(projects: usize) -> Api {
    let api = Api::new().await;
    let registrations = (0..projects).map(registration).collect();
    api.service.catalog.register_all(registrations, Origin::Api).await.unwrap();
    api
}

async fn accepting(api: &Api, path: &str, codings: &str) -> TestResponse {
    api.call(TestRequest::get().uri(path).insert_header((ACCEPT_ENCODING, codings))).await
}

async fn knowing(api: &Api, path: &str, tags: &str) -> TestResponse {
    api.call(TestRequest::get().uri(path).insert_header((IF_NONE_MATCH, tags))).await
}

fn tag(answer: &TestResponse) -> &str {
    answer.header("etag").unwrap()
}

#[actix_web::test]
async fn a_client_with_the_list_gets_304_without_a_body_until_it_changes() {
    let api = fleet(3).await;
    for path in [PATH, &format!("{PATH}?limit=2"), &format!("{PATH}?fields=slug,status")] {
        let answer = api.get(path).await;
        let again = knowing(&api, path, tag(&answer)).await;
        assert_eq!((again.status, &*again.body), (304, ""), "{path}");
        for header in ["etag", "cache-control", "vary"] {
            assert_eq!(again.header(header), answer.header(header), "{path}: {header}");
        }
        assert_eq!(again.header("content-type"), None, "{path}");
    }
    let before = api.get(PATH).await;
    let narrow = api.get(&format!("{PATH}?fields=slug,status")).await;
    api.post(&format!("{PATH}/p1/heartbeat"), "").await;
    let after = knowing(&api, PATH, tag(&before)).await;
    assert_eq!(after.status, 200);
    assert_ne!(tag(&after), tag(&before));
    api.post(&format!("{PATH}/p1/heartbeat"), "").await;
    let turned = knowing(&api, &format!("{PATH}?fields=slug,status"), tag(&narrow)).await;
    assert_eq!(turned.status, 200, "the project turned online");
}

#[actix_web::test]
async fn a_heartbeat_that_changes_no_selected_field_changes_no_tag() {
    let api = fleet(3).await;
    let path = format!("{PATH}?fields=slug,status");
    api.post(&format!("{PATH}/p1/heartbeat"), "").await;
    let before = api.get(&path).await;
    api.clock.advance(std::time::Duration::from_secs(5));
    api.post(&format!("{PATH}/p1/heartbeat"), "").await;
    assert_eq!(knowing(&api, &path, tag(&before)).await.status, 304);
}

#[actix_web::test]
async fn a_tag_matches_in_every_form_that_a_client_may_send() {
    let api = fleet(3).await;
    let answer = api.get(PATH).await;
    let tag = tag(&answer);
    let plain = tag.trim_matches('"');
    for known in [
        format!("\"x\", {tag}"),
        format!("W/{tag}"),
        format!("\"{plain}-gzip\""),
        format!("W/\"{plain}-zstd\""),
        "*".to_owned(),
    ] {
        assert_eq!(knowing(&api, PATH, &known).await.status, 304, "{known}");
    }
    for unknown in ["\"x\"", plain, "", ",", "W/\"\"", &format!("\"{plain}-br\"")] {
        assert_eq!(knowing(&api, PATH, unknown).await.status, 200, "{unknown}");
    }
}

#[actix_web::test]
async fn a_page_that_gets_a_successor_has_a_new_tag_even_if_its_body_is_unchanged() {
    let api = fleet(2).await;
    for path in [format!("{PATH}?limit=2&fields=slug"), format!("{PATH}?limit=2&sort=created_at")] {
        let last = api.get(&path).await;
        api.register("later").await;
        let known = knowing(&api, &path, tag(&last)).await;
        assert_eq!((known.status, &known.body), (200, &last.body), "{path}");
        assert!(known.header("link").unwrap().contains("rel=\"next\""), "{known}");
        assert_eq!(knowing(&api, &path, tag(&known)).await.status, 304, "{path}");
        api.send(Method::DELETE, &format!("{PATH}/later")).await;
        assert_eq!(tag(&api.get(&path).await), tag(&last), "{path}");
    }
}

#[actix_web::test]
async fn a_read_ignores_a_malformed_list_of_tags() {
    let api = fleet(1).await;
    for path in [PATH, &format!("{PATH}/p0")] {
        let answer = api.get(path).await;
        let tag = tag(&answer);
        for bad in [format!("x, {tag}"), format!("{tag} \"x\", {tag}"), format!("*, {tag}")] {
            assert_eq!(knowing(&api, path, &bad).await.status, 200, "{path}: {bad}");
        }
        let known = format!("\"a,b\",,W/{tag}");
        assert_eq!(knowing(&api, path, &known).await.status, 304, "{path}: {known}");
        let request = TestRequest::get().uri(path).append_header((IF_NONE_MATCH, "\"x\""));
        let lines = api.call(request.append_header((IF_NONE_MATCH, tag))).await;
        assert_eq!(lines.status, 304, "{path}: header in two lines");
    }
}

#[actix_web::test]
async fn replicas_give_equal_lists_equal_tags() {
    let (one, other) = (fleet(3).await, fleet(3).await);
    let answer = one.get(PATH).await;
    assert_eq!(tag(&answer), tag(&other.get(PATH).await));
    assert_eq!(tag(&Api::new().await.get(PATH).await), "\"39347ff402b6c53d831154110e30ac6a\"");
}

#[actix_web::test]
async fn a_list_is_sent_in_the_accepted_coding_with_its_own_tag() {
    let api = fleet(30).await;
    let plain = api.get(PATH).await;
    assert_eq!(plain.header("content-encoding"), None);
    assert_eq!(plain.header("vary"), Some("accept-encoding"));
    for path in [PATH.to_owned(), format!("{PATH}?limit=30"), format!("{PATH}?limit=30&sort=-id")] {
        let expected = api.get(&path).await;
        for coding in ["gzip", "zstd"] {
            for _ in 0..2 {
                let answer = accepting(&api, &path, coding).await;
                assert_eq!(answer.status, 200);
                assert_eq!(answer.header("content-encoding"), Some(coding));
                assert_eq!(answer.header("vary"), Some("accept-encoding"));
                assert!(answer.bytes.len() * 5 < expected.bytes.len(), "{}", answer.bytes.len());
                assert!(decode(Some(coding), &answer.bytes) == expected.bytes, "{path} {coding}");
                let suffixed = format!("{}-{coding}\"", tag(&expected).trim_end_matches('"'));
                assert_eq!(tag(&answer), suffixed);
            }
        }
    }
}

#[actix_web::test]
async fn head_has_the_headers_of_get_in_every_coding() {
    let api = fleet(30).await;
    for codings in ["identity", "gzip", "zstd"] {
        let get = accepting(&api, PATH, codings).await;
        let request = TestRequest::default().method(Method::HEAD).uri(PATH);
        let head = api.call(request.insert_header((ACCEPT_ENCODING, codings))).await;
        for header in ["etag", "content-encoding", "cache-control", "vary", "content-type"] {
            assert_eq!(get.header(header), head.header(header), "{codings}: {header}");
        }
    }
}

#[actix_web::test]
async fn a_short_list_is_not_compressed() {
    let api = Api::new().await;
    let answer = accepting(&api, PATH, "gzip, zstd").await;
    assert_eq!((answer.header("content-encoding"), &*answer.body), (None, "[]"));
}

#[actix_web::test]
async fn a_client_that_accepts_no_coding_is_told_the_supported_ones() {
    let api = fleet(3).await;
    insta::assert_snapshot!(accepting(&api, PATH, "br, identity;q=0").await, @r#"
    406
    content-type: application/problem+json
    {"title":"Not Acceptable","status":406,"detail":"Accept-Encoding: expected identity, gzip or zstd, got none of them"}
    "#);
}

#[actix_web::test]
async fn a_streamed_list_has_no_tag_and_is_compressed_while_it_is_encoded() {
    let mut api = fleet(1_500).await;
    let expected = api.get(PATH).await;
    let backwards = api.get(&format!("{PATH}?sort=-id")).await;
    let by_name = api.get(&format!("{PATH}?sort=name")).await;
    api.state.lists = lists_with_short_limit(&api);
    for (path, expected) in [
        (PATH, expected),
        (&format!("{PATH}?sort=-id"), backwards),
        (&format!("{PATH}?sort=name"), by_name),
    ] {
        for coding in ["identity", "gzip", "zstd"] {
            let answer = accepting(&api, path, coding).await;
            assert_eq!(answer.header("etag"), None);
            assert_eq!(answer.header("cache-control"), Some("no-cache"));
            let named = Some(coding).filter(|coding| *coding != "identity");
            assert_eq!(answer.header("content-encoding"), named);
            assert!(decode(named, &answer.bytes) == expected.bytes, "{path} {coding}");
        }
    }
    let page = api.get(&format!("{PATH}?limit=1000")).await;
    assert!(
        page.header("etag").is_some() && page.header("link").is_some(),
        "a page is never streamed"
    );
}
