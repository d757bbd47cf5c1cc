//! Summaries of graphs, audits, security scans and deployments, and the latency of health samples.

use std::borrow::Cow;

use federation_domain::{Sample, SampleValue, parse_observed_at};
use serde::Deserialize;
use time::OffsetDateTime;

use super::decode::{DecodeError, read_object};
use super::samples::{BorrowedText, DecodedSamples, EntryValue};
use crate::subjects::{self, SummaryKind};

/// Maximum number of environments of a deployment.
const MAX_ENVIRONMENTS: usize = 20;

/// A decoded summary. Its payload may name the project.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedSummary<'a> {
    /// Project that the payload names.
    pub named: Option<Cow<'a, str>>,
    /// The valid samples.
    pub samples: Vec<Sample<'a>>,
    /// Number of invalid values, which are dropped.
    pub invalid: u64,
    /// Time at which the summary was made, if the payload has one.
    pub observed_at: Option<OffsetDateTime>,
}

/// All keys of the four summaries, in camelCase and in snake_case. Others are ignored.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Payload<'a> {
    #[serde(borrow, alias = "project_slug")]
    project_slug: Option<BorrowedText<'a>>,
    #[serde(borrow)]
    counts: Option<Counts<'a>>,
    #[serde(borrow)]
    ts: Option<EntryValue<'a>>,
    #[serde(borrow)]
    ok: Option<EntryValue<'a>>,
    #[serde(borrow)]
    warn: Option<EntryValue<'a>>,
    #[serde(borrow)]
    fail: Option<EntryValue<'a>>,
    #[serde(borrow, alias = "last_run")]
    last_run: Option<EntryValue<'a>>,
    #[serde(borrow, alias = "vulns_critical")]
    vulns_critical: Option<EntryValue<'a>>,
    #[serde(borrow, alias = "vulns_high")]
    vulns_high: Option<EntryValue<'a>>,
    #[serde(borrow, alias = "last_scan")]
    last_scan: Option<EntryValue<'a>>,
    #[serde(borrow)]
    envs: Option<Vec<EntryValue<'a>>>,
    #[serde(borrow)]
    versions: Option<Vec<Option<EntryValue<'a>>>>,
    #[serde(borrow, alias = "last_deployed_at")]
    last_deployed_at: Option<EntryValue<'a>>,
}

/// Counts of a graph.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Counts<'a> {
    #[serde(borrow)]
    files: Option<EntryValue<'a>>,
    #[serde(borrow)]
    symbols: Option<EntryValue<'a>>,
    #[serde(borrow)]
    tasks: Option<EntryValue<'a>>,
    #[serde(borrow)]
    audits: Option<EntryValue<'a>>,
}

/// Decodes a summary.
///
/// # Errors
/// Returns why the message is not a summary.
pub fn decode_summary(
    kind: SummaryKind,
    payload: &[u8],
) -> Result<DecodedSummary<'_>, DecodeError> {
    let payload: Payload<'_> = read_object(payload)?;
    let observed_at = match payload.ts {
        Some(EntryValue::Text(text)) => parse_observed_at("ts", &text).ok(),
        _ => None,
    };
    let mut found = Found::default();
    match kind {
        SummaryKind::Graph => {
            let counts = payload.counts.unwrap_or_default();
            found.number("graph.files", counts.files);
            found.number("graph.symbols", counts.symbols);
            found.number("graph.tasks", counts.tasks);
            found.number("graph.audits", counts.audits);
        }
        SummaryKind::Audit => {
            found.number("audit.ok_count", payload.ok);
            found.number("audit.warn_count", payload.warn);
            found.number("audit.fail_count", payload.fail);
            found.add("audit.last_run", payload.last_run);
        }
        SummaryKind::Security => {
            found.number("security.critical_count", payload.vulns_critical);
            found.number("security.high_count", payload.vulns_high);
            found.add("security.last_scan", payload.last_scan);
        }
        SummaryKind::Deploy => {
            let versions = payload.versions.unwrap_or_default();
            found.versions(payload.envs.unwrap_or_default(), versions);
            found.add("deploy.last_deployed", payload.last_deployed_at);
        }
    }
    let Found { samples, invalid } = found;
    let named = payload.project_slug.map(|slug| slug.0);
    Ok(DecodedSummary { named, samples, invalid, observed_at })
}

