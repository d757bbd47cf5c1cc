//! Metrics of the upkeep of the change log.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry as Exposition, Unit};
use time::OffsetDateTime;

use super::Metrics;

#[derive(Default)]
pub(super) struct UpkeepCounts {
    days_rolled_up: Counter,
    entries_dropped: Counter,
    oldest_entry: Gauge<f64, std::sync::atomic::AtomicU64>,
}

impl UpkeepCounts {
    pub(super) fn register(&self, to: &mut Exposition) {
        to.register(
            "federation_uptime_days_rolled_up",
            "Days of projects rolled up by this process, including repeated ones",
            self.days_rolled_up.clone(),
        );
        to.register(
            "federation_change_log_entries_dropped",
            "Entries of the change log that this process dropped after the retention",
            self.entries_dropped.clone(),
        );
        to.register_with_unit(
            "federation_change_log_oldest_entry_timestamp",
            "Unix time of the entry from which on the change log is complete; 0 if unknown",
            Unit::Seconds,
            self.oldest_entry.clone(),
        );
    }
}

impl Metrics {
    pub(crate) fn days_rolled_up(&self, count: usize) {
        self.0.upkeep.days_rolled_up.inc_by(count as u64);
    }

    pub(crate) fn entries_dropped(&self, count: usize) {
        self.0.upkeep.entries_dropped.inc_by(count as u64);
    }

    pub(crate) fn set_oldest_entry(&self, at: OffsetDateTime) {
        self.0.upkeep.oldest_entry.set(at.unix_timestamp_nanos() as f64 / 1e9);
    }
}
