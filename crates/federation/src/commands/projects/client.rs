//! The HTTP client: one request, one answer, and sentences for what goes wrong.

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

/// How long an answer may take. The service answers from memory; a list of a million projects
/// takes seconds on a slow line.
const TIMEOUT: Duration = Duration::from_secs(30);

/// The largest answer that is read, in bytes.
const MAX_ANSWER_BYTES: u64 = 1024 * 1024 * 1024;

/// A connection to a running service. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Client {
    agent: Agent,
    base: String,
    url: Url,
    key: Option<Secret>,
}

/// An answer that does not end by itself, or another one.
pub(crate) enum Opened {
    /// Its body.
    Stream(ureq::BodyReader<'static>),
    Refused(Answer),
}

/// What the service answered.
pub(crate) struct Answer {
    status: u16,
    /// The page after this one, as a path.
    next: Option<String>,
    body: String,
}

impl Client {
    /// A client of the service at this URL.
    pub(crate) fn new(base: &str) -> anyhow::Result<Self> {
        let allowed = "FEDERATION_URL (or --url): an http or https URL is allowed";
        let url = Url::parse(base.trim()).context(allowed)?;
        if !matches!(url.scheme(), "http" | "https") {
            bail!("{allowed}");
        }
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            // A key is not for whoever else a proxy may point to.
            .redirect_auth_headers(RedirectAuthHeaders::SameHost);
        if is_loopback(&url) {
            // A proxy of the environment has another loopback than this machine.
            config = config.proxy(None);
        }
        let base = base.trim().trim_end_matches('/').to_owned();
        Ok(Self { agent: config.build().new_agent(), base, url, key: None })
    }

    /// Sends this key with each request, if there is one.
    pub(crate) fn with_key(self, key: &ApiKeyArgs) -> anyhow::Result<Self> {
        Ok(Self { key: key.for_service(&self.url)?, ..self })
    }

    /// The request, with the key.
    fn keyed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {}", key.expose())),
            None => request,
        }
    }

    pub(crate) fn get(&self, path: &str) -> anyhow::Result<Answer> {
        self.read(self.keyed(self.agent.get(self.url(path))).call())
    }

    /// Opens an answer that does not end by itself; only its head has to come in time.
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

    pub(crate) fn post(&self, path: &str, body: String) -> anyhow::Result<Answer> {
        let request = self.keyed(self.agent.post(self.url(path))).content_type("application/json");
        self.read(request.send(body))
    }

    pub(crate) fn delete(&self, path: &str) -> anyhow::Result<Answer> {
        self.read(self.keyed(self.agent.delete(self.url(path))).call())
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn read(&self, answer: Result<Response<ureq::Body>, ureq::Error>) -> anyhow::Result<Answer> {
        let unreachable = || {
            let shown = match self.base.rsplit_once('@') {
                Some((_, host)) => format!("…@{host}"),
                None => self.base.clone(),
            };
            format!(
                "the service at {} cannot be reached (is it running? --url or FEDERATION_URL \
                 names another)",
                plain(&shown)
            )
        };
        let mut answer = answer.with_context(unreachable)?;
        let links = answer.headers().get_all("link").iter();
        let next = links.filter_map(|link| next_page(link.to_str().ok()?)).next();
        let body = answer.body_mut().with_config().limit(MAX_ANSWER_BYTES).lossy_utf8(true);
        let body = body.read_to_string().context("the answer broke off")?;
        Ok(Answer { status: answer.status().as_u16(), next, body })
    }
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The path of the page after this one, if there is one.
    pub(crate) fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// Whether the caller is to blame, so that trying again makes no sense.
    pub(crate) fn is_of_caller(&self) -> bool {
        (400..500).contains(&self.status)
    }

    /// The body as the service gave it.
    pub(crate) fn body(&self) -> &str {
        &self.body
    }

    pub(crate) fn json(&self) -> anyhow::Result<Value> {
        Ok(serde_json::from_str(&self.body)?)
    }

    /// Why the service refused: each value that it names, or its reasons, or its `detail`, or at
    /// least the status.
    pub(crate) fn problem(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap_or_default();
        let faults: Vec<_> = list(&body["errors"]).filter_map(field_error).collect();
        let reasons: Vec<_> = list(&body["reasons"]).filter_map(Value::as_str).map(plain).collect();
        match body["detail"].as_str() {
            _ if !faults.is_empty() => format!("refused:\n  {}", faults.join("\n  ")),
            _ if !reasons.is_empty() => reasons.join("; "),
            Some(detail) if self.status == 401 => {
                format!("{} (FEDERATION_API_KEY names the key that is sent)", plain(detail))
            }
            Some(detail) => plain(detail),
            None => format!("the service answered with status {}", self.status),
        }
    }
}

/// The path in a header `Link` that leads to the next page. One that leads elsewhere is none: the
/// service is the one that was named.
fn next_page(link: &str) -> Option<String> {
    let links = link.split(", ");
    let paths = links.filter_map(|link| link.strip_prefix('<')?.strip_suffix(">; rel=\"next\""));
    paths.filter(|path| path.starts_with('/')).map(str::to_owned).next()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn field_error(error: &Value) -> Option<String> {
    let text = |key: &str| error[key].as_str().map(plain);
    Some(format!("{}: {}, but got {}", text("field")?, text("allowed")?, text("given")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> String {
        Answer { status: 422, next: None, body: body.to_owned() }.problem()
    }

    #[test]
    fn a_refusal_tells_what_the_service_says() {
        assert_eq!(problem(r#"{"detail":"Project 'x' not found"}"#), "Project 'x' not found");
        assert_eq!(problem(r#"{"reasons":["store away","bus away"]}"#), "store away; bus away");
        assert_eq!(problem("<html>"), "the service answered with status 422");
        let fields =
            r#"{"detail":"d","errors":[{"field":"slug","given":"\"A\"","allowed":"a-z"}]}"#;
        assert_eq!(problem(fields), "refused:\n  slug: a-z, but got \"A\"");
    }

    #[test]
    fn a_refusal_cannot_command_the_terminal() {
        assert_eq!(problem(r#"{"detail":"\u001b[2J"}"#), r"\u{1b}[2J");
    }

    #[test]
    fn a_link_leads_to_the_next_page_of_the_same_service() {
        let first = r#"</p?limit=1>; rel="first""#;
        assert_eq!(next_page(first), None);
        let next = format!(r#"</p?limit=1&cursor=x>; rel="next", {first}"#);
        assert_eq!(next_page(&next).as_deref(), Some("/p?limit=1&cursor=x"));
        assert_eq!(next_page(r#"<http://elsewhere/p>; rel="next""#), None);
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for url in ["", "localhost:8001", "ftp://h", "/x"] {
            let Err(error) = Client::new(url) else { panic!("{url}") };
            assert!(error.to_string().starts_with("FEDERATION_URL"), "{error}");
        }
    }
}
