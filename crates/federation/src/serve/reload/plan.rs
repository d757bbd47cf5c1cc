//! What a new form of the list asks for.

use std::collections::HashMap;

use federation_domain::{Registration, Slug};

/// The difference between the list as it was applied and as it is wanted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// What is new or says something else, in the order of the list.
    pub(super) register: Vec<Registration>,
    /// How many of these are new.
    pub(super) new: usize,
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
                stood => {
                    plan.new += usize::from(stood.is_none());
                    plan.register.push(project.clone());
                }
            }
        }
        let left = applied.iter().map(|project| &project.slug);
        plan.left = left.filter(|slug| former.contains_key(*slug)).cloned().collect();
        plan
    }
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
        assert_eq!(plan.register, [listed("d", "D"), listed("b", "Other")]);
        assert_eq!((plan.new, plan.unchanged, plan.left), (1, 1, vec![slug("a")]));
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
        assert_eq!((come.new, come.register), (2, list.to_vec()));
        assert_eq!(Plan::between(&list, &[]).left, [slug("a"), slug("b")]);
    }
}
