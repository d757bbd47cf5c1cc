use actix_web::http::Method;
use federation_domain::{
    Epoch, Incident, IncidentChange, IncidentId, IncidentKind, IncidentMember, IncidentNotice,
    IncidentStatus, IncidentStore as _, IncidentWrite, IncidentsVersion, LogPosition,
    ProjectStatus, Revision, Severity, TimelineEvent,
};
use time::macros::datetime;

use crate::testing::{Api, schema};

/// An API with one incident: `db` is offline, and so is `web`, which depends on it.
async fn api() -> Api {
    let api = Api::new().await;
    for slug in ["db", "web"] {
        api.register(slug).await;
    }
    let at = datetime!(2026-11-24 12:00:10 UTC);
    let member = |project: &str, via: Option<&str>| IncidentMember {
        project: project.parse().unwrap(),
        via: via.map(|via| via.parse().unwrap()),
        status: ProjectStatus::Offline,
        down_since: at,
        joined_at: at,
        recovered_at: None,
        left_at: None,
    };
    let members = vec![member("db", None), member("web", Some("db"))];
    let incident = Incident {
        id: IncidentId(1),
        kind: IncidentKind::Offline,
        severity: Severity::Warning,
        status: IncidentStatus::Open,
        root: "db".parse().ok(),
        rule: None,
        finding: None,
        started_at: at,
        opened_at: at,
        resolved_at: None,
        resolved_by: None,
        acknowledged: None,
        merged_into: None,
        silences: false,
        updated_at: at,
    };
    let events = vec![TimelineEvent::Opened, TimelineEvent::Affected(members.clone())];
    let notice = Some(IncidentNotice::Opened);
    let cursor = LogPosition { epoch: Epoch::default(), revision: Revision(2) };
    let write = IncidentWrite {
        known: IncidentsVersion(0),
        next_id: IncidentId(2),
        changes: vec![IncidentChange { incident, members, events, notice }],
        notifications: Vec::new(),
        cursor,
        at,
    };
    api.store.write_incidents(&write).await.unwrap().unwrap();
    api.service.follower().follow().await.unwrap();
    api
}

#[actix_web::test]
async fn an_alert_has_the_keys_of_the_plan_and_more() {
    let api = api().await;
    let list = api.get("/api/fed/alerts").await;
    let listed: serde_json::Value = serde_json::from_str(&list.body).unwrap();
    for (key, expected) in [
        ("id", serde_json::json!(1)),
        ("project", serde_json::json!("db")),
        ("severity", serde_json::json!("warning")),
        ("status", serde_json::json!("open")),
        ("title", serde_json::json!("db is offline")),
        ("created_at", serde_json::json!("2026-11-24T12:00:10.000000Z")),
        ("resolved_at", serde_json::json!(null)),
        ("affected_count", serde_json::json!(1)),
    ] {
        assert_eq!(listed[0][key], expected, "{key}");
    }
    assert_eq!(listed[0]["affected"][0]["path"], serde_json::json!(["web", "db"]));
    schema::check("Alert", &listed[0]);
    assert!(list.header("x-federation-index").is_some());
    let tag = list.tag();
    assert_eq!(
        api.write(Method::GET, "/api/fed/alerts", &[("if-none-match", &tag)], "").await.status,
        304
    );
}

#[actix_web::test]
async fn alerts_are_filtered_and_paged() {
    let api = api().await;
    let count = async |query: &str| {
        let body = api.get(&format!("/api/fed/alerts?{query}")).await.body;
        serde_json::from_str::<Vec<serde_json::Value>>(&body).unwrap().len()
    };
    for (query, expected) in [
        ("status=open", 1),
        ("status=resolved", 0),
        ("severity=warning,critical", 1),
        ("severity=critical", 0),
        ("project=web", 1),
        ("project=other", 0),
        ("tag=python", 1),
        ("tag=ruby", 0),
        ("limit=1", 1),
        ("before=1", 0),
    ] {
        assert_eq!(count(query).await, expected, "{query}");
    }
    assert_eq!(api.get("/api/fed/alerts?status=OPEN").await.status, 422);
}

#[actix_web::test]
async fn an_alert_tells_what_happened_and_who_did_what() {
    let api = api().await;
    let path = "/api/fed/alerts/1";
    let acknowledged = api.post(&format!("{path}/acknowledge"), r#"{"comment":"on it"}"#).await;
    assert_eq!(acknowledged.status, 200, "{acknowledged}");
    assert!(acknowledged.body.contains(r#""status":"acknowledged""#), "{acknowledged}");
    assert_eq!(
        api.post(&format!("{path}/comment"), r#"{"comment":"disk is full"}"#).await.status,
        200
    );
    assert_eq!(api.post(&format!("{path}/resolve"), "").await.status, 200);
    let detail = api.get(path).await;
    let detail: serde_json::Value = serde_json::from_str(&detail.body).unwrap();
    let kinds: Vec<_> =
        detail["events"].as_array().unwrap().iter().map(|one| one["kind"].clone()).collect();
    assert_eq!(kinds, ["opened", "affected", "acknowledged", "commented", "commented", "resolved"]);
    assert_eq!(detail["silenced"], true);
    assert_eq!(detail["affected"][0]["path"], serde_json::json!(["web", "db"]));
    assert_eq!(api.post(&format!("{path}/acknowledge"), "").await.status, 409);
    assert_eq!(api.post(&format!("{path}/resolve"), "").await.status, 200, "a retry");
}

#[actix_web::test]
async fn an_unknown_alert_is_not_found_and_a_bad_comment_rejected() {
    let api = api().await;
    for path in ["2", "0", "x", "99999999999999999999"] {
        assert_eq!(api.get(&format!("/api/fed/alerts/{path}")).await.status, 404, "{path}");
    }
    for body in ["", "{}", r#"{"comment":" "}"#, r#"{"comment":7}"#] {
        let answer = api.post("/api/fed/alerts/1/comment", body).await;
        assert_eq!(answer.status, 422, "{body}: {answer}");
    }
    assert_eq!(Api::not_loaded().get("/api/fed/alerts").await.status, 503);
}
