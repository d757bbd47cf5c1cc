//! NATS subjects.
//!
//! | subject | publisher | subscriber |
//! |---|---|---|
//! | `hub.presence.{slug}`, `hub.health.{slug}` | project | all replicas |
//! | `{mesh_namespace}.ping` | replica, as a request | project, which replies |
//! | `hub.federation.changes.{slug}` | replica that made the change | other replicas and any other client |
//! | `hub.federation.changes._{entity}` | replica that wrote another entry of the log | the same |
//! | `hub.federation.heartbeats.{slug}` | replica that received the heartbeat over HTTP | other replicas |
//! | `hub.federation.projects.list`, `hub.federation.projects.get` | client, as a request | one replica, which replies |
//!
//! A client that may publish on `hub.federation.heartbeats.*` can send heartbeats for any project.
//! Permit that only to replicas.

use federation_domain::{Channel, LogEntry, MeshNamespace, Slug};

/// Matches the heartbeats of all projects.
pub const ALL_PRESENCE: &str = "hub.presence.*";
/// Matches the health samples of all projects.
pub const ALL_HEALTH: &str = "hub.health.*";

/// Matches the announcements of all changes.
pub const ALL_CHANGES: &str = "hub.federation.changes.*";
/// Matches the relayed heartbeats of all projects.
pub const ALL_RELAYS: &str = "hub.federation.heartbeats.*";

/// Subject of queries for a page of projects.
pub const LIST_PROJECTS: &str = "hub.federation.projects.list";
/// Subject of queries for a single project.
pub const GET_PROJECT: &str = "hub.federation.projects.get";

const PRESENCE_PREFIX: &str = "hub.presence.";
const HEALTH_PREFIX: &str = "hub.health.";
/// Prefix of all messages between replicas.
pub(crate) const FEDERATION_PREFIX: &str = "hub.federation.";
const CHANGES_PREFIX: &str = "hub.federation.changes.";
pub(crate) const RELAYS_PREFIX: &str = "hub.federation.heartbeats.";
pub(crate) const PROJECTS_PREFIX: &str = "hub.federation.projects.";
/// Prefix of the discovery of NATS micro services.
pub(crate) const DISCOVERY_PREFIX: &str = "$SRV.";
pub(crate) const PING_ENDING: &str = ".ping";
/// Prefix of sentinels. It is an inbox, because ordinary clients may publish and subscribe there.
pub(crate) const SENTINEL_PREFIX: &str = "_INBOX.federation.";

/// A subject with another prefix, or whose last token is not a slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subject names no project")]
pub struct BadSubject;

/// Returns `hub.presence.{slug}`, the subject of the heartbeats of a project.
#[must_use]
pub fn presence(slug: &Slug) -> String {
    format!("{PRESENCE_PREFIX}{slug}")
}

/// Returns `hub.health.{slug}`, the subject of the health samples of a project.
#[must_use]
pub fn health(slug: &Slug) -> String {
    format!("{HEALTH_PREFIX}{slug}")
}

/// Returns `hub.federation.changes.{slug}`, the subject of the changes of a project.
#[must_use]
pub fn change(slug: &Slug) -> String {
    format!("{CHANGES_PREFIX}{slug}")
}

/// Returns the subject of an entry of the log: that of the changes of its project, or
/// `hub.federation.changes._{entity}`, because no slug has an underscore.
#[must_use]
pub fn entry(entry: &LogEntry) -> String {
    match entry.slug() {
        Some(slug) => change(&slug),
        // A dot would separate tokens.
        None => format!("{CHANGES_PREFIX}_{}", entry.entity().replace('.', "_")),
    }
}

/// Returns `hub.federation.heartbeats.{slug}`, the subject of the relayed heartbeats of a project.
///
/// # Errors
/// Fails if the text is not a slug.
pub fn relay(slug: &str) -> Result<String, BadSubject> {
    if is_slug(slug) { Ok(format!("{RELAYS_PREFIX}{slug}")) } else { Err(BadSubject) }
}

/// Returns `{mesh_namespace}.ping`, the subject of the pings of a project.
#[must_use]
pub fn ping(namespace: &MeshNamespace) -> String {
    format!("{namespace}{PING_ENDING}")
}

/// Returns the slug of a subject of [`ALL_RELAYS`].
///
/// # Errors
/// Fails for any other subject.
pub fn parse_relay(subject: &str) -> Result<&str, BadSubject> {
    subject.strip_prefix(RELAYS_PREFIX).filter(|slug| is_slug(slug)).ok_or(BadSubject)
}

/// Returns whether a subject has the prefix of relayed heartbeats.
pub(crate) fn is_relay(subject: &str) -> bool {
    subject.starts_with(RELAYS_PREFIX)
}

/// Returns the channel and the slug of the subject of a heartbeat or health sample, without
/// allocating.
///
/// # Errors
/// Fails for any other subject.
pub fn parse(subject: &str) -> Result<(Channel, &str), BadSubject> {
    let (channel, slug) = if let Some(slug) = subject.strip_prefix(PRESENCE_PREFIX) {
        (Channel::Presence, slug)
    } else if let Some(slug) = subject.strip_prefix(HEALTH_PREFIX) {
        (Channel::Health, slug)
    } else {
        return Err(BadSubject);
    };
    if is_slug(slug) { Ok((channel, slug)) } else { Err(BadSubject) }
}

/// Returns a subject for the sentinels of one subscriber.
pub(crate) fn sentinel() -> String {
    format!("{SENTINEL_PREFIX}{:032x}", fastrand::u128(..))
}

/// Returns whether [`Slug::parse`] accepts the text, without allocating. A property test compares the
/// two.
fn is_slug(text: &str) -> bool {
    (1..=Slug::MAX_CHARS).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_subjects_are_rejected() {
        for subject in
            ["", "hub", "hub.presence", "hub.presence.", "hub.presence.a.b", "hub.mesh.a", "a"]
        {
            assert_eq!(parse(subject), Err(BadSubject), "{subject:?}");
        }
    }

    #[test]
    fn two_sentinel_subjects_differ() {
        assert_ne!(sentinel(), sentinel());
    }

    proptest! {
        #[test]
        fn parse_then_format_is_the_identity(text in "[a-z0-9-]{1,50}") {
            let slug = Slug::parse(&text).unwrap();
            let (presence, health) = (presence(&slug), health(&slug));
            let relay = relay(&text).unwrap();
            prop_assert_eq!(parse(&presence), Ok((Channel::Presence, text.as_str())));
            prop_assert_eq!(parse(&health), Ok((Channel::Health, text.as_str())));
            prop_assert_eq!(parse_relay(&relay), Ok(text.as_str()));
        }

        #[test]
        fn a_token_is_accepted_exactly_when_it_is_a_slug(
            token in prop_oneof!["\\PC*", "[a-z0-9-]{0,60}", "[ -~]{1,8}"],
        ) {
            let subject = format!("hub.presence.{token}");
            prop_assert_eq!(parse(&subject).is_ok(), Slug::parse(&token).is_ok());
        }
    }
}
