//! Routes: which channels are told about which events.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::{ChannelName, IncidentSummary, NewNotification, NotificationEvent};
use crate::severity::Severity;
use crate::values::Slug;

/// Interval at which an incident that is open and not acknowledged is repeated.
pub const REPEAT_EVERY: Duration = Duration::hours(4);

/// A rule that sends events to a channel. An empty list matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The channel.
    pub channel: ChannelName,
    /// Severities.
    pub severities: Vec<Severity>,
    /// Tags, of which the root or an affected project has one.
    pub tags: Vec<String>,
    /// Projects, of which one is the root or affected.
    pub projects: Vec<Slug>,
    /// Kinds of incidents.
    pub kinds: Vec<String>,
    /// Events.
    pub events: Vec<NotificationEvent>,
    /// Time for which an event waits for others, to be sent with them in one message. With zero,
    /// each event is a message.
    pub group_wait: Duration,
}

/// An event of an incident that is to be routed.
#[derive(Debug, Clone, Copy)]
pub struct IncidentEvent<'a> {
    /// Key of the incident.
    pub incident: &'a str,
    /// Number of the event among those of the incident.
    pub sequence: i64,
    /// Kind of the event.
    pub event: NotificationEvent,
    /// Time of the event.
    pub at: OffsetDateTime,
    /// State of the incident after the event.
    pub summary: &'a IncidentSummary,
    /// The root and all affected projects.
    pub projects: &'a [Slug],
    /// Tags of these projects.
    pub tags: &'a BTreeSet<String>,
    /// Channels that were told that the incident opened.
    pub notified: &'a BTreeSet<ChannelName>,
}

impl Route {
    /// Returns whether an event is one that this route sends, apart from its kind.
    fn matches(&self, event: &IncidentEvent<'_>) -> bool {
        let IncidentSummary { severity, kind, .. } = event.summary;
        let holds = |is_any: bool, is_one: bool| is_any || is_one;
        holds(self.severities.is_empty(), self.severities.contains(severity))
            && holds(self.kinds.is_empty(), self.kinds.contains(kind))
            && holds(self.tags.is_empty(), self.tags.iter().any(|tag| event.tags.contains(tag)))
            && holds(
                self.projects.is_empty(),
                self.projects.iter().any(|slug| event.projects.contains(slug)),
            )
    }

    fn sends(&self, event: NotificationEvent) -> bool {
        self.events.contains(&event)
    }
}

/// Returns the notifications about an event, at most one for each channel.
///
/// The first matching route of a channel counts. A channel that was told that an incident opened is
/// also told when it ends, even if no route matches any more, unless the route leaves that event
/// out. A channel that should have been told about the start, and was not, hears nothing of the
/// rest.
#[must_use]
pub fn route(event: &IncidentEvent<'_>, routes: &[Route]) -> Vec<NewNotification> {
    let mut channels: Vec<&ChannelName> = Vec::new();
    for route in routes {
        if !channels.contains(&&route.channel) {
            channels.push(&route.channel);
        }
    }
    let of_channel = |channel: &ChannelName| {
        let mut own = routes.iter().filter(|route| route.channel == *channel);
        let matching = own.clone().find(|route| route.matches(event));
        let is_notified = event.notified.contains(channel);
        let chosen = match event.event {
            NotificationEvent::Opened => matching,
            _ if is_notified => matching.or_else(|| own.next()),
            _ => matching.filter(|route| !route.sends(NotificationEvent::Opened)),
        };
        chosen.filter(|route| route.sends(event.event))
    };
    channels.into_iter().filter_map(of_channel).map(|route| notification(event, route)).collect()
}

fn notification(event: &IncidentEvent<'_>, route: &Route) -> NewNotification {
    NewNotification {
        incident: event.incident.to_owned(),
        sequence: event.sequence,
        channel: route.channel.clone(),
        event: event.event,
        summary: event.summary.clone().bounded(),
        at: event.at,
        due_at: event.at + route.group_wait,
        grouped: route.group_wait.is_positive(),
    }
}

#[cfg(test)]
mod tests;
