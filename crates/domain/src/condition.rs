//! Preconditions of writes, which keep one writer from undoing the change of another.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use crate::error::StoreError;
use crate::project::Project;
use crate::values::Slug;

/// Hash of the project fields that a registration sets, plus the id. It is the same on every
/// replica and after a restart. Fields that heartbeats change are not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RegistrationTag(u64);

impl RegistrationTag {
    /// Returns the tag of a project.
    #[must_use]
    pub fn of(project: &Project) -> Self {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&project.id.0.to_le_bytes());
        text(&mut bytes, project.slug.as_str());
        text(&mut bytes, project.name.as_str());
        text(&mut bytes, project.hub_url.as_str());
        let namespace = project.mesh_namespace.as_ref().map(|namespace| namespace.as_str());
        texts(&mut bytes, namespace.into_iter());
        texts(&mut bytes, project.tags.iter());
        texts(&mut bytes, project.allow_fanout.iter());
        // No interval is 0 ms.
        let interval_ms = project.heartbeat_interval.map_or(0, |one| one.get().as_millis());
        bytes.extend_from_slice(&interval_ms.to_le_bytes());
        Self(xxh3_64(&bytes))
    }

    /// Parses the [`Display`](fmt::Display) form: 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let fits = text.len() == 16 && text.bytes().all(is_digit);
        fits.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for RegistrationTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// Writes each length first, so that different lists of strings never produce the same bytes.
fn texts<'a>(bytes: &mut Vec<u8>, all: impl ExactSizeIterator<Item = &'a str>) {
    bytes.extend_from_slice(&(all.len() as u64).to_le_bytes());
    all.for_each(|one| text(bytes, one));
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
}

/// Precondition of a write. The store checks it in the transaction that writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Precondition {
    /// None.
    #[default]
    Always,
    /// The project does not exist.
    Absent,
    /// The project exists.
    Present,
    /// The project exists, and its registration has one of these tags.
    Unchanged(Vec<RegistrationTag>),
}

impl Precondition {
    /// Returns `true` if the precondition holds for the stored project. A row that does not parse
    /// counts as missing, as it does for readers.
    #[must_use]
    pub fn holds(&self, stored: Option<&Project>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => stored.is_none(),
            Self::Present => stored.is_some(),
            Self::Unchanged(tags) => {
                stored.is_some_and(|project| tags.contains(&RegistrationTag::of(project)))
            }
        }
    }

    /// Checks that the precondition holds for the stored project.
    ///
    /// # Errors
    /// Returns [`StoreError::PreconditionFailed`] if it does not.
    pub fn check(&self, slug: &Slug, stored: Option<&Project>) -> Result<(), StoreError> {
        if self.holds(stored) {
            Ok(())
        } else {
            Err(StoreError::precondition_failed(slug, self, stored))
        }
    }
}

/// A precondition that did not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedPrecondition {
    /// Slug of the project.
    pub slug: Slug,
    /// The precondition.
    pub only_if: Precondition,
    /// The stored project; `None` if there is none.
    pub stored: Option<Project>,
}

#[cfg(test)]
mod tests {
    use time::OffsetDateTime;

    use super::*;
    use crate::values::{FanoutAllowlist, HeartbeatInterval, MeshNamespace, Tags};
    use crate::{ProjectId, ProjectStatus, Reports, Source};

    fn project() -> Project {
        Project {
            id: ProjectId(1),
            slug: "a".parse().unwrap(),
            name: "A".parse().unwrap(),
            hub_url: "http://a".parse().unwrap(),
            mesh_namespace: Some("hub.a".parse().unwrap()),
            status: ProjectStatus::Offline,
            tags: Tags::parse(&["one", "two"]).unwrap(),
            last_heartbeat_at: None,
            last_heartbeat_source: None,
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            heartbeat_interval: None,
            allow_fanout: FanoutAllowlist::default(),
            reports: Reports::default(),
            auto_registered: false,
        }
    }

    #[test]
    fn a_tag_is_the_same_in_every_version() {
        // Clients keep tags. A tag that changed with an update of the service would fail their writes.
        assert_eq!(RegistrationTag::of(&project()).to_string(), "4467b11d099d9909");
    }

    #[test]
    fn a_tag_covers_everything_that_a_registration_sets() {
        let changes: [fn(&mut Project); 10] = [
            |p| p.id = ProjectId(2),
            |p| p.slug = "b".parse().unwrap(),
            |p| p.name = "B".parse().unwrap(),
            |p| p.hub_url = "http://b".parse().unwrap(),
            |p| p.mesh_namespace = None,
            |p| p.mesh_namespace = Some(MeshNamespace::parse("hub.b").unwrap()),
            |p| p.tags = Tags::parse(&["two", "one"]).unwrap(),
            |p| p.tags = Tags::parse(&["onetwo"]).unwrap(),
            |p| p.heartbeat_interval = HeartbeatInterval::from_millis(100),
            |p| p.allow_fanout = FanoutAllowlist::parse(&["one"]).unwrap(),
        ];
        let mut tags = vec![RegistrationTag::of(&project())];
        for change in changes {
            let mut changed = project();
            change(&mut changed);
            let tag = RegistrationTag::of(&changed);
            assert!(!tags.contains(&tag), "{changed:?}");
            tags.push(tag);
        }
    }

    #[test]
    fn a_tag_does_not_change_with_heartbeats() {
        let mut heard = project();
        heard.status = ProjectStatus::Online;
        heard.last_heartbeat_at = Some(OffsetDateTime::UNIX_EPOCH);
        heard.last_heartbeat_source = Some(Source::Nats);
        heard.updated_at = heard.created_at + time::Duration::SECOND;
        assert_eq!(RegistrationTag::of(&heard), RegistrationTag::of(&project()));
    }

    #[test]
    fn a_tag_parses_only_in_the_form_in_which_it_is_written() {
        let tag = RegistrationTag::of(&project());
        assert_eq!(RegistrationTag::parse(&tag.to_string()), Some(tag));
        assert_eq!(RegistrationTag::parse("000000000000000a"), Some(RegistrationTag(10)));
        for bad in ["", "a", "+00000000000000a", "000000000000000A", "000000000000000ä"] {
            assert_eq!(RegistrationTag::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_precondition_holds_for_the_state_that_it_names() {
        let (stored, other) = (project(), Project { id: ProjectId(2), ..project() });
        let tags = [&other, &stored].map(RegistrationTag::of);
        let holds =
            |condition: Precondition| (condition.holds(Some(&stored)), condition.holds(None));
        assert_eq!(holds(Precondition::Always), (true, true));
        assert_eq!(holds(Precondition::Absent), (false, true));
        assert_eq!(holds(Precondition::Present), (true, false));
        assert_eq!(holds(Precondition::Unchanged(tags.to_vec())), (true, false));
        assert_eq!(holds(Precondition::Unchanged(tags[..1].to_vec())), (false, false));
        assert_eq!(holds(Precondition::Unchanged(Vec::new())), (false, false));
    }
}
