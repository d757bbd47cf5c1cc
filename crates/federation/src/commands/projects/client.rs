//! HTTP client of the service, with error messages for people.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::Value;
use ureq::config::RedirectAuthHeaders;
use ureq::http::Response;
use ureq::http::header::AUTHORIZATION;
use ureq::{Agent, RequestBuilder};
use url::Url;

use crate::commands::api_key::{ApiKeyArgs, is_loopback};
use crate::output::plain;
use crate::settings::Secret;
use crate::settings::value::without_credentials;

/// Deadline for a response. A list of a million projects takes seconds on a slow connection.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Size limit of a response, in bytes.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024 * 1024;

/// Client of a running service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    url: Url,
    key: Option<Secret>,
}

/// Response to a request for a stream.
pub(crate) enum Opened {
    /// The body, which does not end.
    Stream(ureq::BodyReader<'static>),
    /// Any other response.
    Refused(ServiceResponse),
}

/// A response of the service.
pub(crate) struct ServiceResponse {
    status: u16,
    /// Path of the next page.
    next: Option<String>,
    /// Position in the log that the response reflects.
    index: Option<String>,
    body: String,
}

impl Client {
    /// Creates a client of the service at this URL.
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        let allowed = "FEDERATION_URL (or --url): expected an http or https URL";
        let url = Url::parse(base.trim()).ok();
        let Some(url) = url.filter(|url| matches!(url.scheme(), "http" | "https")) else {
            bail!("{allowed}, got {:?}", without_credentials(base));
        };
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            // A redirect to another host must not receive the key.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost);
        if is_loopback(&url) {
            // A proxy would connect to its own loopback address.
            config = config.proxy(None);
        }
        let base = base.trim().trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().new_agent(), base, url, key: None })
    }

    /// Sends this key, if any, with each request.
    pub(crate) fn with_key(self, key: &ApiKeyArgs) -> anyhow::Result<Self> {
        Ok(Self { key: key.for_service(&self.url)?, ..self })
    }

    fn keyed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {}", key.expose())),
            None => request,
        }
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<ServiceResponse> {
        self.read(self.keyed(self.agent.get(self.url(path))).call())
    }

    /// Opens a stream. The deadline applies to its head only.
    pub(crate) fn open(&self, path: &str) -> anyhow::Result<Opened> {
        let request = self.keyed(self.agent.get(self.url(path))).config().timeout_global(None);
        let opened = request.timeout_recv_response(Some(TIMEOUT)).build().call();
        match opened {
            Ok(answer) if answer.status().is_success() => {
                Ok(Opened::Stream(answer.into_body().into_reader()))
            }
            other => self.read(other).map(Opened::Refused),
        }
    }

    pub(crate) fn post(&self, path: &str, body: String) -> anyhow::Result<ServiceResponse> {
        let request = self.keyed(self.agent.post(self.url(path))).content_type("application/json");
        self.read(request.send(body))
    }

    pub(crate) fn put(&self, path: &str, body: String) -> anyhow::Result<ServiceResponse> {
        let request = self.keyed(self.agent.put(self.url(path))).content_type("application/json");
        self.read(request.send(body))
    }

    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<ServiceResponse> {
        self.read(self.keyed(self.agent.delete(self.url(path))).call())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn read(
        &self,
        answer: Result<Response<ureq::Body>, ureq::Error>,
    ) -> anyhow::Result<ServiceResponse> {
        let unreachable = || {
            let shown = without_credentials(&self.base);
            format!(
                "cannot reach the service at {} (check that it runs, or set --url or FEDERATION_URL)",
                plain(&shown)
            )
        };
        let mut answer = answer.with_context(unreachable)?;
        let links = answer.headers().get_all("link").iter();
        let next = links.filter_map(|link| next_page(link.to_str().ok()?)).next();
        let index = answer.headers().get("x-federation-index");
        let index = index.and_then(|index| index.to_str().ok()).map(str::to_owned);
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).lossy_utf8(true);
        let body = body.read_to_string().context("the response ended early")?;
        Ok(ServiceResponse { status: answer.status().as_u16(), next, index, body })
    }
}

