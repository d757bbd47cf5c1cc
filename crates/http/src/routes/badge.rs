//! `GET /badge/{slug}.svg` and `GET /badge/{slug}.json`.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};
use federation_application::{CatalogError, ProjectState};
use federation_domain::Slug;

use crate::badges::FRESH_FOR;
use crate::encoded::EncodedBody;
use crate::error::ApiError;
use crate::params::badge::{BadgeMetric, BadgeParams};
use crate::params::slug::SlugPath;
use crate::routes::graph::respond;
use crate::slot::Moment;
use crate::state::ApiState;
use crate::wire::badge::BadgeBody;

/// Get a badge of a project as a picture.
///
/// Needs no API key. Only with `BADGES=public`, for projects with the tag `public`, or with `BADGES=all`.
/// Other projects are answered as if they did not exist. A badge may be 30 s old.
#[utoipa::path(
    get,
    path = "/badge/{slug}.svg",
    operation_id = "badge",
    tag = "projects",
    params(("slug" = String, Path, description = "Slug of the project.", example = "commandcenter"), BadgeParams),
    responses(
        (
            status = 200, description = "The badge.", content_type = "image/svg+xml", body = String,
            headers(("ETag" = String, description = "Changes with the response.")),
            example = json!("<svg xmlns=\"http://www.w3.org/2000/svg\">...</svg>")
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::BadgeNotFound,
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn svg(
    request: HttpRequest,
    state: web::Data<ApiState>,
    SlugPath(slug): SlugPath,
    metric: BadgeMetric,
) -> Result<HttpResponse, ApiError> {
    let draw = |badge: &BadgeBody| Ok(badge.to_svg().into());
    badge(&request, &state, &slug, metric, ("image/svg+xml", draw)).await
}

/// Get a badge of a project in the format of shields.io endpoints.
///
/// See the picture for who may see it.
#[utoipa::path(
    get,
    path = "/badge/{slug}.json",
    operation_id = "badge_data",
    tag = "projects",
    params(("slug" = String, Path, description = "Slug of the project.", example = "commandcenter"), BadgeParams),
    responses(
        (
            status = 200, description = "The badge.", body = BadgeBody,
            headers(("ETag" = String, description = "Changes with the response."))
        ),
        (status = 304, description = "The client already holds this version."),
        crate::shapes::errors::BadgeNotFound,
        crate::shapes::errors::NotAcceptable,
        crate::shapes::errors::InvalidQuery,
        crate::shapes::errors::InternalError,
        crate::shapes::errors::Unavailable,
    )
)]
pub(crate) async fn json(
    request: HttpRequest,
    state: web::Data<ApiState>,
    SlugPath(slug): SlugPath,
    metric: BadgeMetric,
) -> Result<HttpResponse, ApiError> {
    let write =
        |badge: &BadgeBody| serde_json::to_vec(badge).map(Bytes::from).map_err(ApiError::internal);
    badge(&request, &state, &slug, metric, ("application/json", write)).await
}

/// A media type, and how to write a badge in it.
type Format = (&'static str, fn(&BadgeBody) -> Result<Bytes, ApiError>);

async fn badge(
    request: &HttpRequest,
    state: &ApiState,
    slug: &Slug,
    metric: BadgeMetric,
    (media_type, write): Format,
) -> Result<HttpResponse, ApiError> {
    if state.badges.are_off() {
        return Err(ApiError::BadgesOff);
    }
    let shown = visible(state, slug)?;
    let slot = state.badges.slots.slot(format!("{slug} {metric:?} {media_type}"));
    let now = Moment { generation: 0, at: state.presence.now() };
    let body = match slot.answer(now).await {
        Ok(body) => body,
        Err(done) => {
            let content = content(state, &shown, metric).await?;
            let body = Arc::new(EncodedBody::new(write(&content)?, None));
            slot.store(Arc::clone(&body), now);
            drop(done);
            body
        }
    };
    let mut response = respond(request, media_type, &body).await?;
    let caching = HeaderValue::try_from(format!("public, max-age={}", FRESH_FOR.as_secs()));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, caching.map_err(ApiError::internal)?);
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Ok(response)
}

