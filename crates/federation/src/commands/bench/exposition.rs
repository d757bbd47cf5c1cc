//! Reading counts from the text of `/metrics`.

use anyhow::{Context as _, bail};

use super::connection::Connection;
use super::target::Target;

const MESSAGES: &str = "federation_heartbeat_messages_total";
const REFUSED: &str = "federation_heartbeats_refused_total";

/// What the service counted of heartbeats over NATS since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) taken_in: u64,
    pub(super) unknown: u64,
    /// Refused for what they are; those that found no room are not among them.
    pub(super) refused: u64,
    /// Those that found no room.
    pub(super) overrun: u64,
    /// Whether the service proves that it hears NATS.
    pub(super) hears: bool,
}

impl Counts {
    /// Over a connection of its own: one that is kept through a long measurement would be given up
    /// as idle.
    ///
    /// # Errors
    /// When the service does not answer, or not as the federation service does.
    pub(super) async fn read(target: &Target) -> anyhow::Result<Self> {
        let mut connection = Connection::open(target).await?;
        let (status, text) = connection.ask(&target.request("GET", "/metrics", None)).await?;
        if status != 200 {
            bail!("{}/metrics answered with status {status}", target.shown);
        }
        Self::parse(&text).with_context(|| {
            format!("{}/metrics has no counts of heartbeats; is it the service?", target.shown)
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

    /// What was counted between two readings.
    pub(super) fn since(self, earlier: Self) -> Self {
        Self {
            taken_in: self.taken_in.saturating_sub(earlier.taken_in),
            unknown: self.unknown.saturating_sub(earlier.unknown),
            refused: self.refused.saturating_sub(earlier.refused),
            overrun: self.overrun.saturating_sub(earlier.overrun),
            hears: self.hears,
        }
    }

    /// All that arrived, whatever became of it.
    pub(super) fn arrived(self) -> u64 {
        self.taken_in + self.unknown + self.refused
    }
}

/// The sum of the series of this name that bear all these labels; none when there is none.
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
    fn heartbeats_over_nats_are_told_from_others() {
        let text = r#"# HELP federation_heartbeat_messages Heartbeats by outcome.
federation_heartbeat_messages_total{status="success",source="nats"} 70
federation_heartbeat_messages_total{status="success",source="http"} 5
federation_heartbeat_messages_total{status="error",source="nats"} 9
federation_heartbeats_refused_total{reason="overrun",source="nats"} 7
federation_nats_connection_status 1
# EOF
"#;
        let wanted = Counts { taken_in: 70, unknown: 0, refused: 2, overrun: 7, hears: true };
        assert_eq!(Counts::parse(text), Some(wanted));
        assert_eq!(Counts::parse("up 1\n"), None);
    }
}
