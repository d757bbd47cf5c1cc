//! Ageing of observed edges.
//!
//! Only listened time counts: while the service cannot hear observations, no edge grows older. Claims
//! of the file and of the API do not age.

use std::time::Duration;

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Listened time without an observation after which an observed edge is stale.
pub const STALE_AFTER: Duration = Duration::from_secs(24 * HOUR.as_secs());

/// Listened time without an observation after which an observed edge is removed.
pub const EXPIRES_AFTER: Duration = Duration::from_secs(7 * 24 * HOUR.as_secs());

/// Minimum interval between two writes of the time of observation of an edge.
pub const OBSERVATION_WRITTEN_EVERY: Duration = HOUR;

/// Age of an observed edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EdgeAge {
    /// Observed lately.
    Fresh,
    /// Not observed for [`STALE_AFTER`].
    Stale,
    /// Not observed for [`EXPIRES_AFTER`].
    Expired,
}

impl EdgeAge {
    /// Returns the age of an edge after this listened time without an observation.
    #[must_use]
    pub fn after(listened: Duration) -> Self {
        if listened >= EXPIRES_AFTER {
            Self::Expired
        } else if listened >= STALE_AFTER {
            Self::Stale
        } else {
            Self::Fresh
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edge_is_stale_after_a_day_and_expires_after_a_week_of_listening() {
        let almost = |limit: Duration| limit - Duration::from_micros(1);
        assert_eq!(EdgeAge::after(Duration::ZERO), EdgeAge::Fresh);
        assert_eq!(EdgeAge::after(almost(STALE_AFTER)), EdgeAge::Fresh);
        assert_eq!(EdgeAge::after(STALE_AFTER), EdgeAge::Stale);
        assert_eq!(EdgeAge::after(almost(EXPIRES_AFTER)), EdgeAge::Stale);
        assert_eq!(EdgeAge::after(EXPIRES_AFTER), EdgeAge::Expired);
    }
}