impl ServiceResponse {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Returns the path of the next page, if any.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Returns the position in the log that the response reflects.
    pub(crate) fn index(&self) -> Option<&str> {
        self.index.as_deref()
    }

    /// Returns whether the status is 4xx, so that a retry cannot succeed.
    pub(crate) fn is_of_caller(&self) -> bool {
        (400..500).contains(&self.status)
    }

    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// Returns the reason of a failure: the invalid fields, the reasons, the `detail`, or the status.
    pub(crate) fn problem(&self) -> String {
        self.problem_within(plain)
    }

    /// As [`problem`](Self::problem). `place` says what the caller calls a field of the request.
    pub(crate) fn problem_within(&self, place: impl Fn(&str) -> String) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let faults: Vec<_> =
            list(&body["errors"]).filter_map(|error| field_error(error, &place)).collect();
        let reasons: Vec<_> = list(&body["reasons"]).filter_map(Value::as_str).map(plain).collect();
        match body["detail"].as_str() {
            _ if !faults.is_empty() => {
                format!("the service rejects the request:\n  {}", faults.join("\n  "))
            }
            _ if !reasons.is_empty() => reasons.join("; "),
            Some(detail) if self.status == 401 => {
                format!(
                    "{}; set FEDERATION_API_KEY to a valid key",
                    plain(detail).trim_end_matches('.')
                )
            }
            Some(detail) => plain(detail),
            None => format!("the service responded with status {}", self.status),
        }
    }
}

/// Returns the path of the next page from a `Link` header.
///
/// A service with `PUBLIC_URL` sends an absolute URL, of which only the path within the API is used.
/// The next request, and with it the API key, thus goes to the same service.
fn next_page(link: &str) -> Option<String> {
    let mut links = link.split(", ");
    let next = links.find_map(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""))?;
    let path =
        if next.starts_with('/') { Some(next) } else { next.find("/api/").map(|at| &next[at..]) };
    path.map(str::to_owned)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn field_error(error: &Value, place: impl Fn(&str) -> String) -> Option<String> {
    let text = |key: &str| error[key].as_str().map(plain);
    let place = place(error["field"].as_str()?);
    Some(format!("{place}: expected {}, got {}", text("allowed")?, text("given")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        ServiceResponse { status: 422, next: None, index: None, body: body.to_owned() }.problem()
    }

    #[test]
    fn an_error_repeats_the_problem_of_the_service() {
        assert_eq!(problem(r#"{"detail":"Project 'x' not found"}"#), "Project 'x' not found");
        assert_eq!(problem(r#"{"reasons":["store away","bus away"]}"#), "store away; bus away");
        assert_eq!(problem("<html>"), "the service responded with status 422");
        let fields =
            r#"{"detail":"d","errors":[{"field":"slug","given":"\"A\"","allowed":"a-z"}]}"#;
        assert_eq!(
            problem(fields),
            "the service rejects the request:\n  slug: expected a-z, got \"A\""
        );
    }

    #[test]
    fn an_error_cannot_control_the_terminal() {
        assert_eq!(problem(r#"{"detail":"\u001b[2J"}"#), r"\u{1b}[2J");
    }

    #[test]
    fn a_link_names_the_next_page_of_the_same_service() {
        let first = r#"</p?limit=1>; rel="first""#;
        assert_eq!(next_page(first), None);
        let next = format!(r#"</p?limit=1&cursor=x>; rel="next", {first}"#);
        assert_eq!(next_page(&next).as_deref(), Some("/p?limit=1&cursor=x"));
        assert_eq!(next_page(r#"<http://elsewhere/p>; rel="next""#), None);
        let public = r#"<https://h/federation/api/fed/projects?cursor=x>; rel="next""#;
        assert_eq!(next_page(public).as_deref(), Some("/api/fed/projects?cursor=x"));
    }

    #[test]
    fn a_url_with_another_scheme_is_rejected() {
        for url in ["", "localhost:8001", "ftp://h", "/x"] {
            let Err(error) = Client::new(url) else { panic!("{url}") };
            assert!(error.to_string().starts_with("FEDERATION_URL"), "{error}");
        }
    }
}
