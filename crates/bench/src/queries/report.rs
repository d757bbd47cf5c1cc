//! The report of a measurement of HTTP requests.

use std::fmt;
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use super::load::Outcome;
use crate::cost::Cost;
use crate::latency::LatencySummary;

/// Report of a measurement of HTTP requests, by kind.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub struct QueriesReport(pub(super) Vec<QueryReport>);

/// Report of one kind of request.
#[derive(Debug, Serialize)]
pub(super) struct QueryReport {
    what: &'static str,
    connections: u32,
    seconds: f64,
    requests: usize,
    failed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_failure: Option<String>,
    per_second: f64,
    /// `None` if there was no response.
    latency: Option<LatencySummary>,
    /// Size of all responses, including heads.
    bytes: u64,
    bytes_per_second: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceCost>,
}

/// Resources used by the service.
#[derive(Debug, Serialize)]
struct ServiceCost {
    cpu_us_per_request: f64,
    cores: f64,
    memory_bytes: u64,
}

impl QueryReport {
    pub(super) fn new(
        what: &'static str,
        connections: u32,
        took: Duration,
        outcome: Outcome,
        cost: Option<(Cost, Cost)>,
    ) -> Self {
        let requests = outcome.latencies.count();
        let seconds = took.as_secs_f64();
        let service = cost.map(|(before, after)| {
            let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
            ServiceCost {
                cpu_us_per_request: cpu * 1e6 / requests.max(1) as f64,
                cores: cpu / seconds,
                memory_bytes: after.memory_bytes,
            }
        });
        Self {
            what,
            connections,
            seconds,
            requests,
            failed: outcome.failed,
            first_failure: outcome.first_failure,
            per_second: requests as f64 / seconds,
            latency: outcome.latencies.summary(),
            bytes: outcome.bytes,
            bytes_per_second: outcome.bytes as f64 / seconds,
            service,
        }
    }
}

impl fmt::Display for QueriesReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&table(&self.0))?;
        for report in &self.0 {
            if let Some(failure) = &report.first_failure {
                write!(f, "\n{}: {failure}", report.what)?;
            }
        }
        Ok(())
    }
}

fn table(reports: &[QueryReport]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "what",
        "per second",
        "p50 ms",
        "p99 ms",
        "max ms",
        "MB/s",
        "failed",
        "CPU µs each",
    ]);
    for report in reports {
        let latency = |pick: fn(&LatencySummary) -> f64| {
            report
                .latency
                .as_ref()
                .map_or_else(|| "–".into(), |summary| format!("{:.2}", pick(summary)))
        };
        let cpu = report.service.as_ref().map(|cost| format!("{:.1}", cost.cpu_us_per_request));
        table.add_row([
            report.what.to_owned(),
            format!("{:.0}", report.per_second),
            latency(|summary| summary.p50_ms),
            latency(|summary| summary.p99_ms),
            latency(|summary| summary.max_ms),
            format!("{:.1}", report.bytes_per_second / 1e6),
            report.failed.to_string(),
            cpu.unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    table.column_iter_mut().skip(1).for_each(|column| {
        column.set_cell_alignment(CellAlignment::Right);
    });
    table.trim_fmt()
}
