//! Resources of the process, under the names that the client libraries of Prometheus use.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry as Exposition, Unit};
use time::OffsetDateTime;

use super::Metrics;

/// Resources that this process uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessUsage {
    /// CPU time of all threads, user and system.
    pub cpu: Duration,
    /// Resident memory.
    pub memory_bytes: u64,
    /// Open file descriptors.
    pub open_files: u64,
    /// Limit on open file descriptors, if there is one.
    pub open_files_limit: Option<u64>,
    /// Start of the process.
    pub started_at: OffsetDateTime,
}

type Reader = Box<dyn Fn() -> Option<ProcessUsage> + Send + Sync>;

/// Reads the resources at each rendering.
#[derive(Clone, Default)]
pub(super) struct ProcessCollector(Arc<OnceLock<Reader>>);

impl fmt::Debug for ProcessCollector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProcessCollector")
    }
}

impl ProcessCollector {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register_collector(Box::new(self.clone()));
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Some(usage) = self.0.get().and_then(|read| read()) else { return Ok(()) };
        let mut add = |name, help, unit, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, unit, metric.metric_type())?)
        };
        let cpu = ConstCounter::new(usage.cpu.as_secs_f64());
        add("process_cpu", "CPU time of this process", Some(&Unit::Seconds), &cpu)?;
        let memory = ConstGauge::new(usage.memory_bytes as f64);
        add("process_resident_memory", "Resident memory", Some(&Unit::Bytes), &memory)?;
        let open_files = ConstGauge::new(usage.open_files as f64);
        add("process_open_fds", "Open file descriptors", None, &open_files)?;
        if let Some(limit) = usage.open_files_limit {
            let limit = ConstGauge::new(limit as f64);
            add("process_max_fds", "Limit on open file descriptors", None, &limit)?;
        }
        let started = ConstGauge::new(usage.started_at.unix_timestamp_nanos() as f64 / 1e9);
        let help = "Unix time at which this process started";
        add("process_start_time", help, Some(&Unit::Seconds), &started)
    }
}

impl Metrics {
    /// Sets the function by which each rendering reads the resources of this process. Its metrics
    /// are left out while it returns `None`. Later calls are ignored.
    pub fn read_process_usage_with(
        &self,
        read: impl Fn() -> Option<ProcessUsage> + Send + Sync + 'static,
    ) {
        let _ = self.0.process.0.set(Box::new(read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_resources_of_the_process_have_the_usual_names() {
        let metrics = Metrics::new();
        assert!(!metrics.encode().unwrap().contains("process_"));
        metrics.read_process_usage_with(|| {
            Some(ProcessUsage {
                cpu: Duration::from_millis(1_500),
                memory_bytes: 20_000_000,
                open_files: 17,
                open_files_limit: Some(1_024),
                started_at: OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_000),
            })
        });
        let text = metrics.encode().unwrap();
        for line in [
            "process_cpu_seconds_total 1.5\n",
            "process_resident_memory_bytes 20000000.0\n",
            "process_open_fds 17.0\n",
            "process_max_fds 1024.0\n",
            "process_start_time_seconds 1000.0\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
