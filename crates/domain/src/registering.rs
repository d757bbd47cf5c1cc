//! One registration on its way to the store: what it does to a project that is there, what to one
//! that is not, and on which condition.

use crate::condition::Precondition;
use crate::error::StoreError;
use crate::patch::RegistrationPatch;
use crate::project::Project;
use crate::registration::Registration;
use crate::values::Slug;

/// A registration to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registering {
    /// What is to be stored.
    pub form: Form,
    /// What must be so for that.
    pub only_if: Precondition,
}

/// How a registration meets a project that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// Replaces its metadata; what the registration does not give stays.
    Merge(Registration),
    /// Replaces its metadata; what the registration does not give gets its default.
    Replace(Registration),
    /// Changes these parts, and creates nothing.
    Patch(Slug, RegistrationPatch),
}

impl Registering {
    /// Of which project.
    #[must_use]
    pub fn slug(&self) -> &Slug {
        match &self.form {
            Form::Merge(registration) | Form::Replace(registration) => &registration.slug,
            Form::Patch(slug, _) => slug,
        }
    }

    /// Whether it is to be done, the project being stored so. A patch of a project that is not
    /// there never is.
    ///
    /// That it already is as this would make it does not stand for the condition: of two who count a
    /// number up from the same reading, both would be told that they did (RFC 9110, section 13.1.1,
    /// leaves the choice).
    #[must_use]
    pub fn may_meet(&self, stored: Option<&Project>) -> bool {
        let has_place = stored.is_some() || !matches!(self.form, Form::Patch(..));
        has_place && self.only_if.holds(stored)
    }

    /// What the project is created from where there is none; none where it is not to be created.
    #[must_use]
    pub fn creates(&self) -> Option<&Registration> {
        match &self.form {
            Form::Merge(registration) | Form::Replace(registration) => {
                self.only_if.holds(None).then_some(registration)
            }
            Form::Patch(..) => None,
        }
    }

    /// What to answer where it [may not meet](Self::may_meet) what is stored.
    #[must_use]
    pub fn refusal(&self, stored: Option<&Project>) -> StoreError {
        StoreError::refused(self.slug(), &self.only_if, stored)
    }

    /// Whether the project already is as this would make it.
    #[must_use]
    pub fn is_met_by(&self, project: &Project) -> bool {
        let mut registered = project.clone();
        self.apply_to(&mut registered);
        registered == *project
    }

    /// Changes the metadata of the project; id, status and heartbeat stay.
    pub fn apply_to(&self, project: &mut Project) {
        match &self.form {
            Form::Merge(registration) => registration.apply_to(project),
            Form::Replace(registration) => {
                registration.apply_to(project);
                project.heartbeat_interval = registration.heartbeat_interval;
                project.allow_fanout = registration.allow_fanout.clone().unwrap_or_default();
            }
            Form::Patch(_, patch) => patch.apply_to(project),
        }
    }
}

/// On no condition, and what it does not give stays.
impl From<Registration> for Registering {
    fn from(registration: Registration) -> Self {
        Self { form: Form::Merge(registration), only_if: Precondition::Always }
    }
}
