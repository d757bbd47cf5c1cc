//! Partial changes of a registration, as in a JSON merge patch (RFC 7396).

use crate::InvalidValue;
use crate::project::Project;
use crate::values::{FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, Tags};

/// A valid change of some fields of a registration. Fields that are `None` are unchanged.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationPatch {
    /// Display name.
    pub name: Option<ProjectName>,
    /// Base URL.
    pub hub_url: Option<HubUrl>,
    /// Prefix of its NATS subjects.
    pub mesh_namespace: Option<MeshNamespace>,
    /// Tags, replacing all others.
    pub tags: Option<Tags>,
    /// Heartbeat interval. `Some(None)` resets it to the default.
    pub heartbeat_interval: Option<Option<HeartbeatInterval>>,
    /// Actions that may be fanned out to the project, replacing all others.
    pub allow_fanout: Option<FanoutAllowlist>,
}

impl RegistrationPatch {
    /// Applies the fields that are set.
    pub fn apply_to(&self, project: &mut Project) {
        put(&mut project.name, &self.name);
        put(&mut project.hub_url, &self.hub_url);
        if self.mesh_namespace.is_some() {
            project.mesh_namespace.clone_from(&self.mesh_namespace);
        }
        put(&mut project.tags, &self.tags);
        put(&mut project.heartbeat_interval, &self.heartbeat_interval);
        put(&mut project.allow_fanout, &self.allow_fanout);
    }
}

fn put<T: Clone>(place: &mut T, value: &Option<T>) {
    if let Some(value) = value {
        place.clone_from(value);
    }
}

/// A patch before it is parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PatchDraft {
    /// See [`ProjectName`].
    pub name: Option<String>,
    /// See [`HubUrl`].
    pub hub_url: Option<String>,
    /// See [`MeshNamespace`].
    pub mesh_namespace: Option<String>,
    /// See [`Tags`].
    pub tags: Option<Vec<String>>,
    /// See [`HeartbeatInterval`]; in seconds.
    pub heartbeat_interval_seconds: Option<Option<f64>>,
    /// See [`FanoutAllowlist`].
    pub allow_fanout: Option<Vec<String>>,
}

impl PatchDraft {
    /// Parses the fields that are set.
    ///
    /// # Errors
    /// Returns one error for each invalid field, in the order of the fields.
    pub fn parse(&self) -> Result<RegistrationPatch, Vec<InvalidValue>> {
        let mut errors = Vec::new();
        let patch = RegistrationPatch {
            name: field(&mut errors, &self.name, |text| ProjectName::parse(text)),
            hub_url: field(&mut errors, &self.hub_url, |text| HubUrl::parse(text)),
            mesh_namespace: field(&mut errors, &self.mesh_namespace, |text| {
                MeshNamespace::parse(text)
            }),
            tags: field(&mut errors, &self.tags, |items| Tags::parse(items)),
            heartbeat_interval: field(&mut errors, &self.heartbeat_interval_seconds, |seconds| {
                seconds.map(HeartbeatInterval::from_seconds).transpose()
            }),
            allow_fanout: field(&mut errors, &self.allow_fanout, |items| {
                FanoutAllowlist::parse(items)
            }),
        };
        if errors.is_empty() { Ok(patch) } else { Err(errors) }
    }
}

fn field<T, V>(
    errors: &mut Vec<InvalidValue>,
    given: &Option<T>,
    parse: impl FnOnce(&T) -> Result<V, InvalidValue>,
) -> Option<V> {
    parse(given.as_ref()?).map_err(|error| errors.push(error)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_every_invalid_field_in_order() {
        let draft = PatchDraft {
            name: Some(" ".to_owned()),
            hub_url: Some("http://fine".to_owned()),
            tags: Some(vec!["a".to_owned(), "a".to_owned()]),
            heartbeat_interval_seconds: Some(Some(0.0)),
            ..PatchDraft::default()
        };
        let errors = draft.parse().unwrap_err();
        let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
        assert_eq!(fields, ["name", "tags[1]", "heartbeat_interval_seconds"]);
    }

    #[test]
    fn an_empty_patch_is_valid() {
        assert_eq!(PatchDraft::default().parse().unwrap(), RegistrationPatch::default());
    }
}
