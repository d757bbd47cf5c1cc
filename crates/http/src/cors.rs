//! Access by scripts of pages on other origins (CORS, as the Fetch standard defines it).
//!
//! Keys are sent in headers, so credentials in the sense of the standard (cookies and the like) are
//! never permitted.

use actix_web::HttpResponse;
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use url::Url;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
const REQUEST_HEADERS: &str = "authorization, content-type, if-match, if-none-match, last-event-id, \
                               x-api-key, x-request-id";
const RESPONSE_HEADERS: &str = "etag, link, location, retry-after, www-authenticate, \
                                x-federation-index, x-request-id";
/// Seconds for which a browser may reuse the answer to a preflight request.
const MAX_AGE: &str = "600";

/// The origins whose pages may use the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cors {
    /// Serialized origins, or `None` for all.
    origins: Option<Vec<String>>,
}

impl Cors {
    /// Parses origins that are separated by commas, or `*`. Returns `None` if the text is empty.
    ///
    /// # Errors
    /// Fails with the invalid origin and a description of the allowed values.
    pub fn parse(text: &str) -> Result<Option<Self>, String> {
        let given: Vec<&str> =
            text.split(',').map(str::trim).filter(|origin| !origin.is_empty()).collect();
        if given.is_empty() {
            return Ok(None);
        }
        if given == ["*"] {
            return Ok(Some(Self { origins: None }));
        }
        let origins = given.into_iter().map(parse_origin).collect::<Result<_, _>>()?;
        Ok(Some(Self { origins: Some(origins) }))
    }

    /// Answers a preflight request of a permitted origin. Returns `None` for any other request.
    ///
    /// A browser sends it without a key before the actual request, which needs one.
    pub(crate) fn preflight(&self, request: &ServiceRequest) -> Option<HttpResponse> {
        let is_preflight = request.method() == Method::OPTIONS
            && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !is_preflight || !self.permits(request.headers().get(ORIGIN)?) {
            return None;
        }
        let mut response = HttpResponse::NoContent();
        response.insert_header((ACCESS_CONTROL_ALLOW_METHODS, METHODS));
        response.insert_header((ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS));
        response.insert_header((ACCESS_CONTROL_MAX_AGE, MAX_AGE));
        Some(response.finish())
    }

    /// Adds the headers that let a script read a response, if its origin is permitted.
    pub(crate) fn complete(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        headers.append(VARY, HeaderValue::from_static("origin"));
        let Some(origin) = origin.filter(|origin| self.permits(origin)) else { return };
        let any = HeaderValue::from_static("*");
        let permitted = if self.origins.is_some() { origin.clone() } else { any };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, permitted);
        let exposed: (HeaderName, _) =
            (ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(RESPONSE_HEADERS));
        headers.insert(exposed.0, exposed.1);
    }

    fn permits(&self, origin: &HeaderValue) -> bool {
        let Some(origins) = &self.origins else { return true };
        origins.iter().any(|permitted| permitted.as_bytes() == origin.as_bytes())
    }
}

/// Parses an origin and returns it as browsers send it.
fn parse_origin(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_origin = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let has_user = !url.username().is_empty() || url.password().is_some();
        matches!(url.scheme(), "http" | "https") && is_origin && !has_user
    });
    url.map(|url| url.origin().ascii_serialization()).ok_or_else(|| {
        format!(
            "expected origins such as https://example.org or http://localhost:3000, separated by \
             commas, or *, got {:?}",
            crate::text::abbreviate(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Closed;
    use crate::testing::Api;

    const PATH: &str = "/api/fed/projects";
    const ORIGIN: (&str, &str) = ("origin", "http://localhost:3000");
    const ASKED: (&str, &str) = ("access-control-request-method", "PATCH");

    async fn api(origins: &str) -> Api {
        let mut api = Api::guarded(Vec::new(), Closed::default()).await;
        api.state = api.state.clone().open_to(Cors::parse(origins).unwrap()).into();
        api
    }

    #[test]
    fn origins_are_parsed_as_browsers_send_them() {
        assert_eq!(Cors::parse(" , ").unwrap(), None);
        let cors = Cors::parse("https://Example.org:443/, http://localhost:3000").unwrap().unwrap();
        assert_eq!(cors.origins.unwrap(), ["https://example.org", "http://localhost:3000"]);
        for bad in ["example.org", "https://h/path", "ftp://h", "null", "*,http://h", "http://u@h"]
        {
            assert!(Cors::parse(bad).unwrap_err().starts_with("expected origins"), "{bad}");
        }
    }

    #[actix_web::test]
    async fn a_preflight_request_needs_no_key() {
        let api = api("https://a.example, http://localhost:3000").await;
        for path in [PATH, "/api/fed/events/ticket", "/api/fed/projects/a"] {
            let answer = api.write(Method::OPTIONS, path, &[ORIGIN, ASKED], "").await;
            assert_eq!((answer.status, &*answer.body), (204, ""), "{answer}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1));
            assert_eq!(answer.header("access-control-allow-methods"), Some(METHODS));
            assert!(answer.header("access-control-allow-headers").unwrap().contains("x-api-key"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
            assert!(answer.headers("vary").contains(&"origin"));
            assert!(answer.header("x-request-id").is_some());
        }
    }

    #[actix_web::test]
    async fn a_script_may_read_responses_and_errors() {
        let api = api("http://localhost:3000").await;
        for (path, status) in [("/health", 200), (PATH, 401), ("/nowhere", 404)] {
            let answer = api.write(Method::GET, path, &[ORIGIN], "").await;
            assert_eq!(answer.status, status, "{answer}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(ORIGIN.1), "{path}");
            assert!(answer.header("access-control-expose-headers").unwrap().contains("etag"));
            assert_eq!(answer.header("access-control-allow-credentials"), None);
        }
        let any = self::api("*").await.write(Method::GET, "/health", &[ORIGIN], "").await;
        assert_eq!(any.header("access-control-allow-origin"), Some("*"));
    }

    #[actix_web::test]
    async fn other_origins_get_no_permission() {
        let elsewhere = ("origin", "http://localhost:3001");
        for (origins, origin) in [("http://localhost:3000", elsewhere), ("", ORIGIN)] {
            let api = api(origins).await;
            let get = api.write(Method::GET, "/health", &[origin], "").await;
            let asked = api.write(Method::OPTIONS, PATH, &[origin, ASKED], "").await;
            assert_eq!((get.status, asked.status), (200, 405));
            for answer in [get, asked] {
                assert_eq!(answer.header("access-control-allow-origin"), None, "{answer}");
            }
        }
    }
}