/// Keys of a health sample that are samples of metrics.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Health<'a> {
    #[serde(borrow, rename = "project_slug", alias = "projectSlug")]
    project_slug: Option<BorrowedText<'a>>,
    #[serde(borrow, alias = "latency_ms")]
    latency_ms: Option<EntryValue<'a>>,
    #[serde(borrow, alias = "sample_at")]
    sample_at: Option<EntryValue<'a>>,
}

/// Decodes the latency of a health sample on `hub.health.{slug}`. Without one, there are no samples.
///
/// # Errors
/// Returns why the message is not a health sample.
pub fn decode_latency<'a>(
    subject: &'a str,
    payload: &'a [u8],
) -> Result<DecodedSamples<'a>, DecodeError> {
    let (_, slug) = subjects::parse(subject).map_err(|_| DecodeError::BadSubject)?;
    let health: Health<'a> = read_object(payload)?;
    if health.project_slug.is_some_and(|named| named.0 != slug) {
        return Err(DecodeError::Spoofed);
    }
    let mut found = Found::default();
    found.number("health.latency_ms", health.latency_ms);
    let observed_at = match health.sample_at {
        Some(EntryValue::Text(text)) => parse_observed_at("sampleAt", &text).ok(),
        _ => None,
    };
    Ok(DecodedSamples { slug, samples: found.samples, invalid: found.invalid, observed_at })
}

/// Samples found so far.
#[derive(Default)]
struct Found<'a> {
    samples: Vec<Sample<'a>>,
    invalid: u64,
}

impl<'a> Found<'a> {
    /// Adds a count or a latency, which is not negative.
    fn number(&mut self, metric: &'static str, value: Option<EntryValue<'a>>) {
        match value {
            Some(EntryValue::Number(number)) if number < 0.0 => self.invalid += 1,
            Some(EntryValue::Number(number)) => self.add(metric, Some(EntryValue::Number(number))),
            Some(_) => self.invalid += 1,
            None => {}
        }
    }

    fn add(&mut self, metric: impl Into<Cow<'a, str>>, value: Option<EntryValue<'a>>) {
        let Some(value) = value else { return };
        let metric = metric.into();
        match value.check(&metric).and_then(|value| Sample::new(metric, value)) {
            Ok(sample) => self.samples.push(sample),
            Err(_) => self.invalid += 1,
        }
    }

    /// Adds the version of each environment, given in the same order. An environment without a version
    /// adds nothing.
    fn versions(&mut self, envs: Vec<EntryValue<'a>>, versions: Vec<Option<EntryValue<'a>>>) {
        let excess = envs.len().saturating_sub(MAX_ENVIRONMENTS);
        self.invalid += excess as u64;
        for (env, version) in envs.into_iter().take(MAX_ENVIRONMENTS).zip(versions) {
            let metric = match env {
                EntryValue::Text(env) => format!("deploy.version.{}", env.to_ascii_lowercase()),
                _ => String::new(),
            };
            let text = match version {
                None => continue,
                Some(EntryValue::Text(version)) => SampleValue::text("version", version),
                // A version such as `2` may be a number in JSON. It is kept as a text nevertheless.
                Some(EntryValue::Number(number)) => {
                    SampleValue::text("version", number.to_string())
                }
                Some(_) => {
                    self.invalid += 1;
                    continue;
                }
            };
            match text.and_then(|version| Sample::new(metric, version)) {
                Ok(sample) if !self.has(sample.metric()) => self.samples.push(sample),
                _ => self.invalid += 1,
            }
        }
    }

