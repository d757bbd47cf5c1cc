//! What a new form of the list asks for.

use std::collections::HashMap;

use federation_domain::{
    FanoutAllowlist, Form, Precondition, Registering, Registration, RegistrationPatch, Slug,
};

/// The difference between the list as it was applied and as it is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is to be registered for the entries that are new or say something else, in the order of
    /// the list.
    pub(super) register: Vec<Registering>,
    /// How many entries are new.
    pub(super) new: usize,
    /// How many entries say something else than before.
    pub(super) updated: usize,
    /// How many stand as they stood. They are not registered: somebody may have changed the project
    /// since, by the API.
    pub(super) unchanged: usize,
    /// Who stands there no more, in the order of the list as it was.
    pub(super) left: Vec<Slug>,
}

impl Plan {
    /// Compares two lists, in each of which a slug stands at most once.
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

/// Brings a project from what its entry said to what it says now. What left the entry goes back to
/// its default; what stands in neither stays, as somebody may have set it by the API.
fn update(stood: &Registration, project: &Registration) -> Vec<Registering> {
    let mut registration = project.clone();
    if stood.allow_fanout.is_some() && registration.allow_fanout.is_none() {
        registration.allow_fanout = Some(FanoutAllowlist::default());
    }
    let loses_interval = stood.heartbeat_interval.is_some() && project.heartbeat_interval.is_none();
    let mut steps = vec![Registering::from(registration)];
    if loses_interval {
        // A registration can set an interval, and not take it away.
        let patch =
            RegistrationPatch { heartbeat_interval: Some(None), ..RegistrationPatch::default() };
        let form = Form::Patch(project.slug.clone(), patch);
        steps.push(Registering { form, only_if: Precondition::Always });
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::super::tests::{listed, slug};
    use super::*;

    #[test]
    fn only_what_is_new_or_differs_is_registered() {
        let applied = [listed("a", "A"), listed("b", "B"), listed("c", "C")];
        let wanted = [listed("d", "D"), listed("c", "C"), listed("b", "Other")];
        let plan = Plan::between(&applied, &wanted);
        assert_eq!(plan.register, [listed("d", "D"), listed("b", "Other")].map(Registering::from));
        assert_eq!((plan.new, plan.updated, plan.unchanged), (1, 1, 1));
        assert_eq!(plan.left, [slug("a")]);
    }

    #[test]
    fn the_order_of_the_list_is_no_difference() {
        let list = [listed("a", "A"), listed("b", "B")];
        let turned = [listed("b", "B"), listed("a", "A")];
        assert_eq!(Plan::between(&list, &turned), Plan { unchanged: 2, ..Plan::default() });
    }

    #[test]
    fn all_may_come_and_all_may_leave() {
        let list = [listed("a", "A"), listed("b", "B")];
        let come = Plan::between(&[], &list);
        assert_eq!((come.new, come.updated), (2, 0));
        assert_eq!(come.register, list.clone().map(Registering::from));
        assert_eq!(Plan::between(&list, &[]).left, [slug("a"), slug("b")]);
    }
}
