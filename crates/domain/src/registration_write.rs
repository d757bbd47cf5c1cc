//! Registrations on their way to the store.

use time::OffsetDateTime;

use crate::change::Origin;
use crate::condition::Precondition;
use crate::error::StoreError;
use crate::log::Actor;
use crate::patch::RegistrationPatch;
use crate::project::Project;
use crate::registration::Registration;
use crate::stored::StoredProject;
use crate::values::Slug;

/// A registration to write, with its precondition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegistrationWrite {
    /// Registration, and how it combines with stored metadata.
    pub mode: WriteMode,
    /// Precondition of the write.
    pub only_if: Precondition,
    /// Actor that asked for it; `None` if the origin of the registration says it.
    pub actor: Option<Actor>,
}

/// Combination of a registration with the metadata of an existing project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteMode {
    /// Replaces the metadata. Optional fields missing from the registration keep their stored
    /// values.
    Merge(Registration),
    /// Replaces the metadata. Optional fields missing from the registration are reset to their
    /// defaults.
    Replace(Registration),
    /// Changes some fields of an existing project.
    Patch(Slug, RegistrationPatch),
}

/// Effect of a registration on the stored project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<'a> {
    /// The project is created from this registration.
    Create(&'a Registration),
    /// The project stays as it is.
    Keep(Project),
    /// The project is changed to this one.
    Update {
        /// The project after the change.
        project: Project,
        /// The row does not parse completely, so columns that a registration does not set have to
        /// be written as well.
        repairs: bool,
    },
}

impl RegistrationWrite {
    /// Creates a write by the actor that the origin of the registration says.
    #[must_use]
    pub fn new(mode: WriteMode, only_if: Precondition) -> Self {
        Self { mode, only_if, actor: None }
    }

    /// Sets the actor that asked for the write.
    #[must_use]
    pub fn by(self, actor: Actor) -> Self {
        Self { actor: Some(actor), ..self }
    }

    /// Returns the actor that asked for the write.
    #[must_use]
    pub fn actor(&self, by: Origin) -> Actor {
        self.actor.clone().unwrap_or_else(|| by.actor())
    }

    /// Returns the slug of the project.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        match &self.mode {
            WriteMode::Merge(registration) | WriteMode::Replace(registration) => &registration.slug,
            WriteMode::Patch(slug, _) => slug,
        }
    }

    /// Returns `true` if the write may be applied to the stored project. A patch of a missing
    /// project is never applied.
    #[must_use]
    pub fn precondition_holds(&self, stored: Option<&Project>) -> bool {
        let has_target = stored.is_some() || !matches!(self.mode, WriteMode::Patch(..));
        has_target && self.only_if.holds(stored)
    }

    /// Returns the registration from which a missing project is created; `None` if it must not be
    /// created.
    #[must_use]
    pub fn creates(&self) -> Option<&Registration> {
        match &self.mode {
            WriteMode::Merge(registration) | WriteMode::Replace(registration) => {
                self.only_if.holds(None).then_some(registration)
            }
            WriteMode::Patch(..) => None,
        }
    }

    /// Decides what the write does to the stored project.
    ///
    /// A registration by [`Origin::Heartbeat`] never replaces anything: a project that was
    /// registered in the meantime keeps its metadata, and a row that does not parse is left
    /// unchanged.
    ///
    /// A failed precondition is ignored if the project already has the state that the write would
    /// produce. A client can therefore retry a write whose response was lost. RFC 9110, section
    /// 13.1.1, permits this.
    ///
    /// # Errors
    /// Returns [`StoreError::PreconditionFailed`] if the precondition does not hold.
    pub fn decide(
        &self,
        stored: Option<&StoredProject>,
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Decision<'_>, StoreError> {
        let readable = stored.and_then(StoredProject::readable);
        let failed = || StoreError::precondition_failed(self.slug(), &self.only_if, readable);
        let is_noop =
            stored.is_some_and(|stored| stored.is_intact() && self.is_noop_for(&stored.project));
        let is_repeated = is_noop && readable.is_some();
        if !is_repeated && !self.precondition_holds(readable) {
            return Err(failed());
        }
        let Some(stored) = stored else {
            return self.creates().map(Decision::Create).ok_or_else(failed);
        };
        if by == Origin::Heartbeat || is_noop {
            return Ok(Decision::Keep(stored.project.clone()));
        }
        let mut project = Project { updated_at: at, ..stored.project.clone() };
        self.apply_to(&mut project);
        Ok(Decision::Update { project, repairs: !stored.is_intact() })
    }

    /// Returns `true` if the write would not change the project.
    #[must_use]
    pub fn is_noop_for(&self, project: &Project) -> bool {
        let mut registered = project.clone();
        self.apply_to(&mut registered);
        registered == *project
    }

    /// Changes the metadata of the project, which then no longer counts as auto-registered. The id,
    /// status and heartbeat are unchanged.
    pub fn apply_to(&self, project: &mut Project) {
        project.auto_registered = false;
        match &self.mode {
            WriteMode::Merge(registration) => registration.apply_to(project),
            WriteMode::Replace(registration) => {
                registration.apply_to(project);
                project.heartbeat_interval = registration.heartbeat_interval;
                project.allow_fanout = registration.allow_fanout.clone().unwrap_or_default();
            }
            WriteMode::Patch(_, patch) => patch.apply_to(project),
        }
    }
}

