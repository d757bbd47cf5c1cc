//! Projects in the order of their risk or of a key figure.

use std::cmp::Ordering;

use federation_domain::{InvalidValue, KpiName, ProjectId, ProjectStatus};

use super::{Assessment, Series};
use crate::catalog::{Catalog, CatalogError};
use crate::query::{Figure, Position, ProjectFilter, ProjectQuery, SortValue};

/// Figure by which projects can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureKey {
    /// The score of the risk.
    Risk,
    /// A key figure.
    Kpi(KpiName),
}

/// Order of a list by a figure. Ties are broken by ascending id, and projects without the figure come
/// last, in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FigureSort {
    /// The figure.
    pub key: FigureKey,
    /// Lists the greatest value first.
    pub descending: bool,
}

/// Order and filter of a list by figures. The default selects all projects in order of id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FigureQuery {
    /// Order; by id if there is none.
    pub sort: Option<FigureSort>,
    /// Selects projects with at least this risk.
    pub min_risk: Option<u32>,
}

impl FigureKey {
    /// Returns the names of all keys in the API.
    pub fn names() -> impl Iterator<Item = String> {
        let kpis = KpiName::ALL.into_iter().map(|name| format!("kpis.{}", name.as_str()));
        std::iter::once("risk".to_owned()).chain(kpis)
    }

    fn parse(name: &str) -> Option<Self> {
        if name == "risk" {
            return Some(Self::Risk);
        }
        let name = name.strip_prefix("kpis.")?;
        KpiName::ALL.into_iter().find(|kpi| kpi.as_str() == name).map(Self::Kpi)
    }

    fn of(self, assessment: &Assessment) -> Option<Figure> {
        let value = match self {
            Self::Risk => assessment.risk.as_ref().map(|risk| f64::from(risk.score)),
            Self::Kpi(name) => assessment.kpis.get(name).map(|kpi| kpi.value),
        };
        value.map(Figure::new)
    }
}

impl FigureSort {
    /// Parses a key, with a leading `-` for descending order: `-risk`, `kpis.audits_fail`. Returns
    /// `None` if it names no figure.
    ///
    /// # Errors
    /// If it begins like a key figure and names none.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidValue> {
        let (descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        match FigureKey::parse(name) {
            Some(key) => Ok(Some(Self { key, descending })),
            None if name.starts_with("kpis.") => {
                let allowed = FigureKey::names().collect::<Vec<_>>().join(", ");
                Err(InvalidValue::new("sort", text, allowed))
            }
            None => Ok(None),
        }
    }

    /// Compares two positions in this order.
    fn compare(self, one: &Ranking, other: &Ranking) -> Ordering {
        let ((one, one_id), (other, other_id)) = (one, other);
        let by_value = one.cmp(other);
        let by_value = if self.descending { by_value.reverse() } else { by_value };
        one.is_none().cmp(&other.is_none()).then(by_value).then(one_id.cmp(other_id))
    }
}

/// Value and id of a project.
type Ranking = (Option<Figure>, ProjectId);

impl FigureQuery {
    /// Returns `true` if the query depends on no figure.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn compare(&self, one: &Ranking, other: &Ranking) -> Ordering {
        self.sort.map_or_else(|| one.1.cmp(&other.1), |sort| sort.compare(one, other))
    }

    /// Returns `true` if the position can belong to a list in this order.
    #[must_use]
    pub fn has(&self, position: &Position) -> bool {
        match self.sort {
            Some(_) => matches!(position.value, SortValue::Figure(_)),
            None => position.value == SortValue::Id,
        }
    }
}

fn position((value, id): &Ranking, query: &FigureQuery) -> Position {
    let value = if query.sort.is_some() { SortValue::Figure(*value) } else { SortValue::Id };
    Position { value, id: *id }
}

fn ranking(position: &Position) -> Ranking {
    let value = match position.value {
        SortValue::Figure(value) => value,
        _ => None,
    };
    (value, position.id)
}

impl Series {
    /// Returns at most `limit` projects that the filter and the query select, in order, after a
    /// position or from the start, and the position after which the list continues. Scans the whole
    /// catalog.
    ///
    /// # Errors
    /// [`CatalogError::NotLoaded`].
    pub fn rank(
        &self,
        catalog: &Catalog,
        filter: &ProjectFilter,
        query: &FigureQuery,
        after: Option<&Position>,
        limit: usize,
    ) -> Result<(Vec<ProjectId>, Option<Position>), CatalogError> {
        let after = after.map(ranking);
        let mut found: Vec<Ranking> = Vec::new();
        let is_next = |one: &Ranking| {
            after.as_ref().is_none_or(|after| query.compare(one, after) == Ordering::Greater)
        };
        for (project, status) in selected(catalog, filter)? {
            let assessment = self.assess_status(project, status);
            let risk = assessment.risk.as_ref().map(|risk| risk.score);
            if query.min_risk.is_some_and(|min| risk.is_none_or(|risk| risk < min)) {
                continue;
            }
            let value = query.sort.and_then(|sort| sort.key.of(&assessment));
            found.extend(Some((value, project)).filter(is_next));
        }
        found.sort_unstable_by(|one, other| query.compare(one, other));
        let has_more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| has_more).map(|last| position(last, query));
        Ok((found.into_iter().map(|(_, id)| id).collect(), next))
    }
}

/// Returns the ids of the projects that a filter selects, with their statuses if known. They are
/// collected first, because nothing else may be called while projects are listed.
fn selected(
    catalog: &Catalog,
    filter: &ProjectFilter,
) -> Result<Vec<(ProjectId, Option<ProjectStatus>)>, CatalogError> {
    let query = ProjectQuery { filter: filter.clone(), ..ProjectQuery::default() };
    let mut found = Vec::new();
    catalog.list_all(&query, &mut |project, status_known| {
        found.push((project.id, status_known.then_some(project.status)));
    })?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_figure_parses_from_its_name_in_both_directions() {
        for name in FigureKey::names() {
            let sort = FigureSort::parse(&name).unwrap().unwrap();
            let back = FigureSort::parse(&format!("-{name}")).unwrap().unwrap();
            assert_eq!((sort.key, sort.descending, back.descending), (back.key, false, true));
        }
        assert_eq!(FigureSort::parse("-updated_at").unwrap(), None);
        assert_eq!(FigureSort::parse("-kpis.x").unwrap_err().field, "sort");
    }

    proptest! {
        #[test]
        fn pages_have_every_project_once_and_those_without_a_figure_last(
            values in prop::collection::vec(prop::option::of(0_u8..5), 0..30),
            descending: bool,
        ) {
            let sort = Some(FigureSort { key: FigureKey::Risk, descending });
            let query = FigureQuery { sort, min_risk: None };
            let mut all: Vec<Ranking> = (0_i64..)
                .zip(values)
                .map(|(id, value)| (value.map(|v| Figure::new(f64::from(v))), ProjectId(id)))
                .collect();
            all.sort_by(|one, other| query.compare(one, other));
            let without = all.iter().position(|(value, _)| value.is_none());
            let without = without.unwrap_or(all.len());
            prop_assert!(all[without..].iter().all(|(value, _)| value.is_none()));
            for (place, one) in all.iter().enumerate() {
                let at = ranking(&position(one, &query));
                let after = all.iter().filter(|other| query.compare(other, &at).is_gt());
                prop_assert_eq!(after.count(), all.len() - place - 1);
            }
        }
    }
}
