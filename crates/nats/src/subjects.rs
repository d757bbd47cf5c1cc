//! The subjects: where heartbeats are heard, where replicas and projects are told of things, and
//! where a process hears itself.
//!
//! | subject | who sends | who hears |
//! |---|---|---|
//! | `hub.presence.{slug}`, `hub.health.{slug}` | the project | all replicas |
//! | `{mesh_namespace}.ping` | a replica, as a request | the project, which replies |
//! | `hub.federation.changes.{slug}` | the replica that made the change | all others, and anyone who likes |
//! | `hub.federation.heartbeats.{slug}` | the replica that heard the project over HTTP | all others |
//! | `hub.federation.projects.list`, `hub.federation.projects.get` | anyone, as a request | one replica, which replies |
//!
//! Who may publish on `hub.federation.heartbeats.*` can speak for any project: let only replicas.

use federation_domain::{Channel, MeshNamespace, Slug};

/// What a subscriber to all heartbeats listens to.
pub const ALL_PRESENCE: &str = "hub.presence.*";
/// What a subscriber to all health samples listens to.
pub const ALL_HEALTH: &str = "hub.health.*";

/// What a follower of all changes listens to.
pub const ALL_CHANGES: &str = "hub.federation.changes.*";
/// What a replica listens to for the heartbeats that others heard over HTTP.
pub const ALL_RELAYS: &str = "hub.federation.heartbeats.*";

/// On which a page of the projects is asked for.
pub const LIST_PROJECTS: &str = "hub.federation.projects.list";
/// On which a project is asked for.
pub const GET_PROJECT: &str = "hub.federation.projects.get";

const PRESENCE_PREFIX: &str = "hub.presence.";
const HEALTH_PREFIX: &str = "hub.health.";
/// All that replicas say to each other.
pub(crate) const FEDERATION_PREFIX: &str = "hub.federation.";
const CHANGES_PREFIX: &str = "hub.federation.changes.";
pub(crate) const RELAYS_PREFIX: &str = "hub.federation.heartbeats.";
pub(crate) const PROJECTS_PREFIX: &str = "hub.federation.projects.";
/// By which NATS finds its micro services.
pub(crate) const DISCOVERY_PREFIX: &str = "$SRV.";
pub(crate) const PING_ENDING: &str = ".ping";
/// It begins as the inboxes of NATS do, because ordinary clients are allowed to publish and
/// subscribe there.
pub(crate) const SENTINEL_PREFIX: &str = "_INBOX.federation.";

/// The subject is not one of a project: another prefix, or a last token that is no slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the subject names no project")]
pub struct BadSubject;

/// `hub.presence.{slug}`, on which a project sends its heartbeats.
#[must_use]
pub fn presence(slug: &Slug) -> String {
    format!("{PRESENCE_PREFIX}{slug}")
}

/// `hub.health.{slug}`, on which a project sends its health samples.
#[must_use]
pub fn health(slug: &Slug) -> String {
    format!("{HEALTH_PREFIX}{slug}")
}

/// `hub.federation.changes.{slug}`, on which the changes of a project are told.
#[must_use]
pub fn change(slug: &Slug) -> String {
    format!("{CHANGES_PREFIX}{slug}")
}

/// `hub.federation.heartbeats.{slug}`, on which a heartbeat over HTTP is handed on.
///
/// # Errors
/// When the text is no slug.
pub fn relay(slug: &str) -> Result<String, BadSubject> {
    if is_slug(slug) { Ok(format!("{RELAYS_PREFIX}{slug}")) } else { Err(BadSubject) }
}

/// `{mesh_namespace}.ping`, on which a project can be asked whether it is alive.
#[must_use]
pub fn ping(namespace: &MeshNamespace) -> String {
    format!("{namespace}{PING_ENDING}")
}

/// The slug of a subject of [`ALL_RELAYS`], borrowed.
///
/// # Errors
/// When it is no such subject.
pub fn parse_relay(subject: &str) -> Result<&str, BadSubject> {
    subject.strip_prefix(RELAYS_PREFIX).filter(|slug| is_slug(slug)).ok_or(BadSubject)
}

/// Whether a message is one that a replica handed on, well formed or not.
pub(crate) fn is_relay(subject: &str) -> bool {
    subject.starts_with(RELAYS_PREFIX)
}

/// The channel and the slug of a subject. The slug is borrowed: no allocation.
///
/// # Errors
/// When it is no subject of a project.
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

/// A subject that only this process listens to.
pub(crate) fn sentinel() -> String {
    format!("{SENTINEL_PREFIX}{:032x}", fastrand::u128(..))
}

/// What [`Slug::parse`] accepts, without making one; a property test holds the two together.
fn is_slug(text: &str) -> bool {
    (1..=Slug::MAX_CHARS).contains(&text.len())
        && text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn other_subjects_name_no_project() {
        for subject in
            ["", "hub", "hub.presence", "hub.presence.", "hub.presence.a.b", "hub.mesh.a", "a"]
        {
            assert_eq!(parse(subject), Err(BadSubject), "{subject:?}");
        }
    }

    #[test]
    fn no_two_sentinel_subjects_are_alike() {
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
