use actix_web::http::Method;

use crate::testing::{Api, schema};

const PATH: &str = "/api/fed/maintenance";

#[actix_web::test]
async fn a_window_is_created_listed_replaced_and_removed() {
    let api = Api::new().await;
    let body = r#"{"tags":["db"],"duration":"2h","reason":"new disks"}"#;
    let created = api.post(PATH, body).await;
    assert_eq!((created.status, created.header("location")), (201, Some("/api/fed/maintenance/1")));
    let window: serde_json::Value = serde_json::from_str(&created.body).unwrap();
    schema::check("MaintenanceWindow", &window);
    assert_eq!((&window["open"], &window["tags"]), (&true.into(), &serde_json::json!(["db"])));
    assert_eq!((&window["source"], &window["reason"]), (&"api".into(), &"new disks".into()));
    assert_eq!(api.get(PATH).await.body, format!("[{}]", created.body));
    let weekly = r#"{"all":true,"reason":"backups",
        "weekly":{"days":["sun"],"at":"02:30","duration":"90m","zone":"Europe/Berlin"}}"#;
    let put = async |path: &str| {
        api.write(Method::PUT, path, &[("content-type", "application/json")], weekly).await
    };
    let replaced = put("/api/fed/maintenance/1").await;
    assert_eq!(replaced.status, 200, "{replaced}");
    assert!(replaced.body.contains(r#""duration_seconds":5400"#), "{replaced}");
    assert_eq!(put("/api/fed/maintenance/2").await.status, 404);
    assert_eq!(api.send(Method::DELETE, "/api/fed/maintenance/1").await.status, 204);
    assert_eq!(api.send(Method::DELETE, "/api/fed/maintenance/1").await.status, 404);
    assert_eq!(api.get(PATH).await.body, "[]");
}

#[actix_web::test]
async fn every_invalid_field_is_reported() {
    let api = Api::new().await;
    for body in [
        "{}",
        "[]",
        r#"{"all":true,"reason":"x"}"#,
        r#"{"all":1,"duration":"2h","reason":"x"}"#,
        r#"{"projects":["A"],"duration":"2h","reason":"x"}"#,
        r#"{"tags":["a"],"duration":"soon","reason":"x"}"#,
        r#"{"tags":["a"],"until":"2020-01-01T00:00:00Z","reason":"x"}"#,
        r#"{"tags":["a"],"reason":"x","weekly":{"days":["sun"],"at":"02:30","duration":"90m","zone":"Mars"}}"#,
    ] {
        let answer = api.post(PATH, body).await;
        assert_eq!(answer.status, 422, "{body}: {answer}");
    }
    assert_eq!(Api::not_loaded().get(PATH).await.status, 503);
}
