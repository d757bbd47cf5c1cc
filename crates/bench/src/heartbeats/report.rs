//! The report of a measurement of heartbeats.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::probes::Probed;
use crate::cost::Cost;
use crate::exposition::HeartbeatCounts;
use crate::latency::LatencySummary;

/// Measured values.
pub(super) struct Measured {
    pub(super) projects: u32,
    pub(super) sent: u64,
    /// Time of publishing.
    pub(super) publishing: Duration,
    /// Time until the last heartbeat was accepted.
    pub(super) took: Duration,
    pub(super) counts: HeartbeatCounts,
    pub(super) service: Option<(Cost, Cost)>,
    pub(super) generator: Option<(Cost, Cost)>,
    pub(super) probed: Probed,
}

/// Report of a measurement of heartbeats.
#[derive(Debug, Serialize)]
pub struct HeartbeatsReport {
    projects: u32,
    seconds: f64,
    sent: u64,
    sent_per_second: f64,
    taken_in: u64,
    taken_in_per_second: f64,
    /// Sent, but neither accepted nor rejected.
    lost: u64,
    /// Lost because the queue of the service was full.
    overrun: u64,
    refused: u64,
    unknown: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    service: Option<ServiceCost>,
    #[serde(skip_serializing_if = "Option::is_none")]
    generator_cpu_us_per_heartbeat: Option<f64>,
    status_turns: usize,
    /// Delays of status changes after their thresholds.
    status_late: Option<LatencySummary>,
}

/// Resources used by the service.
#[derive(Debug, Serialize)]
struct ServiceCost {
    cpu_us_per_heartbeat: f64,
    cores: f64,
    memory_bytes: u64,
}

impl HeartbeatsReport {
    pub(super) fn new(measured: Measured) -> Self {
        let Measured { counts, publishing, took, probed, .. } = measured;
        let sent = measured.sent + probed.sent;
        let cpu = |cost: &(Cost, Cost)| cost.1.cpu.saturating_sub(cost.0.cpu).as_secs_f64();
        let arrived = counts.arrived();
        let service = measured.service.as_ref().map(|cost| ServiceCost {
            cpu_us_per_heartbeat: cpu(cost) * 1e6 / arrived.max(1) as f64,
            cores: cpu(cost) / took.as_secs_f64(),
            memory_bytes: cost.1.memory_bytes,
        });
        let generator = measured.generator.as_ref();
        Self {
            projects: measured.projects,
            seconds: took.as_secs_f64(),
            sent,
            sent_per_second: sent as f64 / publishing.as_secs_f64(),
            taken_in: counts.taken_in,
            taken_in_per_second: counts.taken_in as f64 / took.as_secs_f64(),
            lost: sent.saturating_sub(arrived),
            overrun: counts.overrun,
            refused: counts.refused,
            unknown: counts.unknown,
            service,
            generator_cpu_us_per_heartbeat: generator
                .map(|cost| cpu(cost) * 1e6 / sent.max(1) as f64),
            status_turns: probed.lateness.count(),
            status_late: probed.lateness.summary(),
        }
    }
}

impl fmt::Display for HeartbeatsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, taken_in, lost, overrun, refused, unknown, .. } = self;
        writeln!(f, "sent      {sent} ({:.0} per second)", self.sent_per_second)?;
        writeln!(f, "accepted  {taken_in} ({:.0} per second)", self.taken_in_per_second)?;
        writeln!(
            f,
            "lost      {lost}, of which {overrun} because the queue of the service was full"
        )?;
        if refused + unknown > 0 {
            writeln!(f, "rejected  {refused}, and {unknown} of unknown projects")?;
        }
        if let Some(service) = &self.service {
            let ServiceCost { cpu_us_per_heartbeat: each, cores, memory_bytes } = service;
            let megabytes = *memory_bytes as f64 / 1e6;
            writeln!(
                f,
                "service   {each:.2} µs CPU per heartbeat, {cores:.2} cores, {megabytes:.0} MB"
            )?;
        }
        if let Some(each) = self.generator_cpu_us_per_heartbeat {
            writeln!(f, "generator {each:.2} µs CPU per heartbeat")?;
        }
        match &self.status_late {
            Some(late) => write!(
                f,
                "statuses  changed {:.0} ms (p50), {:.0} ms (p99), {:.0} ms (max) after their \
                 thresholds, {} changes",
                late.p50_ms, late.p99_ms, late.max_ms, self.status_turns
            ),
            None => write!(f, "statuses  not measured"),
        }
    }
}
