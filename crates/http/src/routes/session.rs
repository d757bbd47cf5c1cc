//! `/api/fed/session`.

use std::fmt::Write as _;
use std::io::Error;

use actix_web::http::header::{CACHE_CONTROL, SET_COOKIE};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::grant::Grant;
use crate::auth::sessions::{COOKIE_NAME, VALIDITY};
use crate::error::ApiError;
use crate::public_url::PublicUrl;
use crate::state::ApiState;
use crate::wire::timestamp::Timestamp;

/// The session of a browser.
#[derive(Serialize, ToSchema)]
#[schema(
    as = Session,
    example = json!({
        "required": true, "key": "1a2b3c4d", "scopes": ["read"],
        "expires_at": "2026-11-29T12:00:00.000000Z"
    })
)]
pub(crate) struct SessionBody {
    /// True if the service requires API keys. If false, every operation is allowed.
    required: bool,
    /// Id of the key. Null if the service has no keys.
    key: Option<String>,
    /// Scopes of the key. Null if the service has no keys.
    #[schema(example = json!(["read"]))]
    scopes: Option<Vec<&'static str>>,
    /// Time at which the session ends. Null if the request was admitted by its key.
    #[schema(value_type = Option<String>, format = DateTime, example = "2026-11-29T12:00:00.000000Z")]
    expires_at: Option<Timestamp>,
}

/// Begin a session of a browser.
///
/// Send an API key once. The response sets a cookie, which replaces the key for 12 hours in requests of
/// pages of this service. The cookie is not readable by scripts and is not sent by other sites. It ends
/// with its key. A request that changes something and is admitted by the cookie must have the header
/// `X-Requested-With`, with any value, or come from the same origin according to `Sec-Fetch-Site`.
#[utoipa::path(
    post,
    path = "/api/fed/session",
    operation_id = "begin_session",
    tag = "operation",
    responses(
        (
            status = 200, description = "The session.", body = SessionBody,
            headers(
                ("Set-Cookie" = Option<String>, description = "The session. Absent if the service has no keys."),
                ("Cache-Control" = String, description = "`no-store`.")
            )
        ),
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn begin(
    request: HttpRequest,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let grant = grant(&request);
    let mut response = HttpResponse::Ok();
    let begun = match grant.as_ref().filter(|grant| grant.session().is_none()) {
        Some(grant) => Some(grant.begin_session().ok_or_else(|| {
            ApiError::internal(Error::other("the operating system provides no randomness"))
        })?),
        None => None,
    };
    let mut body = body_of(grant.as_ref());
    if let Some((token, session)) = begun {
        let seconds = VALIDITY.as_secs();
        response.insert_header((SET_COOKIE, cookie(&request, &state, &token, seconds)));
        body.expires_at = Some(Timestamp(session.expires));
    }
    Ok(answer(&mut response, &body))
}

/// Get the session.
///
/// Returns the scopes of the key that admits the request, so that a page offers only what they allow.
#[utoipa::path(
    get,
    path = "/api/fed/session",
    operation_id = "get_session",
    tag = "operation",
    responses(
        (
            status = 200, description = "The session.", body = SessionBody,
            headers(("Cache-Control" = String, description = "`no-store`."))
        ),
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn get(request: HttpRequest) -> HttpResponse {
    answer(&mut HttpResponse::Ok(), &body_of(grant(&request).as_ref()))
}

/// End the session.
///
/// The cookie is no longer accepted by this replica, and the browser is told to forget it. Streams that
/// it opened end.
#[utoipa::path(
    delete,
    path = "/api/fed/session",
    operation_id = "end_session",
    tag = "operation",
    responses(
        (
            status = 204, description = "The session has ended.",
            headers(("Set-Cookie" = String, description = "Removes the cookie."))
        ),
        crate::shapes::errors::InternalError,
    )
)]
pub(crate) async fn end(request: HttpRequest, state: web::Data<ApiState>) -> HttpResponse {
    if let Some(grant) = grant(&request) {
        grant.end_session();
    }
    let removed = cookie(&request, &state, "", 0);
    HttpResponse::NoContent().insert_header((SET_COOKIE, removed)).finish()
}

fn grant(request: &HttpRequest) -> Option<Grant> {
    request.extensions().get::<Grant>().cloned()
}

fn body_of(grant: Option<&Grant>) -> SessionBody {
    SessionBody {
        required: grant.is_some(),
        key: grant.map(|grant| grant.key_id().to_owned()),
        scopes: grant.map(|grant| grant.scopes().iter().map(|scope| scope.as_str()).collect()),
        expires_at: grant.and_then(Grant::session).map(|session| Timestamp(session.expires)),
    }
}

fn answer(response: &mut HttpResponseBuilder, body: &SessionBody) -> HttpResponse {
    response.insert_header((CACHE_CONTROL, "no-store")).json(body)
}

