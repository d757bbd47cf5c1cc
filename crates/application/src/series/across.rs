//! One metric across projects, and the newest values of all projects.

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
        let inner = &*self.0;
        let now = inner.clock.utc();
        let mut values: Vec<ProjectValue> = Vec::new();
        inner.table.visit(|project, series| {
            let Some(run) = series.run(metric.as_str()) else { return };
            let Some(slug) = self.selected(project, filter) else { return };
            let is_stale = is_stale(metric.as_str(), run.until_at, now);
            values.push(ProjectValue { slug, run: run.clone(), is_stale });
        });
        let by_slug = |a: &ProjectValue, b: &ProjectValue| a.slug.cmp(&b.slug);
        values.sort_unstable_by(|a, b| match order {
            ValueOrder::Slug => by_slug(a, b),
            ValueOrder::Ascending => compare(a, b, false).then_with(|| by_slug(a, b)),
            ValueOrder::Descending => compare(a, b, true).then_with(|| by_slug(a, b)),
        });
        let total = values.len();
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

/// Compares two values. Texts come after numbers in both orders.
fn compare(one: &ProjectValue, other: &ProjectValue, descending: bool) -> std::cmp::Ordering {
    let (one, other) = (&one.run.last, &other.run.last);
    let directed = |order: std::cmp::Ordering| if descending { order.reverse() } else { order };
    match (one.as_number(), other.as_number()) {
        (Some(one), Some(other)) => directed(one.total_cmp(&other)),
        (None, None) => directed(one.as_text().cmp(&other.as_text())),
        (one, other) => one.is_none().cmp(&other.is_none()),
    }
}