/// Merges, without a precondition.
impl From<Registration> for RegistrationWrite {
    fn from(registration: Registration) -> Self {
        Self::new(WriteMode::Merge(registration), Precondition::Always)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::{FanoutAllowlist, Tags};
    use crate::{ProjectId, ProjectStatus, RegistrationTag, Reports};

    fn registration(name: &str) -> Registration {
        Registration {
            name: name.parse().unwrap(),
            ..Registration::introduced("a".parse().unwrap(), "http://a".parse().unwrap(), None)
        }
    }

    fn project(name: &str) -> Project {
        let mut project = Project {
            id: ProjectId(1),
            slug: "a".parse().unwrap(),
            name: "A".parse().unwrap(),
            hub_url: "http://a".parse().unwrap(),
            mesh_namespace: None,
            status: ProjectStatus::Online,
            tags: Tags::default(),
            last_heartbeat_at: None,
            last_heartbeat_source: None,
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
            heartbeat_interval: None,
            allow_fanout: FanoutAllowlist::default(),
            reports: Reports::default(),
            auto_registered: false,
        };
        registration(name).apply_to(&mut project);
        project
    }

    fn at() -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + time::Duration::SECOND
    }

    fn incomplete(project: Project) -> StoredProject {
        let ignored = vec![StoreError::Failed("a tag does not parse".into())];
        StoredProject { ignored, ..StoredProject::intact(project) }
    }

    fn unreadable(project: Project) -> StoredProject {
        let unreadable = Some(StoreError::Failed("the name does not parse".into()));
        StoredProject { unreadable, ..StoredProject::intact(project) }
    }

    #[test]
    fn a_missing_project_is_created() {
        let write = RegistrationWrite::from(registration("A"));
        let decision = write.decide(None, Origin::Heartbeat, at()).unwrap();
        assert_eq!(decision, Decision::Create(&registration("A")));
    }

    #[test]
    fn a_project_with_the_same_metadata_is_kept() {
        let write = RegistrationWrite::from(registration("A"));
        let stored = StoredProject::intact(project("A"));
        let decision = write.decide(Some(&stored), Origin::Api, at()).unwrap();
        assert_eq!(decision, Decision::Keep(project("A")));
    }

    #[test]
    fn a_project_with_other_metadata_is_updated() {
        let write = RegistrationWrite::from(registration("B"));
        let stored = StoredProject::intact(project("A"));
        let decision = write.decide(Some(&stored), Origin::Api, at()).unwrap();
        let wanted = Project { updated_at: at(), ..project("B") };
        assert_eq!(decision, Decision::Update { project: wanted, repairs: false });
    }

    #[test]
    fn a_row_that_does_not_parse_is_repaired_even_by_the_same_metadata() {
        let write = RegistrationWrite::from(registration("A"));
        for stored in [incomplete(project("A")), unreadable(project("A"))] {
            let decision = write.decide(Some(&stored), Origin::Api, at()).unwrap();
            let wanted = Project { updated_at: at(), ..project("A") };
            assert_eq!(decision, Decision::Update { project: wanted, repairs: true });
        }
    }

    #[test]
    fn a_heartbeat_changes_no_existing_project() {
        let write = RegistrationWrite::from(registration("B"));
        for stored in [StoredProject::intact(project("A")), unreadable(project("A"))] {
            let decision = write.decide(Some(&stored), Origin::Heartbeat, at()).unwrap();
            assert_eq!(decision, Decision::Keep(project("A")));
        }
    }

    #[test]
    fn a_failed_precondition_reports_the_stored_project() {
        let only_if = Precondition::Unchanged(vec![RegistrationTag::of(&project("A"))]);
        let write = RegistrationWrite::new(WriteMode::Replace(registration("C")), only_if);
        for (stored, reported) in [
            (Some(StoredProject::intact(project("B"))), Some(project("B"))),
            (Some(unreadable(project("A"))), None),
            (None, None),
        ] {
            let failed = write.decide(stored.as_ref(), Origin::Api, at()).unwrap_err();
            let StoreError::PreconditionFailed(failed) = failed else { panic!("{failed:?}") };
            assert_eq!(failed.stored, reported);
        }
    }

    #[test]
    fn a_repeated_write_succeeds_although_its_precondition_no_longer_holds() {
        let stored = StoredProject::intact(project("B"));
        for only_if in [
            Precondition::Unchanged(vec![RegistrationTag::of(&project("A"))]),
            Precondition::Absent,
        ] {
            let mode = WriteMode::Replace(registration("B"));
            let write = RegistrationWrite::new(mode, only_if);
            let decision = write.decide(Some(&stored), Origin::Api, at()).unwrap();
            assert_eq!(decision, Decision::Keep(project("B")));
            assert!(write.decide(Some(&incomplete(project("B"))), Origin::Api, at()).is_err());
        }
    }

    #[test]
    fn a_patch_creates_nothing() {
        let mode = WriteMode::Patch("a".parse().unwrap(), RegistrationPatch::default());
        let write = RegistrationWrite::new(mode, Precondition::Always);
        assert!(write.decide(None, Origin::Api, at()).is_err());
        let stored = StoredProject::intact(project("A"));
        let decision = write.decide(Some(&stored), Origin::Api, at()).unwrap();
        assert_eq!(decision, Decision::Keep(project("A")));
    }
}
