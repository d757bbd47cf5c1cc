//! One metric across projects, and the newest values of all projects.

use std::cmp::Ordering;

use federation_domain::{MetricType, ProjectId, Run, Slug, is_stale};

use super::Series;
use crate::query::ProjectFilter;

/// Newest value of a metric in one of several projects.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectValue {
    /// The project.
    pub slug: Slug,
    /// Run that ends with the newest sample.
    pub run: Run,
    /// The value is too old to count as current.
    pub is_stale: bool,
}

/// Order of the values of a metric across projects. Ties are in order of slug.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ValueOrder {
    /// By slug.
    #[default]
    Slug,
    /// The smallest number first, then texts.
    Ascending,
    /// The largest number first, then texts.
    Descending,
}

impl Series {
    /// Returns the newest value of a metric in each selected project that reports it, at most
    /// `limit`, and the number of all of them.
    #[must_use]
    pub fn across(
        &self,
        metric: &MetricType,
        filter: &ProjectFilter,
        order: ValueOrder,
        limit: usize,
    ) -> (Vec<ProjectValue>, usize) {
        let mut found: Vec<(ProjectId, Run)> = Vec::new();
        self.0.table.visit(|project, series| {
            found.extend(series.held(metric.as_str()).map(|(run, _)| (project, run.clone())));
        });
        if *filter == ProjectFilter::default() {
            let registry = self.0.registry.hold();
            found.retain(|(project, _)| registry.has_id(*project));
        } else {
            found.retain(|(project, _)| self.selected(*project, filter).is_some());
        }
        let total = found.len();
        if order != ValueOrder::Slug {
            keep_first(&mut found, limit, |a, b| order.compare(&a.1, &b.1));
        }
        let now = self.0.clock.utc();
        let values = found.into_iter().filter_map(|(project, run)| {
            let slug = self.selected(project, filter)?;
            let is_stale = is_stale(metric.as_str(), run.until_at, now);
            Some(ProjectValue { slug, run, is_stale })
        });
        let mut values: Vec<ProjectValue> = values.collect();
        values.sort_unstable_by(|a, b| {
            let by_value = match order {
                ValueOrder::Slug => Ordering::Equal,
                ValueOrder::Ascending | ValueOrder::Descending => order.compare(&a.run, &b.run),
            };
            by_value.then_with(|| a.slug.cmp(&b.slug))
        });
        values.truncate(limit);
        (values, total)
    }

    /// Returns the newest numbers of all projects that are not stale, at most `limit`, and whether
    /// there are more.
    #[must_use]
    pub fn export(&self, limit: usize) -> (Vec<(Slug, MetricType, f64)>, bool) {
        let inner = &*self.0;
        let now = inner.clock.utc();
        let (mut values, mut has_more) = (Vec::new(), false);
        inner.table.visit(|project, series| {
            if has_more {
                return;
            }
            let Some(slug) = self.selected(project, &ProjectFilter::default()) else { return };
            for one in &series.series {
                let Some(number) = one.open.run().last.as_number() else { continue };
                if is_stale(one.metric.as_str(), one.open.run().until_at, now) {
                    continue;
                }
                if values.len() == limit {
                    has_more = true;
                    return;
                }
                values.push((slug.clone(), one.metric.clone(), number));
            }
        });
        values.sort_unstable_by(|a, b| (&a.1, &a.0).cmp(&(&b.1, &b.0)));
        (values, has_more)
    }

    /// Returns the slug of a project if it exists and the filter selects it.
    fn selected(&self, project: ProjectId, filter: &ProjectFilter) -> Option<Slug> {
        let entry = self.0.registry.get_by_id(project)?;
        let mut live = entry.lock();
        let project = entry.project(&mut live);
        filter.selects(project).then(|| project.slug.clone())
    }
}

impl ValueOrder {
    /// Compares two values by size. Texts come after numbers in both directions.
    fn compare(self, one: &Run, other: &Run) -> Ordering {
        let (one, other) = (&one.last, &other.last);
        let ascending = match (one.as_number(), other.as_number()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (None, None) => one.as_text().cmp(&other.as_text()),
            (one, other) => return one.is_none().cmp(&other.is_none()),
        };
        if self == Self::Descending { ascending.reverse() } else { ascending }
    }
}

/// Keeps the first `limit` values and those that are equal to the last of these, in any order.
fn keep_first<T: Clone>(values: &mut Vec<T>, limit: usize, compare: impl Fn(&T, &T) -> Ordering) {
    let Some(last) = limit.checked_sub(1).filter(|last| *last < values.len()) else { return };
    let last = values.select_nth_unstable_by(last, &compare).1.clone();
    values.retain(|value| compare(value, &last).is_le());
}
