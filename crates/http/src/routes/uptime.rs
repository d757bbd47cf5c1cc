//! `GET /api/fed/uptime`.

use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};

use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::params::uptime::{UptimeParams, UptimeQuery};
use crate::routes::graph::respond;
use crate::state::ApiState;
use crate::wire::uptime::UptimeBody;

/// Get the statuses of projects over the last 24 hours.
///
/// The time is divided into 48 parts that begin at full and half hours (UTC). The answer may be 10 s
/// old. The history of a project has longer windows.
#[utoipa::path(
    get,
    path = "/api/fed/uptime",
    operation_id = "list_uptime",
    tag = "projects",
    params(UptimeParams),
    responses(
        (
            status = 200, description = "The statuses.", body = UptimeBody<'static>,
            headers(("ETag" = String, description = "Changes with the response."))
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn list(
    request: HttpRequest,
    state: web::Data<ApiState>,
    UptimeQuery { slugs }: UptimeQuery,
) -> Result<HttpResponse, ApiError> {
    let strips = state.strips.get().await?;
    let permit = match slugs {
        None => state.lists.permits().acquire_soon().await?,
        Some(_) => None,
    };
    // A list of all projects has some megabytes.
    let encoded = web::block(move || {
        let body = match &slugs {
            None => UptimeBody::new(&strips, strips.strips.iter()),
            Some(slugs) => {
                UptimeBody::new(&strips, slugs.iter().filter_map(|slug| strips.get(slug)))
            }
        };
        let json = serde_json::to_vec(&body);
        drop(permit);
        json.map(|json| Arc::new(EncodedBody::new(json.into(), None)))
    });
    let encoded = encoded.await.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
    respond(&request, "application/json", &encoded).await
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::http::Method;
    use serde_json::Value;

    use crate::testing::{Api, schema};

    const PATH: &str = "/api/fed/uptime";

    async fn get(api: &Api, path: &str) -> Value {
        let answer = api.get(path).await;
        assert_eq!(answer.status, 200, "{answer}");
        let body = serde_json::from_str(&answer.body).unwrap();
        schema::check("UptimeOfProjects", &body);
        body
    }

    fn strip<'a>(body: &'a Value, slug: &str) -> &'a str {
        let projects = body["projects"].as_array().unwrap();
        let project = projects.iter().find(|project| project["slug"] == slug).unwrap();
        project["strip"].as_str().unwrap().trim_start_matches('-')
    }

    #[actix_web::test]
    async fn each_half_hour_shows_the_worst_status() {
        let api = Api::new().await;
        for slug in ["a", "b"] {
            api.register(slug).await;
            api.post(&format!("/api/fed/projects/{slug}/heartbeat"), "").await;
        }
        let half_an_hour = Duration::from_secs(1_800);
        for degraded in [false, true, false] {
            let body = if degraded { r#"{"status":"degraded"}"# } else { "" };
            for _ in 0..60 {
                api.post("/api/fed/projects/a/heartbeat", body).await;
                api.listen(Duration::from_secs(30)).await;
            }
        }
        api.listen(half_an_hour).await;
        let body = get(&api, PATH).await;
        assert_eq!((&body["step_seconds"], strip(&body, "a")), (&Value::from(1800), "oddxx"));
        assert_eq!(strip(&body, "b"), "xxxxx");
        assert_eq!(body["projects"][0]["slug"], "a");
        let shares = ["online", "degraded", "offline", "unobserved"];
        let sum: f64 = shares.iter().map(|key| body["projects"][0][key].as_f64().unwrap()).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{body}");
    }

    #[actix_web::test]
    async fn time_in_which_the_service_did_not_listen_is_never_online() {
        let api = Api::new().await;
        api.register("a").await;
        api.post("/api/fed/projects/a/heartbeat", "").await;
        api.listen(Duration::from_secs(60)).await;
        api.clock.advance(Duration::from_secs(7_200));
        api.listen(Duration::from_secs(1)).await;
        let body = get(&api, PATH).await;
        let strip = strip(&body, "a");
        assert!(strip.contains("uuu") && !strip.contains('o'), "{strip}");
    }

    #[actix_web::test]
    async fn later_changes_are_added_to_earlier_ones() {
        let api = Api::new().await;
        api.register("a").await;
        api.listen(Duration::from_secs(1)).await;
        assert_eq!(strip(&get(&api, PATH).await, "a"), "x");
        api.post("/api/fed/projects/a/heartbeat", r#"{"status":"degraded"}"#).await;
        api.listen(Duration::from_secs(1_800)).await;
        assert_eq!(strip(&get(&api, PATH).await, "a"), "xx", "it fell silent");
        api.send(Method::DELETE, "/api/fed/projects/a").await;
        api.clock.advance(Duration::from_secs(11));
        assert_eq!(get(&api, PATH).await["projects"], Value::Array(Vec::new()));
    }

    #[actix_web::test]
    async fn slugs_select_projects() {
        let api = Api::new().await;
        for slug in ["a", "b", "c"] {
            api.register(slug).await;
        }
        let body = get(&api, &format!("{PATH}?slug=c,a&slug=nothing")).await;
        let slugs: Vec<_> = body["projects"].as_array().unwrap().iter().collect();
        assert_eq!(
            (&slugs[0]["slug"], &slugs[1]["slug"], slugs.len()),
            (&"c".into(), &"a".into(), 2)
        );
        assert_eq!(api.get(&format!("{PATH}?slug=A")).await.status, 422);
        let many = vec!["a"; 501].join(",");
        assert_eq!(api.get(&format!("{PATH}?slug={many}")).await.status, 422);
    }

    #[actix_web::test]
    async fn an_unavailable_store_is_not_an_empty_history() {
        let api = Api::without_store().await;
        assert_eq!(api.get(PATH).await.status, 503);
        assert_eq!(Api::not_loaded().get(PATH).await.status, 503);
    }
}
