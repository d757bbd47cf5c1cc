//! The page at `/` and its files. They are not part of the REST API, so the OpenAPI document does not
//! list them. They contain no data of the service, so they need no API key; the page signs in.

use actix_web::http::Method;
use actix_web::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    HeaderMap, IF_NONE_MATCH, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, Resource, guard};
use federation_web::{Accepted, document, file};

use crate::error::ApiError;
use crate::public_url::PublicUrl;
use crate::state::ApiState;
use crate::text::abbreviate;

/// The views of the page. Its own router shows the one of the path.
const VIEWS: [&str; 6] =
    ["/", "/ecosystem", "/projects", "/projects/{slug}", "/incidents", "/actions"];

/// Scripts, styles and requests of this origin only. Inline scripts and styles are not allowed.
const POLICY: &str = "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; \
                      object-src 'none'";

/// Adds the page, its files, and the views with a trailing slash.
pub(crate) fn add_page(cfg: &mut ServiceConfig) {
    for view in VIEWS {
        cfg.service(resource(view).route(read().to(page)));
        if view != "/" {
            cfg.service(resource(&format!("{view}/")).route(read().to(page)));
        }
    }
    for path in ["/{file:theme\\.js|icon\\.svg|licenses\\.md}", "/{file:assets/[^/]+}"] {
        cfg.service(resource(path).route(read().to(asset)));
    }
}

fn read() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn resource(path: &str) -> Resource {
    web::resource(path).default_service(web::to(async |method: Method| {
        let given = abbreviate(method.as_str());
        Err::<HttpResponse, _>(ApiError::MethodNotAllowed { allow: "GET, HEAD", given })
    }))
}

async fn page(request: HttpRequest, state: web::Data<ApiState>) -> HttpResponse {
    let prefix = state.public_url.as_ref().map(PublicUrl::path).unwrap_or_default();
    let body = document(prefix);
    let tag = format!("\"{:016x}\"", xxhash_rust::xxh3::xxh3_64(body.as_bytes()));
    let is_known = is_known(request.headers(), &tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    protect(&mut answer);
    answer.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, "no-cache"));
    answer.insert_header((CONTENT_SECURITY_POLICY, POLICY));
    answer.insert_header((X_FRAME_OPTIONS, "DENY"));
    answer.insert_header((REFERRER_POLICY, "no-referrer"));
    answer.insert_header(("cross-origin-opener-policy", "same-origin"));
    if is_known {
        return answer.finish();
    }
    answer.insert_header((CONTENT_TYPE, "text/html; charset=utf-8")).body(body)
}

async fn asset(request: HttpRequest, name: web::Path<String>) -> Result<HttpResponse, ApiError> {
    let file = file(&name).ok_or(ApiError::PathNotFound)?;
    let header = request.headers().get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let form = file.form(Accepted::parse(header.unwrap_or_default()));
    let tag = file.tag(form);
    let is_known = is_known(request.headers(), &tag);
    let mut answer = if is_known { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    protect(&mut answer);
    answer.insert_header((ETAG, tag)).insert_header((CACHE_CONTROL, file.caching()));
    answer.insert_header((VARY, "accept-encoding"));
    if is_known {
        return Ok(answer.finish());
    }
    if let Some(coding) = form.coding {
        answer.insert_header((CONTENT_ENCODING, coding));
    }
    Ok(answer.insert_header((CONTENT_TYPE, file.media_type())).body(form.bytes))
}

fn protect(answer: &mut HttpResponseBuilder) {
    answer.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    answer.insert_header(("cross-origin-resource-policy", "same-origin"));
}

/// Returns true if `If-None-Match` contains the tag, also in its weak form.
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    headers
        .get_all(IF_NONE_MATCH)
        .filter_map(|value| value.to_str().ok())
        .any(|value| value.split(',').any(|one| one.trim().trim_start_matches("W/") == tag))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use federation_web::is_built;

    use crate::public_url::PublicUrl;
    use crate::testing::Api;

    #[actix_web::test]
    async fn each_view_is_the_same_document_under_a_strict_policy() {
        let api = Api::not_loaded();
        let root = api.get("/").await;
        for view in ["/", "/ecosystem", "/projects", "/projects/", "/projects/a", "/projects/a/"] {
            let page = api.get(view).await;
            assert_eq!((page.status, &page.body), (200, &root.body), "{view}");
            assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
            let policy = page.header("content-security-policy").unwrap();
            assert!(policy.starts_with("default-src 'self'") && !policy.contains("unsafe"));
            assert_eq!(page.header("x-frame-options"), Some("DENY"));
            assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
        }
        assert_eq!(api.post("/projects", "").await.status, 405);
        assert_eq!(api.get("/projects/a/b").await.status, 404);
        assert_eq!(api.get("/assets/nothing.js").await.status, 404);
    }

    #[actix_web::test]
    async fn an_unchanged_document_is_not_sent_again() {
        let api = Api::not_loaded();
        let tag = api.get("/").await.header("etag").unwrap().to_owned();
        let request = TestRequest::get().uri("/").insert_header(("if-none-match", tag));
        let answer = api.call(request).await;
        assert_eq!((answer.status, &*answer.body), (304, ""));
    }

    #[actix_web::test]
    async fn the_files_of_the_document_are_compressed_and_cached() {
        let api = Api::not_loaded();
        let page = api.get("/").await.body;
        assert_eq!(page.contains("src=\"./assets/"), is_built());
        for rest in page.split("src=\"./assets/").skip(1) {
            let path = format!("/assets/{}", rest.split('"').next().unwrap());
            let request = TestRequest::get().uri(&path).insert_header(("accept-encoding", "br"));
            let answer = api.call(request).await;
            assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("br")));
            assert!(answer.header("cache-control").unwrap().contains("immutable"));
            let tag = answer.header("etag").unwrap();
            let request = TestRequest::get().uri(&path).insert_header(("if-none-match", tag));
            let plain = api.call(request).await;
            assert_eq!(plain.status, 200, "the plain form has another tag");
        }
    }

    #[actix_web::test]
    async fn the_document_is_based_on_the_prefix_of_a_proxy() {
        let mut api = Api::not_loaded();
        api.state.public_url = PublicUrl::parse("https://example.org/fed").ok();
        let page = api.get("/projects").await.body;
        assert!(!is_built() || page.contains("<base href=\"/fed/\""), "{page}");
    }
}
