//! Lists of incidents.

use std::sync::Arc;

use federation_domain::{IncidentId, IncidentStatus, LiveIncident, Severity, Slug};

use super::Incidents;
use crate::catalog::CatalogError;

/// Selection of incidents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IncidentQuery {
    /// Statuses. Empty selects all.
    pub statuses: Vec<IncidentStatus>,
    /// Severities. Empty selects all.
    pub severities: Vec<Severity>,
    /// A project that is or was the root or an affected project.
    pub project: Option<Slug>,
    /// A tag of the root or of a current member.
    pub tag: Option<String>,
    /// Return only incidents with a smaller number.
    pub before: Option<IncidentId>,
    /// Maximum number of incidents; `None` returns all.
    pub limit: Option<usize>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedIncidents {
    /// The incidents, the newest first.
    pub incidents: Vec<Arc<LiveIncident>>,
    /// The last of them, if more follow.
    pub next: Option<IncidentId>,
}

impl Incidents {
    /// Returns the incidents that a query selects, of those that are not resolved and of the newest of
    /// the others.
    ///
    /// # Errors
    /// Returns [`CatalogError::NotLoaded`].
    pub fn list(&self, query: &IncidentQuery) -> Result<ListedIncidents, CatalogError> {
        self.0.catalog.loaded()?;
        let all = self.0.table.all().into_iter();
        let before = query.before.map_or(i64::MAX, |id| id.0);
        let mut selected =
            all.filter(|one| one.incident.id.0 < before && self.selects(query, one)).peekable();
        let limit = query.limit.unwrap_or(usize::MAX);
        let incidents: Vec<_> = selected.by_ref().take(limit).collect();
        let has_more = selected.peek().is_some();
        let last = incidents.last().map(|one| one.incident.id);
        Ok(ListedIncidents { next: last.filter(|_| has_more), incidents })
    }

    fn selects(&self, query: &IncidentQuery, one: &LiveIncident) -> bool {
        let incident = &one.incident;
        let has =
            |slug: &Slug| incident.root.as_ref() == Some(slug) || one.members.contains_key(slug);
        (query.statuses.is_empty() || query.statuses.contains(&incident.status))
            && (query.severities.is_empty() || query.severities.contains(&incident.severity))
            && query.project.as_ref().is_none_or(has)
            && query.tag.as_ref().is_none_or(|tag| self.has_tag(one, tag))
    }

    fn has_tag(&self, one: &LiveIncident, tag: &str) -> bool {
        let members = one.current().map(|member| &member.project);
        let mut projects = one.incident.root.iter().chain(members);
        projects.any(|slug| {
            let entry = self.0.catalog.entry(slug);
            entry.is_ok_and(|entry| entry.lock().project.tags.iter().any(|one| one == tag))
        })
    }
}
