//! What a measurement of watchers says.

use std::time::Duration;

use serde::Serialize;

use super::WatchersArgs;
use super::watcher::Seen;
use crate::commands::bench::cpu::Cost;
use crate::commands::bench::latency::LatencySummary;

#[derive(Debug, Serialize)]
pub(super) struct WatchersReport {
    watchers: u32,
    changes: u32,
    seconds: f64,
    /// All that was seen, by all together.
    events: u64,
    events_per_second: f64,
    data_bytes: u64,
    missed: u64,
    doubled: u64,
    reconnects: u64,
    cut_off: u64,
    /// From the request for a change to its event.
    latency: Option<LatencySummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceCost>,
}

/// What the service spent.
#[derive(Debug, Serialize)]
struct ServiceCost {
    cpu_us_per_event: f64,
    cores: f64,
    memory_bytes: u64,
}

impl WatchersReport {
    pub(super) fn new(
        args: &WatchersArgs,
        took: Duration,
        seen: Seen,
        cost: Option<(Cost, Cost)>,
    ) -> Self {
        let seconds = took.as_secs_f64();
        let service = cost.map(|(before, after)| {
            let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
            ServiceCost {
                cpu_us_per_event: cpu * 1e6 / seen.events.max(1) as f64,
                cores: cpu / seconds,
                memory_bytes: after.memory_bytes,
            }
        });
        Self {
            watchers: args.watchers,
            changes: args.changes,
            seconds,
            events: seen.events,
            events_per_second: seen.events as f64 / seconds,
            data_bytes: seen.bytes,
            missed: seen.missed,
            doubled: seen.doubled,
            reconnects: seen.reconnects,
            cut_off: seen.cut_off,
            latency: seen.latencies.summary(),
            service,
        }
    }

    /// How many changes were not seen as they should be.
    pub(super) fn faults(&self) -> u64 {
        self.missed + self.doubled
    }

    /// For people.
    pub(super) fn table(&self) -> String {
        let mut lines = vec![
            format!(
                "{} watchers, {} changes in {:.1} s: {} events, {:.0} a second",
                self.watchers, self.changes, self.seconds, self.events, self.events_per_second
            ),
            format!(
                "missed {}, doubled {}; {} reconnects, {} streams ended by the service",
                self.missed, self.doubled, self.reconnects, self.cut_off
            ),
        ];
        if let Some(LatencySummary { p50_ms, p90_ms, p99_ms, max_ms }) = self.latency {
            lines.push(format!(
                "from the request to the event: p50 {p50_ms:.1} ms, p90 {p90_ms:.1} ms, p99 \
                 {p99_ms:.1} ms, max {max_ms:.1} ms"
            ));
        }
        if let Some(ServiceCost { cpu_us_per_event, cores, memory_bytes }) = self.service {
            lines.push(format!(
                "the service: {cpu_us_per_event:.1} µs of CPU for each event, {cores:.2} cores, \
                 {:.0} MB of memory",
                memory_bytes as f64 / 1e6
            ));
        }
        lines.join("\n")
    }
}
