use std::cmp::Ordering;
use std::collections::BinaryHeap;

use federation_domain::Project;

use super::{Position, Sort};

/// Selects the first `at_most` projects in a sort order from projects offered in any order. Memory
/// is bounded by `at_most`: it keeps the position and a `T` of each.
pub(crate) struct TopN<'a, T> {
    sort: Sort,
    after: Option<&'a Position>,
    at_most: usize,
    /// Max-heap with the last of them on top.
    found: BinaryHeap<Found<T>>,
    /// At least one project after the position was left out.
    more: bool,
}

struct Found<T> {
    sort: Sort,
    position: Position,
    kept: T,
}

impl<'a, T> TopN<'a, T> {
    /// Creates a selection of the projects after a position, or of the first ones.
    pub(crate) fn new(sort: Sort, after: Option<&'a Position>, at_most: usize) -> Self {
        Self { sort, after, at_most, found: BinaryHeap::new(), more: false }
    }

    /// Offers a project. `keep` is called only if it is among the first so far.
    pub(crate) fn offer(&mut self, project: &Project, keep: impl FnOnce() -> T) {
        if self.after.is_some_and(|after| !self.sort.is_after(project, after)) {
            return;
        }
        if self.found.len() >= self.at_most {
            self.more = true;
            let last = self.found.peek().map(|found| &found.position);
            if last.is_none_or(|last| self.sort.is_after(project, last)) {
                return;
            }
            self.found.pop();
        }
        self.found.push(Found {
            sort: self.sort,
            position: self.sort.position(project),
            kept: keep(),
        });
    }

    /// Returns the values kept, in order, and the position of the last one if there are more.
    pub(crate) fn end(self) -> (impl ExactSizeIterator<Item = T>, Option<Position>) {
        let last = self.found.peek().map(|found| found.position.clone());
        let kept = self.found.into_sorted_vec().into_iter().map(|found| found.kept);
        (kept, last.filter(|_| self.more))
    }
}

impl<T> Ord for Found<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort.compare_positions(&self.position, &other.position)
    }
}

impl<T> PartialOrd for Found<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Found<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Found<T> {}

#[cfg(test)]
mod tests {
    use federation_domain::{ProjectId, ProjectStatus};
    use proptest::prelude::*;
    use time::Duration;

    use super::*;
    use crate::query::SortKey;
    use crate::testing::project;

    /// Values come from small sets, so that many are equal.
    fn any_project(id: i64) -> impl Strategy<Value = Project> {
        (0_usize..3, "[aB]", 0_i64..3, proptest::option::of(0_i64..3)).prop_map(
            move |(status, name, updated, heard)| {
                let base = project(id);
                let at = |second| base.created_at + Duration::seconds(second);
                Project {
                    slug: format!("p{}", id * 7_919 % 100).parse().unwrap(),
                    name: name.parse().unwrap(),
                    status: ProjectStatus::ALL[status],
                    updated_at: at(updated),
                    last_heartbeat_at: heard.map(at),
                    ..base
                }
            },
        )
    }

    fn any_projects() -> impl Strategy<Value = Vec<Project>> {
        (0_i64..40)
            .prop_flat_map(|many| (0..many).map(any_project).collect::<Vec<_>>().prop_shuffle())
    }

    fn any_sort() -> impl Strategy<Value = Sort> {
        (0..SortKey::ALL.len(), any::<bool>())
            .prop_map(|(key, descending)| Sort { key: SortKey::ALL[key], descending })
    }

    fn page(
        projects: &[Project],
        sort: Sort,
        after: Option<&Position>,
        at_most: usize,
    ) -> (Vec<i64>, Option<Position>) {
        let mut first = TopN::new(sort, after, at_most);
        projects.iter().for_each(|project| first.offer(project, || project.id.0));
        let (ids, next) = first.end();
        (ids.collect(), next)
    }

    proptest! {
        #[test]
        fn concatenated_pages_equal_the_sorted_list(
            projects in any_projects(), sort in any_sort(), at_most in 1_usize..12,
        ) {
            let mut sorted = projects.clone();
            sorted.sort_by(|one, other| sort.compare(one, other));
            let whole: Vec<i64> = sorted.iter().map(|project| project.id.0).collect();
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let (ids, next) = page(&projects, sort, after.as_ref(), at_most);
                prop_assert!(next.is_none() || ids.len() == at_most);
                prop_assert!(!ids.is_empty() || projects.is_empty(), "an empty page");
                paged.extend(ids);
                after = next;
                if after.is_none() {
                    break;
                }
            }
            prop_assert_eq!(paged, whole);
        }

        #[test]
        fn an_unchanged_project_is_on_exactly_one_page_whatever_others_do(
            staying in any_projects(), passing in any_projects(),
            sort in any_sort(), at_most in 1_usize..6, seed in any::<u64>(),
        ) {
            let mut rng = fastrand::Rng::with_seed(seed);
            let passing: Vec<Project> = passing
                .into_iter()
                .map(|project| Project { id: ProjectId(project.id.0 + 100), ..project })
                .collect();
            let (mut seen, mut after) = (Vec::new(), None);
            loop {
                let mut now = staying.clone();
                now.extend(passing.iter().filter(|_| rng.bool()).cloned());
                let (ids, next) = page(&now, sort, after.as_ref(), at_most);
                seen.extend(ids.into_iter().filter(|id| *id < 100));
                after = next;
                if after.is_none() {
                    break;
                }
            }
            let mut sorted = staying;
            sorted.sort_by(|one, other| sort.compare(one, other));
            let expected: Vec<i64> = sorted.iter().map(|project| project.id.0).collect();
            prop_assert_eq!(seen, expected);
        }
    }
}