/// Formats the cookie. It is `Secure` if clients reach the service over TLS, as a proxy says.
fn cookie(request: &HttpRequest, state: &ApiState, token: &str, seconds: u64) -> String {
    let public = state.public_url.as_ref();
    let path = public.map(PublicUrl::path).filter(|path| !path.is_empty()).unwrap_or("/");
    let forwarded = request.headers().get("x-forwarded-proto");
    let is_secure = public.is_some_and(|url| url.as_str().starts_with("https:"))
        || forwarded.is_some_and(|scheme| scheme.as_bytes().eq_ignore_ascii_case(b"https"));
    let mut cookie = format!("{COOKIE_NAME}={token}");
    let secure = if is_secure { "; Secure" } else { "" };
    // Writing to a String cannot fail.
    let _ = write!(cookie, "; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    cookie
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use actix_web::http::Method;
    use serde_json::Value;

    use crate::auth::{Closed, Key, KeyDigest, Keys, Scope, format_key};
    use crate::cors::Cors;
    use crate::public_url::PublicUrl;
    use crate::testing::{Api, REGISTRATION, TestResponse, schema};

    const PATH: &str = "/api/fed/session";
    const PROJECTS: &str = "/api/fed/projects";
    const OWN: (&str, &str) = ("x-requested-with", "fetch");

    fn key(scopes: &[Scope]) -> (Key, String) {
        let text = format_key("a1", b"secret");
        let (scopes, digest) = (scopes.iter().copied().collect(), KeyDigest::of(&text));
        let id = "a1".to_owned();
        (
            Key { id, digest, scopes, slugs: None, actions: None, expires: None, revoked: false },
            text,
        )
    }

    async fn api(scopes: &[Scope]) -> (Api, Arc<Keys>, String) {
        let (key, text) = key(scopes);
        let keys = Arc::new(Keys::new(Vec::new()));
        keys.replace_filed(vec![key]);
        let api = Api::guarded_by(Arc::clone(&keys), Closed::default()).await;
        (api, keys, text)
    }

    /// Signs in and returns the attributes of the cookie, the token first.
    async fn sign_in(api: &Api, text: &str, headers: &[(&str, &str)]) -> Vec<String> {
        let headers: Vec<_> = [("x-api-key", text)].into_iter().chain(headers.to_vec()).collect();
        let answer = api.write(Method::POST, PATH, &headers, "").await;
        assert_eq!(answer.status, 200, "{answer}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        schema::check("Session", &serde_json::from_str(&answer.body).unwrap());
        let cookie = answer.header("set-cookie").unwrap();
        cookie.split("; ").map(str::to_owned).collect()
    }

    async fn ask(api: &Api, method: Method, path: &str, headers: &[(&str, &str)]) -> TestResponse {
        let body = if method == Method::POST && path == PROJECTS { REGISTRATION } else { "" };
        api.write(method, path, headers, body).await
    }

    #[actix_web::test]
    async fn a_key_is_exchanged_for_a_cookie_that_scripts_cannot_read() {
        let (mut api, _, text) = api(&[Scope::Read]).await;
        let cookie = sign_in(&api, &text, &[]).await;
        assert_eq!(cookie[1..], ["Path=/", "Max-Age=43200", "HttpOnly", "SameSite=Strict"]);
        assert!(!cookie[0].contains("secret") && !cookie[0].contains(&text), "{cookie:?}");
        let secure = sign_in(&api, &text, &[("x-forwarded-proto", "https")]).await;
        assert_eq!(secure[5], "Secure");
        api.state.public_url = PublicUrl::parse("https://example.org/fed").ok();
        let proxied = sign_in(&api, &text, &[]).await;
        assert_eq!((&*proxied[1], &*proxied[5]), ("Path=/fed", "Secure"));
    }

    #[actix_web::test]
    async fn the_cookie_admits_what_its_key_admits() {
        let (api, _, text) = api(&[Scope::Read]).await;
        let cookie = sign_in(&api, &text, &[]).await.remove(0);
        let session = ask(&api, Method::GET, PATH, &[("cookie", &cookie)]).await;
        let body: Value = serde_json::from_str(&session.body).unwrap();
        schema::check("Session", &body);
        assert_eq!(body["scopes"], serde_json::json!(["read"]));
        assert_eq!(body["expires_at"], "2026-11-25T00:00:00.000000Z");
        assert_eq!(ask(&api, Method::GET, PROJECTS, &[("cookie", &cookie)]).await.status, 200);
        let write = ask(&api, Method::POST, PROJECTS, &[("cookie", &cookie), OWN]).await;
        assert_eq!(write.status, 403, "{write}");
        api.clock.advance(Duration::from_secs(12 * 60 * 60));
        let late = ask(&api, Method::GET, PROJECTS, &[("cookie", &cookie)]).await;
        assert_eq!(late.status, 401);
        assert!(late.body.contains("the session has ended"), "{late}");
    }

    #[actix_web::test]
    async fn a_session_ends_with_its_key_and_its_streams_end_too() {
        let (api, keys, text) = api(&[Scope::Read]).await;
        let cookie = sign_in(&api, &text, &[]).await.remove(0);
        let cookie = [("cookie", &*cookie)];
        keys.replace_filed(vec![Key { revoked: true, ..key(&[Scope::Read]).0 }]);
        assert_eq!(ask(&api, Method::GET, PROJECTS, &cookie).await.status, 401);
        let another = KeyDigest::of("fed_a1_another");
        keys.replace_filed(vec![Key { digest: another, ..key(&[Scope::Read]).0 }]);
        assert_eq!(ask(&api, Method::GET, PROJECTS, &cookie).await.status, 401);
        keys.replace_filed(Vec::new());
        assert_eq!(ask(&api, Method::GET, PROJECTS, &cookie).await.status, 401);
    }

    #[actix_web::test]
    async fn a_stolen_cookie_is_worth_nothing_after_its_session_was_ended() {
        let (api, _, text) = api(&[Scope::Read]).await;
        let cookie = sign_in(&api, &text, &[]).await.remove(0);
        let other = sign_in(&api, &text, &[]).await.remove(0);
        let end = ask(&api, Method::DELETE, PATH, &[("cookie", &cookie), OWN]).await;
        assert_eq!(end.status, 204);
        let removed = end.header("set-cookie").unwrap();
        assert!(removed.starts_with("federation_session=; ") && removed.contains("Max-Age=0"));
        assert_eq!(ask(&api, Method::GET, PROJECTS, &[("cookie", &cookie)]).await.status, 401);
        assert_eq!(ask(&api, Method::GET, PROJECTS, &[("cookie", &other)]).await.status, 200);
    }

    #[actix_web::test]
    async fn other_sites_cannot_use_the_cookie() {
        let (mut api, _, text) = api(&[Scope::Read, Scope::Write]).await;
        api.state.cors = Cors::parse("https://other.example.org").unwrap().map(Arc::new);
        let cookie = sign_in(&api, &text, &[]).await.remove(0);
        let cookie = ("cookie", &*cookie);
        let origin = ("origin", "https://other.example.org");
        let forged = ask(&api, Method::POST, PROJECTS, &[cookie, origin]).await;
        assert_eq!(forged.status, 403, "{forged}");
        assert!(forged.body.contains("X-Requested-With"), "{forged}");
        for site in ["cross-site", "same-site"] {
            let site = ("sec-fetch-site", site);
            let write = ask(&api, Method::POST, PROJECTS, &[cookie, site, OWN]).await;
            assert_eq!(write.status, 401, "{write}");
            let read = ask(&api, Method::GET, PROJECTS, &[cookie, site, origin]).await;
            assert_eq!(read.status, 401, "{read}");
            assert_eq!(read.header("access-control-allow-credentials"), None);
        }
        let asked = [origin, ("access-control-request-method", "POST")];
        let preflight = ask(&api, Method::OPTIONS, PROJECTS, &asked).await;
        let headers = preflight.header("access-control-allow-headers").unwrap();
        assert!(!headers.contains("x-requested-with"), "{headers}");
        assert_eq!(preflight.header("access-control-allow-credentials"), None);
        let own =
            ask(&api, Method::POST, PROJECTS, &[cookie, ("sec-fetch-site", "same-origin")]).await;
        assert_eq!(own.status, 201, "{own}");
    }

    #[actix_web::test]
    async fn a_key_in_the_request_takes_precedence_over_the_cookie() {
        let (api, _, text) = api(&[Scope::Read]).await;
        let cookie = sign_in(&api, &text, &[]).await.remove(0);
        let wrong = [("cookie", &*cookie), ("x-api-key", "wrong-key")];
        assert_eq!(ask(&api, Method::GET, PROJECTS, &wrong).await.status, 401);
        let bad = [("cookie", "federation_session=bad"), ("x-api-key", &*text)];
        assert_eq!(ask(&api, Method::GET, PROJECTS, &bad).await.status, 200);
    }

    #[actix_web::test]
    async fn a_session_does_not_extend_itself() {
        let (api, _, text) = api(&[Scope::Read]).await;
        let cookie = sign_in(&api, &text, &[]).await.remove(0);
        let again = ask(&api, Method::POST, PATH, &[("cookie", &cookie), OWN]).await;
        assert_eq!((again.status, again.header("set-cookie")), (200, None));
    }

    #[actix_web::test]
    async fn a_service_without_keys_needs_no_session() {
        let api = Api::new().await;
        for method in [Method::GET, Method::POST] {
            let answer = api.send(method, PATH).await;
            assert_eq!((answer.status, answer.header("set-cookie")), (200, None));
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            schema::check("Session", &body);
            assert_eq!((&body["required"], &body["scopes"]), (&Value::Bool(false), &Value::Null));
        }
    }
}
