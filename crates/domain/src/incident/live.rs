//! Incidents that decisions depend on.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::{
    Incident, IncidentId, IncidentMember, IncidentNotice, IncidentStatus, MAX_PATH, TimelineEvent,
};
use crate::values::Slug;

/// An incident with its members.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveIncident {
    /// The incident.
    pub incident: Incident,
    /// Current and former members.
    pub members: BTreeMap<Slug, IncidentMember>,
}

impl LiveIncident {
    /// Returns the current members.
    pub fn current(&self) -> impl Iterator<Item = &IncidentMember> {
        self.members.values().filter(|member| member.is_current())
    }

    /// Returns the path from a member to the root, as far as it is known. It begins with the member.
    #[must_use]
    pub fn path(&self, project: &Slug) -> Vec<Slug> {
        let mut path = vec![project.clone()];
        let mut next = self.members.get(project).and_then(|member| member.via.as_ref());
        while let Some(via) = next
            && !path.contains(via)
        {
            if path.len() + 1 >= MAX_PATH && Some(via) != self.incident.root.as_ref() {
                path.extend(self.incident.root.clone());
                break;
            }
            path.push(via.clone());
            next = self.members.get(via).and_then(|member| member.via.as_ref());
        }
        path
    }
}

/// The incidents that are open, that resolved recently, or that silence a project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveIncidents {
    incidents: BTreeMap<IncidentId, LiveIncident>,
    /// The open incident of each current member, of those about statuses.
    open_of: BTreeMap<Slug, IncidentId>,
    /// For each project that incidents resolved by hand silence, the time of the newest of them.
    silenced: BTreeMap<Slug, OffsetDateTime>,
}

impl LiveIncidents {
    /// Creates the collection.
    #[must_use]
    pub fn new(incidents: impl IntoIterator<Item = LiveIncident>) -> Self {
        let mut live = Self::default();
        for one in incidents {
            live.incidents.insert(one.incident.id, one);
        }
        live.index();
        live
    }

    /// Returns all incidents in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &LiveIncident> {
        self.incidents.values()
    }

    /// Returns an incident.
    #[must_use]
    pub fn get(&self, id: IncidentId) -> Option<&LiveIncident> {
        self.incidents.get(&id)
    }

    /// Returns the open incident about statuses that a project belongs to.
    #[must_use]
    pub fn open_of(&self, project: &Slug) -> Option<IncidentId> {
        self.open_of.get(project).copied()
    }

    /// Returns `true` if the project was down when its incident was resolved by hand, and has been down
    /// since.
    #[must_use]
    pub fn is_silenced(&self, project: &Slug, down_since: OffsetDateTime) -> bool {
        self.silenced.get(project).is_some_and(|resolved_at| down_since <= *resolved_at)
    }

    pub(super) fn is_silencing(&self) -> bool {
        !self.silenced.is_empty()
    }

    /// Returns the open incidents about statuses.
    pub(super) fn open_about_statuses(&self) -> impl Iterator<Item = &LiveIncident> {
        self.iter().filter(|one| one.incident.is_open() && one.incident.kind.is_of_status())
    }

    /// Returns the membership of a project in its open incident.
    pub(super) fn membership(&self, project: &Slug) -> Option<(IncidentId, &IncidentMember)> {
        let id = self.open_of(project)?;
        Some((id, self.incidents.get(&id)?.members.get(project)?))
    }

    /// Applies changes after they were stored.
    pub fn apply(&mut self, changes: &[IncidentChange]) {
        for change in changes {
            let incident = &change.incident;
            let stored = self.incidents.entry(incident.id).or_insert_with(|| LiveIncident {
                incident: incident.clone(),
                members: BTreeMap::new(),
            });
            stored.incident = incident.clone();
            let members = change.members.iter().cloned();
            stored.members.extend(members.map(|member| (member.project.clone(), member)));
        }
        self.index();
    }

    /// Drops the incidents that no longer matter: those resolved before this time that silence nothing.
    pub fn forget_before(&mut self, resolved_before: OffsetDateTime) {
        self.incidents.retain(|_, one| {
            let incident = &one.incident;
            let is_over = incident.resolved_at.is_some_and(|at| at < resolved_before);
            incident.is_open() || incident.silences || !is_over
        });
        self.index();
    }

    fn index(&mut self) {
        self.open_of.clear();
        self.silenced.clear();
        for (id, one) in &self.incidents {
            let incident = &one.incident;
            if incident.is_open() && incident.kind.is_of_status() {
                let current = one.current().map(|member| (member.project.clone(), *id));
                self.open_of.extend(current);
            }
            let (true, Some(at)) = (incident.silences, incident.resolved_at) else { continue };
            for member in one.current() {
                let silenced = self.silenced.entry(member.project.clone()).or_insert(at);
                *silenced = at.max(*silenced);
            }
        }
    }
}

/// A change of one incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IncidentChange {
    /// The incident after the change.
    pub incident: Incident,
    /// Members that are new or changed.
    pub members: Vec<IncidentMember>,
    /// Entries for the log, in order.
    pub events: Vec<TimelineEvent>,
    /// Notification to send.
    pub notice: Option<IncidentNotice>,
}

impl IncidentChange {
    /// Returns `true` if the incident is resolved after the change.
    #[must_use]
    pub fn is_resolved(&self) -> bool {
        self.incident.status == IncidentStatus::Resolved
    }
}
