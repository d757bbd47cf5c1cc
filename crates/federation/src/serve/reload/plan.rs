//! Differences between two versions of the projects file.

use std::collections::HashMap;

use federation_domain::{
    FanoutAllowlist, Precondition, Registration, RegistrationPatch, RegistrationWrite, Slug,
    WriteMode,
};

/// The difference between the applied and the wanted list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Registrations of the entries that are new or differ, in the order of the list.
    pub(super) register: Vec<RegistrationWrite>,
    /// Number of new entries.
    pub(super) new: usize,
    /// Number of entries that differ.
    pub(super) updated: usize,
    /// Number of unchanged entries. They are not registered, because the project may have been changed
    /// through the API.
    pub(super) unchanged: usize,
    /// Slugs that are no longer listed, in the order of the applied list.
    pub(super) left: Vec<Slug>,
}

impl Plan {
    /// Compares two lists without duplicate slugs.
    pub(super) fn between(applied: &[Registration], wanted: &[Registration]) -> Self {
        let mut former: HashMap<&Slug, &Registration> =
            applied.iter().map(|project| (&project.slug, project)).collect();
        let mut plan = Self::default();
        for project in wanted {
            match former.remove(&project.slug) {
                Some(same) if same == project => plan.unchanged += 1,
                Some(stood) => {
                    plan.updated += 1;
                    plan.register.extend(update(stood, project));
                }
                None => {
                    plan.new += 1;
                    plan.register.push(project.clone().into());
                }
            }
        }
        let left = applied.iter().map(|project| &project.slug);
        plan.left = left.filter(|slug| former.contains_key(*slug)).cloned().collect();
        plan
    }
}

/// Updates a project from the old to the new version of its entry. A field removed from the entry
/// is reset to its default. A field in neither version is kept, because it may have been set
/// through the API.
fn update(stood: &Registration, project: &Registration) -> Vec<RegistrationWrite> {
    let mut registration = project.clone();
    if stood.allow_fanout.is_some() && registration.allow_fanout.is_none() {
        registration.allow_fanout = Some(FanoutAllowlist::default());
    }
    let loses_interval = stood.heartbeat_interval.is_some() && project.heartbeat_interval.is_none();
    let mut steps = vec![RegistrationWrite::from(registration)];
    if loses_interval {
        // A registration can set an interval but not remove it.
        let patch =
            RegistrationPatch { heartbeat_interval: Some(None), ..RegistrationPatch::default() };
        let mode = WriteMode::Patch(project.slug.clone(), patch);
        steps.push(RegistrationWrite::new(mode, Precondition::Always));
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::tests::{listed, slug};
    use super::*;

    #[test]
    fn only_new_and_changed_entries_are_registered() {
        let applied = [listed("a", "A"), listed("b", "B"), listed("c", "C")];
        let wanted = [listed("d", "D"), listed("c", "C"), listed("b", "Other")];
        let plan = Plan::between(&applied, &wanted);
        assert_eq!(
            plan.register,
            [listed("d", "D"), listed("b", "Other")].map(RegistrationWrite::from)
        );
        assert_eq!((plan.new, plan.updated, plan.unchanged), (1, 1, 1));
        assert_eq!(plan.left, [slug("a")]);
    }

    #[test]
    fn the_order_of_the_list_does_not_matter() {
        let list = [listed("a", "A"), listed("b", "B")];
        let turned = [listed("b", "B"), listed("a", "A")];
        assert_eq!(Plan::between(&list, &turned), Plan { unchanged: 2, ..Plan::default() });
    }

    #[test]
    fn a_whole_list_can_be_added_and_removed() {
        let list = [listed("a", "A"), listed("b", "B")];
        let come = Plan::between(&[], &list);
        assert_eq!((come.new, come.updated), (2, 0));
        assert_eq!(come.register, list.clone().map(RegistrationWrite::from));
        assert_eq!(Plan::between(&list, &[]).left, [slug("a"), slug("b")]);
    }
}
