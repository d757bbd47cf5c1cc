//! HTTP clients of the channels and of the endpoint probe.

use std::io::Read as _;
use std::time::Duration;

use federation_domain::SendError;
use tokio::task::spawn_blocking;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};
use url::Url;

use crate::outbound::OutboundPolicy;
use crate::{MAX_RESPONSE_BYTES, SEND_TIMEOUT};

/// Maximum number of characters of a response in an error.
const MAX_SHOWN: usize = 200;

/// Maximum delay that is taken from `Retry-After`.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// HTTP client for one channel. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct HttpClient {
    agent: Agent,
    timeout: Duration,
}

/// Reason why a document was not read.
pub(crate) enum GetError {
    /// The server did not answer completely.
    NoAnswer(String),
    /// The server answered, but not with a document that is accepted.
    Refused(String),
}

/// A POST request with a body of JSON.
pub(crate) struct Post {
    pub(crate) url: Url,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

impl HttpClient {
    /// Creates a client. Reads the root certificates of the operating system.
    pub(crate) fn new(policy: OutboundPolicy) -> Self {
        Self::with_timeout(policy, SEND_TIMEOUT)
    }

    fn trusting<C: AsRef<[u8]>>(policy: OutboundPolicy, timeout: Duration, roots: Vec<C>) -> Self {
        let roots: Vec<_> =
            roots.iter().map(|root| Certificate::from_der(root.as_ref()).to_owned()).collect();
        let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&roots)).build();
        let config = Agent::config_builder()
            .timeout_global(Some(timeout))
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .proxy(None)
            .tls_config(tls)
            .user_agent(concat!("federation/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: policy.agent(config), timeout }
    }

    /// Creates a client with a deadline for each request. Reads the root certificates of the operating
    /// system.
    pub(crate) fn with_timeout(policy: OutboundPolicy, timeout: Duration) -> Self {
        Self::trusting(policy, timeout, rustls_native_certs::load_native_certs().certs)
    }

    /// Requests a document and reads it whole. Blocks.
    pub(crate) fn get(&self, url: &Url, max_bytes: u64) -> Result<Vec<u8>, GetError> {
        let unanswered =
            |error: &ureq::Error| GetError::NoAnswer(failure(error, self.timeout).reason);
        let response = self.agent.get(url.as_str()).call().map_err(|error| unanswered(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(GetError::Refused(format!(
                "status {}: redirects are not followed",
                status.as_u16()
            )));
        }
        if !status.is_success() {
            return Err(GetError::Refused(format!("status {}", status.as_u16())));
        }
        let mut body = Vec::new();
        let mut reader = response.into_body().into_reader().take(max_bytes + 1);
        let read = reader.read_to_end(&mut body);
        read.map_err(|error| unanswered(&ureq::Error::from(error)))?;
        if u64::try_from(body.len()).is_ok_and(|length| length <= max_bytes) {
            return Ok(body);
        }
        Err(GetError::Refused(format!("the response has more than {max_bytes} bytes")))
    }

    /// Sends a request and waits for a status of success.
    pub(crate) async fn post(&self, post: Post) -> Result<(), SendError> {
        let agent = self.agent.clone();
        let sent = spawn_blocking(move || send(&agent, &post)).await;
        sent.map_err(|_| SendError::new("the request was aborted"))?
    }
}

fn send(agent: &Agent, post: &Post) -> Result<(), SendError> {
    let mut request = agent.post(post.url.as_str()).header("content-type", "application/json");
    for (name, value) in &post.headers {
        request = request.header(*name, value);
    }
    let response =
        request.send(post.body.as_str()).map_err(|error| failure(&error, SEND_TIMEOUT))?;
    outcome(response)
}

/// Returns the reason without the URL, which may hold a secret.
fn failure(error: &ureq::Error, timeout: Duration) -> SendError {
    SendError::new(match error {
        ureq::Error::Timeout(_) => format!("no answer within {} s", timeout.as_secs_f64()),
        ureq::Error::HostNotFound => "the name of the receiver does not resolve".to_owned(),
        ureq::Error::Io(error) => format!("the connection failed: {error}"),
        ureq::Error::ConnectionFailed => "the connection failed".to_owned(),
        ureq::Error::Rustls(error) => format!("TLS failed: {error}"),
        ureq::Error::Other(error) => error.to_string(),
        ureq::Error::Protocol(error) => format!("the answer is not HTTP: {error}"),
        ureq::Error::LargeResponseHeader(..) => "the head of the answer is too large".to_owned(),
        _ => "the request failed".to_owned(),
    })
}

fn outcome(mut response: Response<Body>) -> Result<(), SendError> {
    let status = response.status();
    let mut body = Vec::new();
    // Reading the end of a short body lets the connection be used again.
    let limit = u64::try_from(MAX_RESPONSE_BYTES).unwrap_or(u64::MAX);
    let read = response.body_mut().as_reader().take(limit).read_to_end(&mut body);
    if status.is_success() {
        return Ok(());
    }
    let mut reason = format!("status {}", status.as_u16());
    if status.is_redirection() {
        reason.push_str(": redirects are not followed; set the url to its target");
    } else if read.is_ok() && !body.is_empty() {
        let text: String = String::from_utf8_lossy(&body).chars().take(MAX_SHOWN).collect();
        reason.push_str(": ");
        reason.push_str(text.trim());
    }
    let retry_after = response.headers().get("retry-after");
    let retry_after = retry_after.and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let retry_after = retry_after.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER));
    Err(SendError { reason, retry_after })
}
