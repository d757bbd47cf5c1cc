//! Heartbeats, and the health that projects report.

use crate::instance::InstanceReport;
use crate::log::Actor;
use crate::{InvalidValue, ProjectStatus};

/// Transport over which heartbeats arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Source {
    /// The NATS subjects `hub.presence.{slug}` and `hub.health.{slug}`.
    Nats,
    /// The REST endpoint.
    Http,
}

impl Source {
    /// All sources.
    pub const ALL: [Self; 2] = [Self::Nats, Self::Http];

    /// Returns the name in metrics, in responses and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Nats => "nats",
            Self::Http => "http",
        }
    }

    /// Returns the actor of heartbeats over this source, if no API key is known.
    #[must_use]
    pub fn actor(self) -> Actor {
        match self {
            Self::Nats => Actor::NATS,
            Self::Http => Actor::API,
        }
    }

    /// Returns the index in [`ALL`](Self::ALL), for arrays by source.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// Parses a name returned by [`as_str`](Self::as_str).
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or_else(|| InvalidValue::new("source", text, "nats or http"))
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Channel of a report. A report remains in effect until the next one on the same channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// The regular heartbeat. Without a condition, it reports that the project is healthy, because
    /// a degraded publisher includes its condition in every heartbeat.
    Presence,
    /// The health sample. Without a condition, it reports nothing new.
    Health,
}

/// Condition that a project reports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Healthy.
    Online,
    /// Working, but not healthy.
    Degraded {
        /// Reasons in the project's own words. May be empty.
        reasons: Vec<String>,
    },
    /// The project reported its health in an unrecognized form. The previous report remains in
    /// effect, and the project is not shown as healthy because of it.
    Unclear,
}

/// A heartbeat that the receiving adapter has validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat<'a> {
    /// Slug that the sender is allowed to report for. The project may be unknown.
    pub slug: &'a str,
    /// Source over which it arrived.
    pub source: Source,
    /// Channel of the report.
    pub channel: Channel,
    /// Reported condition, if any.
    pub condition: Option<Condition>,
    /// Id of the API key with which it was sent, if any.
    pub key: Option<&'a str>,
    /// Facts about the instance.
    pub instance: InstanceReport<'a>,
}

impl Heartbeat<'_> {
    /// Returns the actor of the changes that the heartbeat causes.
    #[must_use]
    pub fn actor(&self) -> Actor {
        self.key.map_or_else(|| self.source.actor(), |key| Actor::of_key(Some(key)))
    }
}

/// Reported health of a project. Takes little memory if the project is healthy, which is the common
/// case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(from = "ReasonsByChannel", into = "ReasonsByChannel")
)]
pub struct Reports(Option<Box<ReasonsByChannel>>);

/// Reasons by channel; `None` means healthy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(default))]
struct ReasonsByChannel {
    /// Reported in heartbeats.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    presence: Option<Vec<String>>,
    /// Reported in health samples.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    health: Option<Vec<String>>,
}

impl Reports {
    /// Maximum number of reasons kept per report.
    pub const MAX_REASONS: usize = 10;
    /// Maximum number of characters kept per reason.
    pub const MAX_REASON_CHARS: usize = 200;
    /// Reason recorded for an unrecognized report, see [`hear`](Self::hear).
    pub const UNRECOGNIZED: &str = "unrecognized health report";

    /// Records the report of a heartbeat of a project with this status. Reasons are truncated to the
    /// limits and stripped of control characters.
    ///
    /// An unrecognized report changes nothing while the project is online or reports itself
    /// degraded. Otherwise the heartbeat alone would make the project online, so it is recorded as
    /// degraded until the next recognized report on either channel.
    pub fn hear(&mut self, channel: Channel, condition: Option<&Condition>, status: ProjectStatus) {
        let report = match condition {
            None if channel == Channel::Health => return,
            Some(Condition::Unclear) if status == ProjectStatus::Online || self.is_degraded() => {
                return;
            }
            Some(Condition::Unclear) => Some(vec![Self::UNRECOGNIZED.to_owned()]),
            None | Some(Condition::Online) => None,
            Some(Condition::Degraded { reasons }) => {
                Some(reasons.iter().take(Self::MAX_REASONS).map(|reason| tidy(reason)).collect())
            }
        };
        let mut said = ReasonsByChannel::from(std::mem::take(self));
        for earlier in [&mut said.presence, &mut said.health] {
            earlier.take_if(|reasons| *reasons == [Self::UNRECOGNIZED]);
        }
        match channel {
            Channel::Presence => said.presence = report,
            Channel::Health => said.health = report,
        }
        *self = said.into();
    }

