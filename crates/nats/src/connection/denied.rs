use crate::subjects;

/// How the server begins to say what it refuses; the subject follows in quotes.
const SUBSCRIPTION_REFUSED: &str = "permissions violation for subscription";
const PUBLISH_REFUSED: &str = "permissions violation for publish";

/// What the server does not permit, by what it means for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeniedPermission {
    /// A subscription without which heartbeats cannot be heard, or the sentinels.
    Hearing,
    /// The subscription to heartbeats that other replicas hand on.
    HearingRelays,
    /// Another subscription to what replicas say to each other.
    Peers,
    /// A subscription by which the catalog is asked, or found.
    Requests,
    /// To hand a heartbeat on to other replicas; each is refused anew.
    Relay,
    /// A subscription to the pings of a project.
    Pings,
    /// One ping; each is refused anew.
    Ping,
    /// One other message; each is refused anew.
    Message,
}

impl DeniedPermission {
    /// Reads what the server said; none where it is no refusal.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        let subject = text.split('"').nth(1).unwrap_or_default();
        let begins_with = |prefix: &str| subject.starts_with(&prefix.to_ascii_lowercase());
        if text.contains(SUBSCRIPTION_REFUSED) {
            Some(if begins_with(subjects::RELAYS_PREFIX) {
                Self::HearingRelays
            } else if begins_with(subjects::PROJECTS_PREFIX)
                || begins_with(subjects::DISCOVERY_PREFIX)
            {
                Self::Requests
            } else if begins_with(subjects::FEDERATION_PREFIX) {
                Self::Peers
            } else if subject.ends_with(subjects::PING_ENDING) {
                Self::Pings
            } else {
                Self::Hearing
            })
        } else if text.contains(PUBLISH_REFUSED) {
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
    fn a_refusal_is_known_by_its_subject() {
        for (text, refusal) in [
            ("Subscription to \"hub.presence.*\"", DeniedPermission::Hearing),
            ("Subscription to \"_INBOX.federation.0\"", DeniedPermission::Hearing),
            ("Subscription to \"hub.federation.heartbeats.*\"", DeniedPermission::HearingRelays),
            ("Subscription to \"hub.federation.changes.*\"", DeniedPermission::Peers),
            (
                "Subscription to \"hub.federation.projects.get\" using queue \"q\"",
                DeniedPermission::Requests,
            ),
            ("Subscription to \"$SRV.PING\"", DeniedPermission::Requests),
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