/// Returns a project whose badges everybody may see. Others are answered as if they did not exist.
fn visible(state: &ApiState, slug: &Slug) -> Result<ProjectState, ApiError> {
    let found = state.catalog.find(slug)?;
    if state.badges.shows(&found.project) {
        Ok(found)
    } else {
        Err(CatalogError::NotFound(slug.clone()).into())
    }
}

async fn content(
    state: &ApiState,
    shown: &ProjectState,
    metric: BadgeMetric,
) -> Result<BadgeBody, ApiError> {
    let Some(window) = metric.window() else { return Ok(BadgeBody::status(shown)) };
    let slug = &shown.project.slug;
    let uptime = state.catalog.uptime(&shown.project).await?;
    let shares = uptime.iter().find(|one| one.window == window).and_then(|one| one.shares);
    Ok(BadgeBody::uptime(slug.as_str(), window, shares))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::test::TestRequest;

    use crate::badges::BadgePolicy;
    use crate::testing::{Api, schema};

    async fn with(policy: BadgePolicy) -> Api {
        let mut api = Api::new().await;
        api.state = api.state.clone().with_badges(policy).into();
        api.register("a").await;
        let tagged = r#"{"slug":"open","name":"Open","hub_url":"http://localhost:1","mesh_namespace":"hub.open","tags":["public"]}"#;
        assert_eq!(api.post("/api/fed/projects", tagged).await.status, 201);
        api
    }

    #[actix_web::test]
    async fn only_badges_of_public_projects_are_served() {
        for (policy, seen) in [
            (BadgePolicy::Off, [404, 404]),
            (BadgePolicy::Public, [404, 200]),
            (BadgePolicy::All, [200, 200]),
        ] {
            let api = with(policy).await;
            for (slug, status) in ["a", "open"].into_iter().zip(seen) {
                for form in ["svg", "json"] {
                    let answer = api.get(&format!("/badge/{slug}.{form}")).await;
                    assert_eq!(answer.status, status, "{policy:?} {slug} {answer}");
                }
            }
        }
        let api = with(BadgePolicy::Public).await;
        let hidden = api.get("/badge/a.svg").await.body;
        let missing = api.get("/badge/b.svg").await.body;
        assert_eq!(hidden.replace("'a'", "'b'"), missing, "it tells that the project exists");
    }

    #[actix_web::test]
    async fn a_badge_shows_the_status_and_that_it_is_not_known() {
        let api = with(BadgePolicy::All).await;
        api.post("/api/fed/projects/a/heartbeat", "").await;
        let answer = api.get("/badge/a.json").await;
        assert_eq!(answer.header("cache-control"), Some("public, max-age=30"));
        let body = serde_json::from_str(&answer.body).unwrap();
        schema::check("Badge", &body);
        assert_eq!((&body["message"], &body["color"]), (&"online".into(), &"brightgreen".into()));
        let picture = api.get("/badge/a.svg").await;
        assert_eq!(picture.header("content-type"), Some("image/svg+xml"));
        assert!(picture.body.contains("<title>a: online</title>"), "{picture}");
        // The service has not listened.
        api.clock.advance(Duration::from_secs(3_600));
        let answer = api.get("/badge/a.json").await;
        assert!(answer.body.contains(r#""message":"unknown""#), "{answer}");
    }

    #[actix_web::test]
    async fn an_uptime_is_cached_for_half_a_minute() {
        let api = with(BadgePolicy::All).await;
        api.post("/api/fed/projects/a/heartbeat", "").await;
        api.listen(Duration::from_secs(20)).await;
        let path = "/badge/a.json?metric=uptime-24h";
        let before = api.get(path).await;
        assert!(before.body.contains(r#""label":"a 24h","message":"1"#), "{before}");
        api.store.set_available(false);
        assert_eq!(api.get(path).await.body, before.body);
        let tag = before.header("etag").unwrap().to_owned();
        let again = TestRequest::get().uri(path).insert_header(("if-none-match", tag));
        assert_eq!(api.call(again).await.status, 304);
        api.clock.advance(Duration::from_secs(31));
        assert_eq!(api.get(path).await.status, 503);
        assert_eq!(api.get("/badge/a.json?metric=uptime").await.status, 422);
    }
}
