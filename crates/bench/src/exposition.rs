//! Reads the service's counters of heartbeats from `/metrics`.

use anyhow::{Context as _, bail};

use crate::connection::Connection;
use crate::target::Target;

const MESSAGES: &str = "federation_heartbeat_messages_total";
const REFUSED: &str = "federation_heartbeats_refused_total";

/// Heartbeats over NATS since the start of the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeartbeatCounts {
    pub(crate) taken_in: u64,
    pub(crate) unknown: u64,
    /// Rejected because of their content, without the dropped ones.
    pub(crate) refused: u64,
    /// Dropped because the queue was full.
    pub(crate) overrun: u64,
    /// Set while the service proves that it receives heartbeats over NATS.
    pub(crate) hears: bool,
}

impl HeartbeatCounts {
    /// Reads the counters over a new connection. One kept open during a long measurement would be
    /// closed as idle.
    ///
    /// # Errors
    /// Fails if the service does not respond or has no such counters.
    pub(crate) async fn read(target: &Target) -> anyhow::Result<Self> {
        let mut connection = Connection::open(target).await?;
        let (status, text) = connection.ask(&target.request("GET", "/metrics", None)).await?;
        if status != 200 {
            bail!("{}/metrics responded with status {status}", target.shown);
        }
        Self::parse(&text).with_context(|| {
            format!(
                "{}/metrics has no heartbeat counters; check that it is the federation service",
                target.shown
            )
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let nats = r#"source="nats""#;
        let taken_in = sum(text, MESSAGES, &[nats, r#"status="success""#])?;
        let errors = sum(text, MESSAGES, &[nats, r#"status="error""#]).unwrap_or(0);
        let overrun = sum(text, REFUSED, &[nats, r#"reason="overrun""#]).unwrap_or(0);
        Some(Self {
            taken_in,
            unknown: sum(text, MESSAGES, &[nats, r#"status="unknown_project""#]).unwrap_or(0),
            refused: errors.saturating_sub(overrun),
            overrun,
            hears: sum(text, "federation_nats_connection_status", &[]) == Some(1),
        })
    }

    /// Returns the increase since an earlier reading.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            taken_in: self.taken_in.saturating_sub(earlier.taken_in),
            unknown: self.unknown.saturating_sub(earlier.unknown),
            refused: self.refused.saturating_sub(earlier.refused),
            overrun: self.overrun.saturating_sub(earlier.overrun),
            hears: self.hears,
        }
    }

    /// Returns the number of heartbeats that arrived, accepted or not.
    pub(crate) fn arrived(self) -> u64 {
        self.taken_in + self.unknown + self.refused
    }
}

/// Sums the series of this name that have all these labels. Returns `None` if there is none.
fn sum(text: &str, name: &str, labels: &[&str]) -> Option<u64> {
    let values = text.lines().filter_map(|line| {
        let rest = line.strip_prefix(name)?;
        let (series, value) = rest.rsplit_once(' ')?;
        let fits = (series.is_empty() || series.starts_with('{'))
            && labels.iter().all(|label| series.contains(label));
        if fits { value.parse::<u64>().ok() } else { None }
    });
    values.fold(None, |sum, value| Some(sum.unwrap_or(0) + value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_heartbeats_over_nats_are_counted() {
        let text = r#"# HELP federation_heartbeat_messages Heartbeats by outcome.
federation_heartbeat_messages_total{status="success",source="nats"} 70
federation_heartbeat_messages_total{status="success",source="http"} 5
federation_heartbeat_messages_total{status="error",source="nats"} 9
federation_heartbeats_refused_total{reason="overrun",source="nats"} 7
federation_nats_connection_status 1
# EOF
"#;
        let wanted =
            HeartbeatCounts { taken_in: 70, unknown: 0, refused: 2, overrun: 7, hears: true };
        assert_eq!(HeartbeatCounts::parse(text), Some(wanted));
        assert_eq!(HeartbeatCounts::parse("up 1\n"), None);
    }
}