    fn has(&self, metric: &str) -> bool {
        self.samples.iter().any(|known| known.metric() == metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(samples: &[Sample<'_>]) -> Vec<String> {
        let value = |sample: &Sample<'_>| match sample.value().as_number() {
            Some(number) => number.to_string(),
            None => format!("{:?}", sample.value().as_text().unwrap()),
        };
        samples.iter().map(|one| format!("{}={}", one.metric(), value(one))).collect()
    }

    fn decoded(kind: SummaryKind, payload: &str) -> (Option<String>, Vec<String>, u64) {
        let decoded = decode_summary(kind, payload.as_bytes()).unwrap();
        let named = decoded.named.as_ref().map(ToString::to_string);
        (named, shown(&decoded.samples), decoded.invalid)
    }

    #[test]
    fn the_summaries_of_the_plan_are_decoded_in_both_spellings() {
        for (kind, camel, snake, expected) in [
            (
                SummaryKind::Graph,
                r#"{"projectSlug":"a","counts":{"files":1,"symbols":2,"tasks":3,"audits":4},"ts":"2026-11-28T12:00:00Z"}"#,
                r#"{"project_slug":"a","counts":{"files":1,"symbols":2,"tasks":3,"audits":4},"ts":"2026-11-28T12:00:00"}"#,
                &["graph.files=1", "graph.symbols=2", "graph.tasks=3", "graph.audits=4"][..],
            ),
            (
                SummaryKind::Audit,
                r#"{"projectSlug":"a","ok":10,"warn":2,"fail":0,"lastRun":"2026-11-28T12:00:00Z"}"#,
                r#"{"project_slug":"a","ok":10,"warn":2,"fail":0,"last_run":"2026-11-28T12:00:00Z"}"#,
                &[
                    "audit.ok_count=10",
                    "audit.warn_count=2",
                    "audit.fail_count=0",
                    "audit.last_run=\"2026-11-28T12:00:00Z\"",
                ],
            ),
            (
                SummaryKind::Security,
                r#"{"projectSlug":"a","vulnsCritical":1,"vulnsHigh":4,"lastScan":"yesterday"}"#,
                r#"{"project_slug":"a","vulns_critical":1,"vulns_high":4,"last_scan":"yesterday"}"#,
                &[
                    "security.critical_count=1",
                    "security.high_count=4",
                    "security.last_scan=\"yesterday\"",
                ],
            ),
            (
                SummaryKind::Deploy,
                r#"{"projectSlug":"a","envs":["dev","staging","Prod"],"versions":["1.5",null,2],"lastDeployedAt":"2026-11-28T12:00:00Z"}"#,
                r#"{"project_slug":"a","envs":["dev","staging","prod"],"versions":["1.5",null,2],"last_deployed_at":"2026-11-28T12:00:00Z"}"#,
                &[
                    "deploy.version.dev=\"1.5\"",
                    "deploy.version.prod=\"2\"",
                    "deploy.last_deployed=\"2026-11-28T12:00:00Z\"",
                ],
            ),
        ] {
            let expected: Vec<String> = expected.iter().map(ToString::to_string).collect();
            for payload in [camel, snake] {
                assert_eq!(decoded(kind, payload), (Some("a".to_owned()), expected.clone(), 0));
            }
        }
    }

    #[test]
    fn an_invalid_value_hides_no_other() {
        let payload = r#"{"ok": -1, "warn": "2", "fail": 3, "lastRun": [1], "more": {}}"#;
        let (named, samples, invalid) = decoded(SummaryKind::Audit, payload);
        assert_eq!((named, samples, invalid), (None, vec!["audit.fail_count=3".to_owned()], 3));
        let payload = r#"{"envs": ["a b", 7, "dev", "dev"], "versions": ["1", "1", "1", "2"]}"#;
        let (_, samples, invalid) = decoded(SummaryKind::Deploy, payload);
        assert_eq!((samples, invalid), (vec!["deploy.version.dev=\"1\"".to_owned()], 3));
    }

    #[test]
    fn a_key_in_both_spellings_is_a_duplicate() {
        for payload in [r#"{"lastRun": 1, "last_run": 2}"#, r#"{"ok": 1, "ok": 1}"#, "[]", ""] {
            let decoded = decode_summary(SummaryKind::Audit, payload.as_bytes());
            assert_eq!(decoded, Err(DecodeError::Malformed), "{payload}");
        }
    }

    #[test]
    fn the_latency_of_a_health_sample_is_a_metric() {
        let of = |payload: &'static str| decode_latency("hub.health.a", payload.as_bytes());
        let full = of(r#"{"status":"degraded","latencyMs":812,"degradedReasons":["queue backlog"],"sampleAt":"2026-11-28T12:00:00Z"}"#)
            .unwrap();
        assert_eq!(
            (full.slug, shown(&full.samples)),
            ("a", vec!["health.latency_ms=812".to_owned()])
        );
        assert!(full.observed_at.is_some());
        assert_eq!(of(r#"{"status":"online"}"#).unwrap().samples, []);
        assert_eq!(of(r#"{"latency_ms":-1}"#).unwrap().invalid, 1);
        assert_eq!(of(r#"{"latencyMs":1,"project_slug":"b"}"#), Err(DecodeError::Spoofed));
    }
}
