//! `GET /api/fed/projects/{slug}`.

use actix_web::{HttpRequest, HttpResponse, web};

use super::response;
use crate::error::ApiError;
use crate::params::list::FieldsParam;
use crate::params::slug::SlugPath;
use crate::params::wait::{Wait, WaitParams};
use crate::state::ApiState;
use crate::wire::project::fields::Fields;
use crate::wire::project::part::ProjectFields;

/// Get a project.
///
/// Served from memory, even if the store is not available. The `ETag` identifies the version of the
/// project. Send it in `If-None-Match` to avoid reading an unchanged project again, or in
/// `If-Match` of a write to change only the version that was read.
///
/// Without `fields`, the keys `version`, `tools` and `capabilities` follow: facts that its heartbeats
/// carry. Unless metrics are switched off, `kpis`, `kpi_times` and `risk` come next: key figures from
/// the metrics that the project reports, when they were observed, and a risk
/// from 0 to 100 with its reasons. The risk is null for a project without metrics.
///
/// With `VERIFY_ENDPOINTS=true`, `verified` comes last: the newest attempt of this replica to reach the
/// project at its hub URL. It is an observation of this replica since its start. It is null until the
/// replica has asked the project at its current hub URL, and other replicas may have seen something
/// else. It never changes the status.
#[utoipa::path(
    get,
    path = "/api/fed/projects/{slug}",
    operation_id = "find_project",
    tag = "projects",
    params(
        crate::shapes::parameters::SlugParam,
        FieldsParam,
        WaitParams,
        (
            "If-None-Match" = Option<String>, Header, nullable = false,
            description = "Entity tags of responses that the client holds, or `*`.",
            example = "\"4467b11d099d9909-97e0a0442239229c\""
        )
    ),
    responses(
        (
            status = 200, description = "The project.", body = ProjectFields,
            headers(
                ("ETag" = String, description = "Version of the project, for `If-None-Match`, and for `If-Match` of a write."),
                ("Cache-Control" = String, description = "`no-cache`: caches must revalidate the response."),
                ("X-Federation-Index" = String, description = "The response reflects at least all changes up to this position in the log. Opaque.")
            ),
            example = json!({"slug": "commandcenter", "status": "online"})
        ),
        (
            status = 304, description = "The client holds the current version.",
            headers(
                ("ETag" = String, description = "Version of the project."),
                ("Cache-Control" = String, description = "`no-cache`."),
                ("X-Federation-Index" = String, description = "The version reflects at least all changes up to this position in the log. Opaque.")
            )
        ),
        crate::shapes::errors::ProjectNotFound,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn find(
    state: web::Data<ApiState>,
    slug: SlugPath,
    fields: FieldsParam,
    request: HttpRequest,
    wait: Wait,
) -> Result<HttpResponse, ApiError> {
    let index = wait.changed(&state, &request, Some(&slug.0)).await?;
    let project = state.catalog.find(&slug.0)?;
    let is_whole = fields.0 == Fields::default();
    let series = state.series.as_ref().filter(|_| is_whole);
    let assessment = series.map(|series| series.assess(&project));
    let facts = state.instances.of(project.project.id);
    let facts = is_whole.then_some(facts.as_deref());
    let endpoints = state.endpoints.as_ref().filter(|_| is_whole);
    let verified = endpoints.map(|endpoints| endpoints.of(&project.project));
    let found = response::found_or_not_modified(
        &project,
        fields.0,
        facts,
        assessment.as_ref(),
        verified.as_ref().map(Option::as_deref),
        &request,
    );
    Ok(index.on(found))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use actix_web::http::Method;
    use async_trait::async_trait;
    use federation_application::{ENDPOINT_CHECK_INTERVAL, EndpointChecks};
    use federation_domain::{EndpointAnswer, EndpointProbe, HubUrl, InstanceFacts, Unreachable};

    use crate::testing::{Api, schema};

    /// Reaches every project but those on port 8001.
    struct FakeProbe;

    #[async_trait]
    impl EndpointProbe for FakeProbe {
        async fn probe(&self, hub_url: &HubUrl) -> Result<EndpointAnswer, Unreachable> {
            if hub_url.as_str().ends_with(":8001") {
                return Err(Unreachable { reason: "status 503".to_owned() });
            }
            let facts = InstanceFacts::new(Some("1.4.0"), ["vault"], [] as [&str; 0]);
            let endpoints = vec![("graph".to_owned(), "/\"g\"".to_owned())];
            Ok(EndpointAnswer { latency: Duration::from_nanos(3_214_567), facts, endpoints })
        }
    }

    #[actix_web::test]
    async fn a_project_without_a_heartbeat_is_offline() {
        let api = Api::new().await;
        api.register("commandcenter").await;
        insta::assert_snapshot!(api.get("/api/fed/projects/commandcenter").await, @r#"
        200
        content-type: application/json
        {"id":1,"slug":"commandcenter","name":"CommandCenter","hub_url":"http://localhost:8000","mesh_namespace":"hub.commandcenter","status":"offline","tags":["python","fastapi","rag"],"last_heartbeat_at":null,"created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:00.123456Z","heartbeat_interval_seconds":null,"allow_fanout":[],"degraded_reasons":[],"status_known":false,"version":null,"tools":[],"capabilities":[],"kpis":{"audits_ok":null,"audits_warn":null,"audits_fail":null,"vulns_critical":null,"vulns_high":null,"deploy_freshness_days":null,"health_latency_ms":null,"coverage_percent":null},"kpi_times":{},"risk":null}
        "#);
    }

    #[actix_web::test]
    async fn a_flapping_project_is_shown_as_flapping_except_in_lists() {
        let api = Api::new().await;
        api.register("a").await;
        let shown = async |path: &str| api.get(&format!("/api/fed/projects{path}")).await.body;
        for status in ["online", "degraded"].into_iter().cycle().take(7) {
            assert!(!shown("/a").await.contains("flapping") || status == "online");
            let body = format!("{{\"status\":\"{status}\"}}");
            api.post("/api/fed/projects/a/heartbeat", body).await;
        }
        let project = shown("/a").await;
        assert!(project.contains("\"status\":\"online\""), "{project}");
        assert!(project.contains(",\"flapping\":true"), "{project}");
        schema::check("ProjectFields", &serde_json::from_str(&project).unwrap());
        let explanation = shown("/a/explain").await;
        assert!(explanation.contains(",\"flapping\":true"), "{explanation}");
        assert!(explanation.contains("its status changes too often"), "{explanation}");
        assert!(!shown("").await.contains("flapping"), "the list is as ever");
        assert!(!shown("/a?fields=slug,status").await.contains("flapping"));
        api.listen(Duration::from_secs(21)).await;
        assert!(!shown("/a").await.contains("flapping"));
        let history = shown("/a/history").await;
        assert!(history.contains("\"kind\":\"heartbeat\"") && !history.contains("\"merged\""));
    }

    #[actix_web::test]
    async fn a_degraded_project_is_returned_with_all_fields() {
        let api = Api::new().await;
        let registration = r#"{"slug":"a","name":"Ä \"1\"","hub_url":"https://[::1]/x?y#z",
            "mesh_namespace":"hub.a","tags":[],"heartbeat_interval_seconds":2.5,
            "allow_fanout":["restart","ping"]}"#;
        api.post("/api/fed/projects", registration).await;
        api.clock.advance(Duration::from_micros(1_876_544));
        let heartbeat = r#"{"status":"degraded","degradedReasons":["queue backlog","slow disk"]}"#;
        api.post("/api/fed/projects/a/heartbeat", heartbeat).await;
        insta::assert_snapshot!(api.get("/api/fed/projects/a").await, @r#"
        200
        content-type: application/json
        {"id":1,"slug":"a","name":"Ä \"1\"","hub_url":"https://[::1]/x?y#z","mesh_namespace":"hub.a","status":"degraded","tags":[],"last_heartbeat_at":"2026-11-24T12:00:02.000000Z","created_at":"2026-11-24T12:00:00.123456Z","updated_at":"2026-11-24T12:00:02.000000Z","heartbeat_interval_seconds":2.5,"allow_fanout":["restart","ping"],"degraded_reasons":["queue backlog","slow disk"],"status_known":false,"version":null,"tools":[],"capabilities":[],"kpis":{"audits_ok":null,"audits_warn":null,"audits_fail":null,"vulns_critical":null,"vulns_high":null,"deploy_freshness_days":null,"health_latency_ms":null,"coverage_percent":null},"kpi_times":{},"risk":null}
        "#);
    }

    #[actix_web::test]
    async fn a_status_is_known_only_after_one_and_a_half_intervals_of_listening() {
        let api = Api::new().await;
        api.register("a").await;
        let known = async || {
            let answer = api.get("/api/fed/projects/a").await.body;
            answer.contains(",\"status_known\":true")
        };
        assert!(!known().await, "the service has not listened yet");
        for _ in 0..51 {
            api.clock.advance(Duration::from_secs(1));
            api.service.tick();
        }
        assert!(
            known().await,
            "it has listened for one and a half intervals of 30 s, after 5 s to reconnect"
        );
        api.clock.advance(Duration::from_secs(30));
        assert!(!known().await, "the service does not prove that it still listens");
    }

    #[actix_web::test]
    async fn a_project_with_metrics_has_key_figures_and_an_explained_risk() {
        let api = Api::new().await;
        api.register("a").await;
        let before = api.get("/api/fed/projects/a").await.tag();
        let metrics = r#"{"metrics":{"audit.fail_count":3,"security.critical_count":1,
            "coverage.percent":84.2,"deploy.last_deployed":"2026-10-10T12:00:00Z"}}"#;
        assert_eq!(api.post("/api/fed/projects/a/metrics", metrics).await.status, 204);
        let answer = api.get("/api/fed/projects/a").await;
        assert_ne!(answer.tag(), before, "a client that holds the project learns of its figures");
        let at = answer.body.find("\"kpis\"").unwrap();
        insta::assert_snapshot!(&answer.body[at..], @r#""kpis":{"audits_ok":null,"audits_warn":null,"audits_fail":3,"vulns_critical":1,"vulns_high":null,"deploy_freshness_days":45,"health_latency_ms":null,"coverage_percent":84.2},"kpi_times":{"audits_fail":{"observed_at":"2026-11-24T12:00:00.123456Z","stale":false},"vulns_critical":{"observed_at":"2026-11-24T12:00:00.123456Z","stale":false},"deploy_freshness_days":{"observed_at":"2026-11-24T12:00:00.123456Z","stale":false},"coverage_percent":{"observed_at":"2026-11-24T12:00:00.123456Z","stale":false}},"risk":{"score":30,"reasons":[{"points":0,"reason":"its status is not known now"},{"points":10,"reason":"1 critical vulnerabilities"},{"points":15,"reason":"3 failing audits"},{"points":5,"reason":"last deployment 45 days ago"}]}}"#);
        let part = api.get("/api/fed/projects/a?fields=slug").await;
        assert_eq!(part.body, r#"{"slug":"a"}"#);
    }

    #[actix_web::test]
    async fn a_service_without_metrics_has_no_key_figures() {
        let mut api = Api::new().await;
        api.state.series = None;
        api.register("a").await;
        let body = api.get("/api/fed/projects/a").await.body;
        assert!(
            body.ends_with(
                "\"status_known\":false,\"version\":null,\"tools\":[],\"capabilities\":[]}"
            ),
            "{body}"
        );
    }

    #[actix_web::test]
    async fn a_verified_project_has_its_newest_check_as_the_last_key() {
        let mut api = Api::new().await;
        let endpoints =
            EndpointChecks::new(&api.service, Arc::new(FakeProbe), ENDPOINT_CHECK_INTERVAL);
        api.state = api.state.clone().with_endpoints(Some(endpoints.clone())).into();
        api.register("a").await;
        let path = "/api/fed/projects/a";
        let verified = async || {
            let body = api.get(path).await.body;
            schema::check("ProjectFields", &serde_json::from_str(&body).unwrap());
            body[body.find(",\"verified\":").unwrap()..].to_owned()
        };
        assert_eq!(verified().await, ",\"verified\":null}");
        let before = api.get(path).await.tag();
        endpoints.round().await;
        insta::assert_snapshot!(verified().await, @r#","verified":{"last_verified_at":"2026-11-24T12:00:00.123456Z","reachable":true,"failure":null,"latency_ms":3.215,"version":"1.4.0","tools":["vault"],"endpoints":{"graph":"/\"g\""}}}"#);
        assert_ne!(
            api.get(path).await.tag(),
            before,
            "a client that holds the project learns of it"
        );
        let patch = r#"{"hub_url":"http://localhost:8001"}"#;
        let headers = [("content-type", "application/merge-patch+json")];
        let patched = api.write(Method::PATCH, path, &headers, patch).await;
        assert_eq!((patched.status, patched.body.contains("verified")), (200, false), "{patched}");
        assert_eq!(verified().await, ",\"verified\":null}", "it was asked elsewhere");
        endpoints.round().await;
        insta::assert_snapshot!(verified().await, @r#","verified":{"last_verified_at":"2026-11-24T12:00:00.123456Z","reachable":false,"failure":"status 503","latency_ms":null,"version":null,"tools":[],"endpoints":{}}}"#);
        for other in ["?include=kpis,instance", "", "/a?fields=slug", "/a/explain"] {
            let body = api.get(&format!("/api/fed/projects{other}")).await.body;
            assert!(!body.contains("verified"), "{other}: {body}");
        }
    }

    #[actix_web::test]
    async fn an_unknown_project_is_not_found() {
        let api = Api::new().await;
        insta::assert_snapshot!(api.get("/api/fed/projects/x").await, @r#"
        404
        content-type: application/problem+json
        {"title":"Not Found","status":404,"detail":"Project 'x' not found"}
        "#);
    }

    #[actix_web::test]
    async fn an_invalid_slug_is_an_unknown_project_and_is_sanitized() {
        let api = Api::new().await;
        for (path, shown) in [
            ("X", "X"),
            ("%00", "\u{fffd}"),
            ("a%0ab", "a\u{fffd}b"),
            ("%ff", "\u{fffd}"),
            ("a%2fb", "a/b"),
            ("%22it's%22%5C", "\\\"it's\\\"\\\\"),
            ("Z%C3%BCrich%20e%CC%81%F0%9F%A6%80", "Zürich e\u{301}🦀"),
            ("a%E2%80%AEb%E2%80%8B", "a\u{fffd}b\u{fffd}"),
            (&"a".repeat(500), &"a".repeat(500)),
            (&"a".repeat(501), &format!("{}…", "a".repeat(500))),
        ] {
            let answer = api.get(&format!("/api/fed/projects/{path}")).await;
            assert_eq!(answer.status, 404, "{path}: {answer}");
            assert_eq!(
                answer.body,
                format!(
                    "{{\"title\":\"Not Found\",\"status\":404,\"detail\":\"Project '{shown}' not found\"}}"
                )
            );
        }
    }

    #[actix_web::test]
    async fn no_project_is_unknown_before_the_catalog_is_loaded() {
        assert_eq!(Api::not_loaded().get("/api/fed/projects/a").await.status, 503);
    }

    #[actix_web::test]
    async fn a_client_with_the_current_version_gets_304() {
        let api = Api::new().await;
        api.register("a").await;
        let (path, read) = ("/api/fed/projects/a", api.get("/api/fed/projects/a").await);
        let tag = read.tag();
        assert_eq!(api.send(Method::HEAD, path).await.tag(), tag);
        for held in [tag.clone(), format!("\"x\", W/{tag}"), "*".to_owned()] {
            for method in [Method::GET, Method::HEAD] {
                let answer = api.write(method, path, &[("if-none-match", &held)], "").await;
                assert_eq!((answer.status, &*answer.body), (304, ""), "{held}");
                assert_eq!(answer.tag(), tag);
            }
        }
        api.post("/api/fed/projects/a/heartbeat", "").await;
        let changed = api.write(Method::GET, path, &[("if-none-match", &tag)], "").await;
        assert_eq!(changed.status, 200, "a heartbeat changes the tag");
        assert_ne!(changed.tag(), tag);
        let unknown = api.write(Method::GET, "/api/fed/projects/b", &[("if-none-match", "*")], "");
        assert_eq!(unknown.await.status, 404);
        let part = api.get("/api/fed/projects/a?fields=name").await;
        let part_tag = part.tag();
        assert_ne!(part_tag, changed.tag(), "other keys are another representation");
        assert_eq!(part_tag[..18], changed.tag()[..18], "both tags are of the same registration");
        let headers = [("if-none-match", &*part_tag)];
        let same = api.write(Method::GET, "/api/fed/projects/a?fields=name", &headers, "").await;
        assert_eq!((same.status, same.header("cache-control")), (304, Some("no-cache")));
    }
}
