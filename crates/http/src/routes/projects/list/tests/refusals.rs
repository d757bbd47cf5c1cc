//! Tests of invalid parameters, and of the parameters in the OpenAPI document.

use serde_json::Value;

use super::queries::{PATH, fleet, link};
use crate::testing::schema::example_of;

#[actix_web::test]
async fn an_invalid_parameter_is_rejected_with_the_allowed_values() {
    let api = fleet().await;
    let mut refusals = Vec::new();
    let other = link(&api.get(&format!("{PATH}?limit=1")).await, "next").unwrap();
    let cursor = other.split_once("cursor=").unwrap().1;
    let long = format!("q={}", "a".repeat(101));
    let many: String = (0..51).map(|number| format!("tag={number}&")).collect();
    for query in [
        "status=ONLINE",
        "status=",
        "status=online,",
        "tag=",
        "any_tag=a&any_tag=a",
        &many,
        "q=",
        "q=a%00b",
        &long,
        "q=%ff",
        "q=a&q=b",
        "updated_since=2026-11-23",
        "updated_since=2026-11-23T14:41:13",
        "updated_since=2026-11-23T14:41:13+01:00",
        "sort=tags",
        "sort=",
        "sort=id&sort=id",
        "limit=0",
        "limit=1001",
        "limit=",
        "limit=1&limit=1",
        "fields=",
        "fields=slug,nonsense",
        "fields=slug,slug",
        "fields=slug&fields=id",
        "cursor=",
        "cursor=x",
        &format!("limit=1&sort=slug&cursor={cursor}"),
        "status=x&limit=0&sort=x&fields=x&cursor=x",
    ] {
        let answer = api.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, 422, "{query}: {answer}");
        let problem: Value = serde_json::from_str(&answer.body).unwrap();
        let shown: String = query.chars().take(50).collect();
        refusals.push(format!("{shown}\n    {}", problem["detail"].as_str().unwrap()));
    }
    insta::assert_snapshot!(refusals.join("\n"), @r#"
    status=ONLINE
        status: expected online, offline or degraded, got "ONLINE"
    status=
        status: expected online, offline or degraded, got ""
    status=online,
        status: expected online, offline or degraded, got ""
    tag=
        tag[0]: expected 1 to 50 characters, not blank and without control characters, got ""
    any_tag=a&any_tag=a
        any_tag[1]: expected each value once, got "a"
    tag=0&tag=1&tag=2&tag=3&tag=4&tag=5&tag=6&tag=7&ta
        tag: expected at most 10, got "51 of them"
    q=
        q: expected 1 to 100 characters without control characters, got ""
    q=a%00b
        q: expected 1 to 100 characters without control characters, got "a\0b"
    q=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa
        q: expected 1 to 100 characters without control characters, got "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…"
    q=%ff
        q: expected percent-encoded UTF-8 (encode % as %25), got "%ff"
    q=a&q=b
        q: expected a single value, got "a, b"
    updated_since=2026-11-23
        updated_since: expected an RFC 3339 time with a zone, such as 2026-11-23T14:41:13Z or 2026-11-23T15:41:13.5+01:00 (encode + as %2B), got "2026-11-23"
    updated_since=2026-11-23T14:41:13
        updated_since: expected an RFC 3339 time with a zone, such as 2026-11-23T14:41:13Z or 2026-11-23T15:41:13.5+01:00 (encode + as %2B), got "2026-11-23T14:41:13"
    updated_since=2026-11-23T14:41:13+01:00
        updated_since: expected an RFC 3339 time with a zone, such as 2026-11-23T14:41:13Z or 2026-11-23T15:41:13.5+01:00 (encode + as %2B), got "2026-11-23T14:41:13 01:00"
    sort=tags
        sort: expected one of risk, kpis.coverage_percent and the like, id, slug, name, status, updated_at, last_heartbeat_at, created_at, with - in front for descending, got "tags"
    sort=
        sort: expected one of risk, kpis.coverage_percent and the like, id, slug, name, status, updated_at, last_heartbeat_at, created_at, with - in front for descending, got ""
    sort=id&sort=id
        sort: expected a single value, got "id, id"
    limit=0
        limit: expected a whole number from 1 to 1000, got "0"
    limit=1001
        limit: expected a whole number from 1 to 1000, got "1001"
    limit=
        limit: expected a whole number from 1 to 1000, got ""
    limit=1&limit=1
        limit: expected a single value, got "1, 1"
    fields=
        fields: expected one or more of id, slug, name, hub_url, mesh_namespace, status, tags, last_heartbeat_at, created_at, updated_at, heartbeat_interval_seconds, allow_fanout, degraded_reasons, status_known, comma-separated, got ""
    fields=slug,nonsense
        fields: expected one or more of id, slug, name, hub_url, mesh_namespace, status, tags, last_heartbeat_at, created_at, updated_at, heartbeat_interval_seconds, allow_fanout, degraded_reasons, status_known, comma-separated, got "nonsense"
    fields=slug,slug
        fields: expected each value once, got "slug"
    fields=slug&fields=id
        fields: expected a single value, got "slug, id"
    cursor=
        cursor: expected a cursor from a Link header of this service, got ""
    cursor=x
        cursor: expected a cursor from a Link header of this service, got "x"
    limit=1&sort=slug&cursor=AS0GgAU405TCAAAAAAAAAAFp
        cursor: expected a cursor for the same filters and sort key, got "AS0GgAU405TCAAAAAAAAAAFp"
    status=x&limit=0&sort=x&fields=x&cursor=x
        status: expected online, offline or degraded, got "x"; sort: expected one of risk, kpis.coverage_percent and the like, id, slug, name, status, updated_at, last_heartbeat_at, created_at, with - in front for descending, got "x"; limit: expected a whole number from 1 to 1000, got "0"; fields: expected one or more of id, slug, name, hub_url, mesh_namespace, status, tags, last_heartbeat_at, created_at, updated_at, heartbeat_interval_seconds, allow_fanout, degraded_reasons, status_known, comma-separated, got "x"
    "#);
    let one = api.get(&format!("{PATH}/delta?fields=x")).await;
    assert_eq!(one.status, 422);
}