    /// Returns `true` if the project reports on either channel that it is degraded.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.0.is_some()
    }

    /// Returns the reported reasons, starting with those from heartbeats.
    pub fn reasons(&self) -> impl Iterator<Item = &str> {
        let said = self.0.iter().flat_map(|said| said.presence.iter().chain(&said.health));
        said.flatten().map(String::as_str)
    }
}

impl From<ReasonsByChannel> for Reports {
    fn from(said: ReasonsByChannel) -> Self {
        let is_degraded = said.presence.is_some() || said.health.is_some();
        Self(is_degraded.then(|| Box::new(said)))
    }
}

impl From<Reports> for ReasonsByChannel {
    fn from(reports: Reports) -> Self {
        reports.0.map(|said| *said).unwrap_or_default()
    }
}

fn tidy(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(Reports::MAX_REASON_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn degraded(reason: &str) -> Option<Condition> {
        Some(Condition::Degraded { reasons: vec![reason.to_owned()] })
    }

    #[test]
    fn a_heartbeat_without_a_condition_keeps_the_health_report() {
        let mut reports = Reports::default();
        reports.hear(Channel::Health, degraded("queue backlog").as_ref(), ProjectStatus::Online);
        reports.hear(Channel::Presence, None, ProjectStatus::Online);
        assert!(reports.is_degraded());
        assert_eq!(reports.reasons().collect::<Vec<_>>(), ["queue backlog"]);
        reports.hear(Channel::Health, Some(&Condition::Online), ProjectStatus::Online);
        assert!(!reports.is_degraded());
    }

    #[test]
    fn a_heartbeat_without_a_condition_clears_the_report_of_heartbeats() {
        let mut reports = Reports::default();
        reports.hear(Channel::Presence, degraded("slow").as_ref(), ProjectStatus::Online);
        assert!(reports.is_degraded());
        reports.hear(Channel::Presence, None, ProjectStatus::Online);
        assert_eq!(reports, Reports::default());
    }

    #[test]
    fn an_unclear_status_leaves_the_previous_report() {
        for channel in [Channel::Presence, Channel::Health] {
            let mut reports = Reports::default();
            reports.hear(channel, degraded("slow").as_ref(), ProjectStatus::Online);
            reports.hear(channel, Some(&Condition::Unclear), ProjectStatus::Online);
            assert_eq!(reports.reasons().collect::<Vec<_>>(), ["slow"]);
        }
    }

    #[test]
    fn an_unclear_report_never_makes_a_project_healthy() {
        for channel in [Channel::Presence, Channel::Health] {
            for status in [ProjectStatus::Offline, ProjectStatus::Degraded] {
                let mut reports = Reports::default();
                reports.hear(channel, Some(&Condition::Unclear), status);
                assert_eq!(reports.reasons().collect::<Vec<_>>(), [Reports::UNRECOGNIZED]);
                reports.hear(channel, Some(&Condition::Unclear), ProjectStatus::Degraded);
                assert_eq!(reports.reasons().count(), 1);
            }
            let mut reports = Reports::default();
            reports.hear(channel, Some(&Condition::Unclear), ProjectStatus::Online);
            assert_eq!(reports, Reports::default());
        }
    }

    #[test]
    fn a_clear_report_on_either_channel_replaces_an_unclear_one() {
        for (unclear, clear, condition) in [
            (Channel::Health, Channel::Presence, None),
            (Channel::Presence, Channel::Health, Some(Condition::Online)),
            (Channel::Presence, Channel::Presence, None),
        ] {
            let mut reports = Reports::default();
            reports.hear(unclear, Some(&Condition::Unclear), ProjectStatus::Offline);
            // A health sample without a status reports nothing.
            reports.hear(Channel::Health, None, ProjectStatus::Degraded);
            assert!(reports.is_degraded());
            reports.hear(clear, condition.as_ref(), ProjectStatus::Degraded);
            assert_eq!(reports, Reports::default());
        }
    }

    #[test]
    fn reasons_are_bounded_and_clean() {
        let reasons = vec!["a\0b\n".repeat(500); 40];
        let mut reports = Reports::default();
        reports.hear(
            Channel::Health,
            Some(&Condition::Degraded { reasons }),
            ProjectStatus::Online,
        );
        assert_eq!(reports.reasons().count(), Reports::MAX_REASONS);
        assert!(reports.reasons().all(|r| r.chars().count() == 200 && !r.contains('\0')));
    }
}
