use crate::subjects;

/// Prefixes of the errors of the server. The subject follows in quotes.
const SUBSCRIPTION_DENIED: &str = "permissions violation for subscription";
const PUBLISH_DENIED: &str = "permissions violation for publish";

/// Permission that the server denies, by its effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeniedPermission {
    /// Subscription to heartbeats, or the sentinels.
    Hearing,
    /// Subscription to relayed heartbeats.
    HearingRelays,
    /// Subscription to other messages of replicas.
    Peers,
    /// Subscription to queries for the catalog or to service discovery.
    Requests,
    /// Subscription to the metrics of projects.
    Samples,
    /// Subscription to the edges of projects.
    Edges,
    /// Publication of a relayed heartbeat. Denied for each message.
    Relay,
    /// Subscription to the pings of a project.
    Pings,
    /// Publication of a ping. Denied for each message.
    Ping,
    /// Publication of another message. Denied for each message.
    Message,
}

impl DeniedPermission {
    /// Parses an error of the server. Returns `None` if it does not deny a permission.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let subject = text.split('"').nth(1).unwrap_or_default();
        let begins_with = |prefix: &str| subject.starts_with(&prefix.to_ascii_lowercase());
        if text.contains(SUBSCRIPTION_DENIED) {
            Some(if begins_with(subjects::RELAYS_PREFIX) {
                Self::HearingRelays
            } else if begins_with(subjects::PROJECTS_PREFIX)
                || begins_with(subjects::GET_GRAPH)
                || begins_with(subjects::DISCOVERY_PREFIX)
            {
                Self::Requests
            } else if begins_with(subjects::FEDERATION_PREFIX) {
                Self::Peers
            } else if begins_with(subjects::METRICS_PREFIX)
                || subjects::parse_summary(subject).is_ok()
            {
                Self::Samples
            } else if begins_with(subjects::EDGES_PREFIX) || subject.ends_with(subjects::PLAIN_EDGE)
            {
                Self::Edges
            } else if subject.ends_with(subjects::PING_ENDING) {
                Self::Pings
            } else {
                Self::Hearing
            })
        } else if text.contains(PUBLISH_DENIED) {
            Some(if begins_with(subjects::SENTINEL_PREFIX) {
                Self::Hearing
            } else if begins_with(subjects::RELAYS_PREFIX) {
                Self::Relay
            } else if subject.ends_with(subjects::PING_ENDING) {
                Self::Ping
            } else {
                Self::Message
            })
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_denial_is_classified_by_its_subject() {
        for (text, refusal) in [
            ("Subscription to \"hub.presence.*\"", DeniedPermission::Hearing),
            ("Subscription to \"_INBOX.federation.0\"", DeniedPermission::Hearing),
            ("Subscription to \"hub.federation.heartbeats.*\"", DeniedPermission::HearingRelays),
            ("Subscription to \"hub.federation.changes.*\"", DeniedPermission::Peers),
            (
                "Subscription to \"hub.federation.projects.get\" using queue \"q\"",
                DeniedPermission::Requests,
            ),
            ("Subscription to \"hub.federation.graph.get\"", DeniedPermission::Requests),
            ("Subscription to \"$SRV.PING\"", DeniedPermission::Requests),
            ("Subscription to \"hub.edges.*\"", DeniedPermission::Edges),
            ("Subscription to \"*.*.integration.edge\"", DeniedPermission::Edges),
            ("Subscription to \"hub.Docs.ping\"", DeniedPermission::Pings),
            ("Publish to \"_INBOX.federation.0\"", DeniedPermission::Hearing),
            ("Publish to \"hub.Docs.ping\"", DeniedPermission::Ping),
            ("Publish to \"hub.federation.heartbeats.a\"", DeniedPermission::Relay),
            ("Publish to \"hub.presence.a\"", DeniedPermission::Message),
            ("Publish to \"hub.federation.changes.a\"", DeniedPermission::Message),
            ("Publish with Reply of \"_INBOX.0\"", DeniedPermission::Message),
        ] {
            let text = format!("Permissions Violation for {text}");
            assert_eq!(DeniedPermission::read(&text), Some(refusal), "{text}");
        }
        assert_eq!(DeniedPermission::read("maximum connections exceeded"), None);
    }
}
