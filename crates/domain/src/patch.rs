//! Changing parts of a registration, as a JSON merge patch asks for it (RFC 7396).

use crate::InvalidValue;
use crate::project::Project;
use crate::values::{FanoutAllowlist, HeartbeatInterval, HubUrl, MeshNamespace, ProjectName, Tags};

/// A valid change of parts of a registration; what is `None` stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationPatch {
    /// What people call it.
    pub name: Option<ProjectName>,
    /// Where it answers.
    pub hub_url: Option<HubUrl>,
    /// Its subject prefix.
    pub mesh_namespace: Option<MeshNamespace>,
    /// Its tags, all of them.
    pub tags: Option<Tags>,
    /// Its own heartbeat interval; `Some(None)` takes it away.
    pub heartbeat_interval: Option<Option<HeartbeatInterval>>,
    /// The actions that may be fanned out to it, all of them.
    pub allow_fanout: Option<FanoutAllowlist>,
}

impl RegistrationPatch {
    /// Changes the parts; all else stays.
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

/// A patch as it came, before it is parsed.
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
    /// Parses all parts that are given.
    ///
    /// # Errors
    /// One for each part that is invalid, in the order of the fields.
    pub fn parse(&self) -> Result<RegistrationPatch, Vec<InvalidValue>> {
        let mut faults = Vec::new();
        let patch = RegistrationPatch {
            name: part(&mut faults, &self.name, |text| ProjectName::parse(text)),
            hub_url: part(&mut faults, &self.hub_url, |text| HubUrl::parse(text)),
            mesh_namespace: part(&mut faults, &self.mesh_namespace, |text| {
                MeshNamespace::parse(text)
            }),
            tags: part(&mut faults, &self.tags, |items| Tags::parse(items)),
            heartbeat_interval: part(&mut faults, &self.heartbeat_interval_seconds, |seconds| {
                seconds.map(HeartbeatInterval::from_seconds).transpose()
            }),
            allow_fanout: part(&mut faults, &self.allow_fanout, |items| {
                FanoutAllowlist::parse(items)
            }),
        };
        if faults.is_empty() { Ok(patch) } else { Err(faults) }
    }
}

fn part<T, V>(
    faults: &mut Vec<InvalidValue>,
    given: &Option<T>,
    parse: impl FnOnce(&T) -> Result<V, InvalidValue>,
) -> Option<V> {
    parse(given.as_ref()?).map_err(|fault| faults.push(fault)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_faulty_part_is_named_in_the_order_of_the_fields() {
        let draft = PatchDraft {
            name: Some(" ".to_owned()),
            hub_url: Some("http://fine".to_owned()),
            tags: Some(vec!["a".to_owned(), "a".to_owned()]),
            heartbeat_interval_seconds: Some(Some(0.0)),
            ..PatchDraft::default()
        };
        let faults = draft.parse().unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["name", "tags[1]", "heartbeat_interval_seconds"]);
    }

    #[test]
    fn a_patch_without_parts_is_valid() {
        assert_eq!(PatchDraft::default().parse().unwrap(), RegistrationPatch::default());
    }
}
