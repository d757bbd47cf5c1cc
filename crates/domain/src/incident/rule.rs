//! Times of the rules about incidents.

use std::time::Duration;

/// Times of the rules about incidents. All but `reopen_within` count listened time only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentRule {
    /// Time for which a project is known offline before an incident opens.
    pub delay: Duration,
    /// Time for which a project is known degraded before an incident opens.
    pub degraded_delay: Duration,
    /// Time for which a root is known offline before its incident is critical.
    pub critical_after: Duration,
    /// Time by which a cause may follow its effect, and for which an effect may outlast its cause.
    pub window: Duration,
    /// Time for which all members are known online before the incident resolves.
    pub good_for: Duration,
    /// Time after resolving within which the same root continues the incident.
    pub reopen_within: Duration,
}

impl Default for IncidentRule {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            delay: minutes(1),
            degraded_delay: minutes(10),
            critical_after: minutes(10),
            window: minutes(2),
            good_for: minutes(1),
            reopen_within: minutes(10),
        }
    }
}
