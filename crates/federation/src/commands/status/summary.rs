//! Text of `federation status`.

use std::fmt::Write as _;

use serde_json::Value;

use super::exposition::Exposition;
use crate::commands::projects::table::{bare, text, trimmed};
use crate::output::plain;

/// Words in the names of metrics that count what was lost or refused.
const LOSSES: [&str; 8] =
    ["dropped", "refused", "rejected", "corrupt", "expired", "dead", "failed", "throttled"];

/// State of a service.
pub(super) struct Observed {
    /// Response to `GET /health`.
    pub(super) service: Value,
    /// Response to `GET /readyz`.
    pub(super) readiness: Value,
    pub(super) metrics: Exposition,
}

/// Formats the state.
pub(super) fn of(observed: &Observed, url: &str) -> String {
    let Observed { service, readiness, metrics } = observed;
    let mut out = String::new();
    let version = text(&service["version"]);
    let ready = if readiness["status"] == "ready" { "ready" } else { "not ready" };
    // Writing to a `String` cannot fail.
    let _ = writeln!(out, "federation {version} at {}: {ready}", plain(url));
    for (word, key) in [("not ready", "reasons"), ("limited", "degraded")] {
        for reason in list(&readiness[key]) {
            let _ = writeln!(out, "  {word}: {}", text(reason));
        }
    }
    let _ = writeln!(out, "\n{}\n\n{}", sources(readiness), facts(metrics));
    let losses: Vec<_> = metrics.not_zero(&LOSSES).collect();
    if !losses.is_empty() {
        let _ = writeln!(out, "\nsince the start of the process:");
    }
    for (series, value) in losses {
        let _ = writeln!(out, "  {} {value}", plain(series));
    }
    out
}

fn sources(readiness: &Value) -> String {
    let mut table = bare();
    table.set_header(["SOURCE", "HEARS", "LAST PROOF", "DEAF SINCE START"]);
    for source in list(&readiness["sources"]) {
        let ago = source["heard_seconds_ago"].as_f64();
        table.add_row([
            text(&source["source"]),
            (if source["hears"] == true { "yes" } else { "NO" }).to_owned(),
            ago.map_or_else(|| "never".to_owned(), |ago| format!("{ago:.1} s ago")),
            format!("{} s", text(&source["deaf_seconds"])),
        ]);
    }
    trimmed(&table)
}

/// Formats a line for each part of the service. A part that the service does not report is left out.
fn facts(metrics: &Exposition) -> String {
    let count = |name: &str| metrics.sum(name).map(|value| value.to_string());
    let state = |name: &str| {
        let up = metrics.get(name)?;
        Some(if up > 0.5 { "up" } else { "DOWN" }.to_owned())
    };
    let of = |parts: &[(&str, Option<String>)]| {
        let known: Vec<String> = parts
            .iter()
            .filter_map(|(what, value)| Some(format!("{}{what}", value.as_ref()?)))
            .collect();
        (!known.is_empty()).then(|| known.join(", "))
    };
    let by_status =
        |status: &str| count(&format!("federation_project_catalog_total{{status=\"{status}\"}}"));
    let megabytes = metrics.get("process_resident_memory_bytes");
    let lines = [
        (
            "projects",
            of(&[
                (" in all", count("federation_project_catalog_total")),
                (" online", by_status("online")),
                (" degraded", by_status("degraded")),
                (" offline", by_status("offline")),
            ]),
        ),
        (
            "store",
            of(&[
                ("", state("federation_store_up")),
                (" changes wait", count("federation_waiting_changes")),
            ]),
        ),
        ("edges", of(&[("", count("federation_edges"))])),
        (
            "metrics",
            of(&[
                (" series", count("federation_metric_series")),
                (" runs wait", count("federation_metric_runs_waiting")),
                (" (their store)", state("federation_metric_store_up")),
            ]),
        ),
        ("watchers", of(&[(" event streams and long polls", count("federation_watchers"))])),
        (
            "process",
            of(&[
                (" MB", megabytes.map(|bytes| format!("{:.0}", bytes / 1e6))),
                (" open files", count("process_open_fds")),
                (" allowed", count("process_max_fds")),
            ]),
        ),
    ];
    let mut table = bare();
    for (part, line) in lines {
        if let Some(line) = line {
            table.add_row([part.to_owned(), line]);
        }
    }
    trimmed(&table)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn observed(readiness: Value, metrics: &str) -> String {
        let service = json!({ "version": "0.9.0" });
        of(&Observed { service, readiness, metrics: Exposition::parse(metrics) }, "http://x")
    }

    #[test]
    fn a_service_that_is_not_ready_says_why() {
        let shown = observed(
            json!({
                "reasons": ["the store does not answer"], "degraded": ["metrics"],
                "sources": [{"source": "nats", "hears": false, "deaf_seconds": 3.5}]
            }),
            "federation_store_up 0\nfederation_waiting_changes 7\n",
        );
        assert!(shown.starts_with("federation 0.9.0 at http://x: not ready\n"), "{shown}");
        for line in ["  not ready: the store does not answer", "  limited: metrics"] {
            assert!(shown.contains(line), "{shown}");
        }
        assert!(shown.contains("DOWN, 7 changes wait"), "{shown}");
        assert!(shown.contains("never"), "{shown}");
    }

    #[test]
    fn only_losses_that_happened_are_listed() {
        let shown = observed(
            json!({ "status": "ready" }),
            "federation_log_lines_dropped_total 0\nfederation_edges_refused_total{reason=\"x\"} 2\n",
        );
        assert!(shown.contains("edges_refused_total{reason=\"x\"} 2"), "{shown}");
        assert!(!shown.contains("log_lines"), "{shown}");
    }

    #[test]
    fn a_part_that_is_not_reported_is_left_out() {
        let shown = observed(json!({ "status": "ready" }), "");
        assert!(!shown.contains("store"), "{shown}");
        assert!(!shown.contains("since the start"), "{shown}");
    }
}
