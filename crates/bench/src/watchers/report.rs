//! The report of a measurement of event streams.

use std::fmt;
use std::time::Duration;

use anyhow::ensure;
use serde::Serialize;

use super::WatchersArgs;
use super::client::Received;
use crate::cost::Cost;
use crate::latency::LatencySummary;

/// Report of a measurement of event streams.
#[derive(Debug, Serialize)]
pub struct WatchersReport {
    watchers: u32,
    changes: u32,
    seconds: f64,
    /// Number of events that all watchers together received.
    events: u64,
    events_per_second: f64,
    data_bytes: u64,
    missed: u64,
    doubled: u64,
    reconnects: u64,
    cut_off: u64,
    /// Time from the request for a change to its event.
    latency: Option<LatencySummary>,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceCost>,
}

/// Resources used by the service.
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
        received: Received,
        cost: Option<(Cost, Cost)>,
    ) -> Self {
        let seconds = took.as_secs_f64();
        let service = cost.map(|(before, after)| {
            let cpu = after.cpu.saturating_sub(before.cpu).as_secs_f64();
            ServiceCost {
                cpu_us_per_event: cpu * 1e6 / received.events.max(1) as f64,
                cores: cpu / seconds,
                memory_bytes: after.memory_bytes,
            }
        });
        Self {
            watchers: args.watchers,
            changes: args.changes,
            seconds,
            events: received.events,
            events_per_second: received.events as f64 / seconds,
            data_bytes: received.bytes,
            missed: received.missed,
            doubled: received.doubled,
            reconnects: received.reconnects,
            cut_off: received.cut_off,
            latency: received.latencies.summary(),
            service,
        }
    }

    /// Checks that every watcher received every change once and in order.
    ///
    /// # Errors
    /// Fails if a change was missed, received twice or out of order.
    pub fn check(&self) -> anyhow::Result<()> {
        let wrong = self.missed + self.doubled;
        ensure!(wrong == 0, "{wrong} changes were missed, received twice or out of order");
        Ok(())
    }
}

impl fmt::Display for WatchersReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} watchers, {} changes in {:.1} s: {} events, {:.0} per second",
            self.watchers, self.changes, self.seconds, self.events, self.events_per_second
        )?;
        write!(
            f,
            "{} missed, {} duplicates; {} reconnects, {} streams ended by the service",
            self.missed, self.doubled, self.reconnects, self.cut_off
        )?;
        if let Some(LatencySummary { p50_ms, p90_ms, p99_ms, max_ms }) = self.latency {
            write!(
                f,
                "\nlatency from request to event: p50 {p50_ms:.1} ms, p90 {p90_ms:.1} ms, \
                 p99 {p99_ms:.1} ms, max {max_ms:.1} ms"
            )?;
        }
        if let Some(ServiceCost { cpu_us_per_event, cores, memory_bytes }) = self.service {
            let megabytes = memory_bytes as f64 / 1e6;
            write!(
                f,
                "\nservice: {cpu_us_per_event:.1} µs CPU per event, {cores:.2} cores, \
                 {megabytes:.0} MB"
            )?;
        }
        Ok(())
    }
}