#[actix_web::test]
async fn any_query_is_answered() {
    let api = fleet().await;
    let names = [
        "status",
        "tag",
        "any_tag",
        "q",
        "updated_since",
        "sort",
        "limit",
        "cursor",
        "fields",
        "x",
    ];
    let values = [
        "",
        "%",
        "%f",
        "%zz",
        "%ff",
        "%00",
        "%F0%9F%A6%80",
        "=",
        "==&&",
        "+",
        "a;b",
        "AQ",
        "'",
        "-",
        "1",
    ];
    for value in values {
        let query: Vec<String> = names.iter().map(|name| format!("{name}={value}")).collect();
        let answer = api.get(&format!("{PATH}?{}&{value}=x", query.join("&"))).await;
        assert_eq!(answer.status, 422, "{value}: {answer}");
        let answer = api.get(&format!("{PATH}/delta?x={value}&{value}=x")).await;
        assert_eq!(answer.status, 200, "{value}: {answer}");
    }
}

#[actix_web::test]
async fn every_documented_parameter_is_supported() {
    let api = fleet().await;
    // Otherwise the request with `index` would wait.
    api.state.ending.cancel();
    let document = serde_json::to_value(crate::document()).unwrap();
    let parameters = document["paths"][PATH]["get"]["parameters"].as_array().unwrap();
    let mut names = Vec::new();
    for parameter in parameters.iter().filter(|parameter| parameter["in"] == "query") {
        let name = parameter["name"].as_str().unwrap();
        names.push(name);
        let given = match example_of(parameter).unwrap() {
            Value::Array(items) => {
                items.iter().map(|item| item.as_str().unwrap().to_owned()).collect::<Vec<_>>()
            }
            Value::String(text) => vec![text.clone()],
            number => vec![number.to_string()],
        };
        let query = if parameter["explode"] == true {
            given.iter().map(|value| format!("{name}={value}")).collect::<Vec<_>>().join("&")
        } else {
            format!("{name}={}", given.join(","))
        };
        let answer = api.get(&format!("{PATH}?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {answer}");
        assert_eq!(api.get(&format!("{PATH}?{name}=%00")).await.status, 422, "{name}");
    }
    assert_eq!(
        names,
        [
            "status",
            "tag",
            "any_tag",
            "q",
            "updated_since",
            "min_risk",
            "sort",
            "fields",
            "include",
            "limit",
            "cursor",
            "index",
            "wait"
        ]
    );
}
