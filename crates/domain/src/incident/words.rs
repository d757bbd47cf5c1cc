//! Incidents in words.

use super::{Incident, IncidentKind, IncidentStatus, LiveIncident};
use crate::values::Slug;

/// Maximum number of affected projects that a description names.
const NAMED: usize = 5;

impl Incident {
    /// Returns a title of a few words.
    #[must_use]
    pub fn title(&self) -> String {
        let root = self.root.as_ref().map_or("the service", Slug::as_str);
        match (self.kind, &self.finding) {
            (IncidentKind::Blind, _) => "The service cannot hear its projects".to_owned(),
            (IncidentKind::Metric, Some(finding)) => format!("{root}: {finding}"),
            (kind, _) => format!("{root} is {kind}"),
        }
    }
}

impl LiveIncident {
    /// Returns the projects that are affected now, without the root.
    #[must_use]
    pub fn affected(&self) -> Vec<&Slug> {
        let root = self.incident.root.as_ref();
        self.current().map(|member| &member.project).filter(|one| Some(*one) != root).collect()
    }

    /// Returns the cause in one or two sentences, without times.
    #[must_use]
    pub fn description(&self) -> String {
        let incident = &self.incident;
        let affected = self.affected();
        let mut text = match (&incident.root, incident.kind) {
            (_, IncidentKind::Blind) => "The service has not been able to receive heartbeats. \
                                         Statuses are not known until it can."
                .to_owned(),
            (Some(root), IncidentKind::Metric) => {
                let finding = incident.finding.as_deref().unwrap_or("a metric rule holds");
                let rule = incident.rule.as_deref().unwrap_or("unknown");
                format!("The metric rule {rule} opened this incident for {root}: {finding}.")
            }
            (Some(root), kind) => {
                let was = if incident.status == IncidentStatus::Resolved { "was" } else { "is" };
                format!(
                    "Project {root} {was} {kind}, and no project that it depends on explains it."
                )
            }
            (None, _) => String::new(),
        };
        if let Some(into) = incident.merged_into {
            text.push_str(&format!(" Incident {into} has the same cause and continues."));
        }
        if !affected.is_empty() {
            let names: Vec<&str> = affected.iter().take(NAMED).map(|one| one.as_str()).collect();
            let more = affected.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (count, names) = (affected.len(), names.join(", "));
            let are = if count == 1 { "project depends" } else { "projects depend" };
            text.push_str(&format!(" {count} affected {are} on it: {names}{more}."));
        }
        text
    }
}
