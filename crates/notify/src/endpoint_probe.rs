//! Check of the endpoints that projects serve.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use federation_domain::{
    Clock, EndpointAnswer, EndpointProbe, HubUrl, InstanceFacts, Monotonic, Unreachable,
};
use serde_json::Value;
use tokio::task::spawn_blocking;
use url::Url;

use crate::client::{GetError, HttpClient};
use crate::outbound::OutboundPolicy;

/// Deadline for each request to a project.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// Maximum size of a document that a project serves.
pub const MAX_DOCUMENT_BYTES: u64 = 64 * 1_024;

/// Maximum number of characters of a reason.
const MAX_REASON: usize = 200;

/// Requests `/health` and `/api/capabilities` below the hub URL of a project. Cheap to clone.
#[derive(Clone)]
pub struct HttpProbe {
    client: HttpClient,
    policy: OutboundPolicy,
    clock: Arc<dyn Clock>,
}

impl HttpProbe {
    /// Creates a probe with a deadline for each request. Reads the root certificates of the operating
    /// system, which blocks.
    #[must_use]
    pub fn new(policy: OutboundPolicy, timeout: Duration, clock: Arc<dyn Clock>) -> Self {
        Self { client: HttpClient::with_timeout(policy, timeout), policy, clock }
    }

    fn ask(&self, hub_url: &HubUrl) -> Result<EndpointAnswer, Unreachable> {
        let base = Url::parse(hub_url.as_str()).map_err(|_| failure("its URL is invalid"))?;
        let began = self.clock.monotonic();
        let health = self.get(&base, "health");
        if let Err(GetError::NoAnswer(reason)) = &health {
            return Err(failure(reason));
        }
        let health_took = self.since(began);
        let capabilities = self.get(&base, "api/capabilities");
        let latency = if health.is_ok() { health_took } else { self.since(began) };
        let (health, capabilities) = match (health, capabilities) {
            (Err(GetError::Refused(reason) | GetError::NoAnswer(reason)), Err(_)) => {
                return Err(failure(&reason));
            }
            (health, capabilities) => (json(health), json(capabilities)),
        };
        let (facts, endpoints) = stated(&health, &capabilities);
        Ok(EndpointAnswer { latency, facts, endpoints })
    }

    fn since(&self, began: Monotonic) -> Duration {
        self.clock.monotonic().since(began)
    }

    fn get(&self, base: &Url, path: &str) -> Result<Vec<u8>, GetError> {
        let mut url = base.clone();
        url.set_query(None);
        url.set_fragment(None);
        url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
        let forbidden = self.policy.check_url(&url);
        forbidden.map_err(|error| GetError::NoAnswer(error.to_string()))?;
        self.client.get(&url, MAX_DOCUMENT_BYTES)
    }
}

#[async_trait]
impl EndpointProbe for HttpProbe {
    async fn probe(&self, hub_url: &HubUrl) -> Result<EndpointAnswer, Unreachable> {
        let (probe, hub_url) = (self.clone(), hub_url.clone());
        let asked = spawn_blocking(move || probe.ask(&hub_url)).await;
        asked.unwrap_or_else(|_| Err(failure("the request was aborted")))
    }
}

fn failure(reason: &str) -> Unreachable {
    let plain = reason.chars().filter(|c| !c.is_control());
    Unreachable { reason: plain.take(MAX_REASON).collect() }
}

/// Reads a document. One that is missing or is not JSON reads as null.
fn json(document: Result<Vec<u8>, GetError>) -> Value {
    document.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// Returns what the two documents state. Values of another type are left out, and texts and lists are
/// cut to the limits of [`InstanceFacts`]. The version of `/health` counts if the other has none.
fn stated(health: &Value, capabilities: &Value) -> (InstanceFacts, Vec<(String, String)>) {
    let version = capabilities["version"].as_str().or_else(|| health["version"].as_str());
    let tools = capabilities["tools"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let facts = InstanceFacts::new(version, tools, [] as [&str; 0]);
    let endpoints = capabilities["endpoints"].as_object().into_iter().flatten();
    let endpoints = endpoints.filter_map(|(name, path)| {
        let pair = InstanceFacts::new(None, [name.as_str(), path.as_str()?], [] as [&str; 0]);
        match pair.tools() {
            [name, path] => Some((name.clone(), path.clone())),
            _ => None,
        }
    });
    let endpoints: BTreeMap<_, _> = endpoints.take(InstanceFacts::MAX_ENTRIES).collect();
    (facts, endpoints.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_texts_within_the_limits_are_read() {
        let health = json!({"version": "0.8.0"});
        let capabilities = json!({
            "version": ["0.9.0"],
            "tools": ["vault", 7, null, "<b>\u{1b}[2J", {"a": "b"}],
            "endpoints": {"graph": "/api/graph", "bad": 1, "": "/x", "a\u{7}": "/\u{0}a"},
        });
        let (facts, endpoints) = stated(&health, &capabilities);
        assert_eq!(facts.version(), Some("0.8.0"));
        assert_eq!(facts.tools(), ["vault", "<b>[2J"]);
        let pair = |name: &str, path: &str| (name.to_owned(), path.to_owned());
        assert_eq!(endpoints, [pair("a", "/a"), pair("graph", "/api/graph")]);
    }

    #[test]
    fn lists_and_texts_are_cut() {
        let many: Vec<_> = (0..5_000).map(|n| format!("{n}{}", "ä".repeat(200))).collect();
        let pairs: serde_json::Map<_, _> =
            many.iter().map(|name| (name.clone(), json!(name))).collect();
        let (facts, endpoints) = stated(&Value::Null, &json!({"tools": many, "endpoints": pairs}));
        assert_eq!((facts.tools().len(), endpoints.len()), (50, 50));
        assert!(facts.tools().iter().all(|tool| tool.chars().count() == 100));
        assert!(
            endpoints
                .iter()
                .all(|(name, path)| name.chars().count().max(path.chars().count()) == 100)
        );
    }

    #[test]
    fn documents_of_other_types_state_nothing() {
        for document in
            [json!(null), json!([1]), json!("x"), json!({"tools": "a", "endpoints": []})]
        {
            let (facts, endpoints) = stated(&document, &document);
            assert_eq!((facts, endpoints), (InstanceFacts::default(), Vec::new()), "{document}");
        }
    }
}
