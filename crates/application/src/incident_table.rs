//! The incidents in memory, as the store holds them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use federation_domain::{IncidentChange, IncidentId, LiveIncident, LiveIncidents, Slug};
use parking_lot::RwLock;

/// Maximum number of resolved incidents in memory.
pub(crate) const MAX_RESOLVED: usize = 1_000;

/// The incidents that are not resolved and the newest of the others. The journal applies each access to
/// the store, in the order of revisions.
#[derive(Default)]
pub(crate) struct IncidentTable {
    incidents: RwLock<BTreeMap<IncidentId, Arc<LiveIncident>>>,
    generation: AtomicU64,
}

impl IncidentTable {
    /// Number that grows with each change.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Replaces everything.
    pub(crate) fn fill(&self, read: &LiveIncidents) {
        let read = read.iter().map(|one| (one.incident.id, Arc::new(one.clone())));
        *self.incidents.write() = read.collect();
        self.touch();
    }

    /// Applies changes by this replica.
    pub(crate) fn apply(&self, changes: &[IncidentChange]) {
        let mut incidents = self.incidents.write();
        for IncidentChange { incident, members, .. } in changes {
            let new = || LiveIncident { incident: incident.clone(), members: BTreeMap::new() };
            let stored = incidents.entry(incident.id).or_insert_with(|| Arc::new(new()));
            let stored = Arc::make_mut(stored);
            stored.incident = incident.clone();
            let members = members.iter().cloned();
            stored.members.extend(members.map(|member| (member.project.clone(), member)));
        }
        drop_oldest(&mut incidents);
        drop(incidents);
        self.touch();
    }

    /// Applies incidents as they are stored.
    pub(crate) fn learn(&self, read: impl IntoIterator<Item = LiveIncident>) {
        let mut incidents = self.incidents.write();
        incidents.extend(read.into_iter().map(|one| (one.incident.id, Arc::new(one))));
        drop_oldest(&mut incidents);
        drop(incidents);
        self.touch();
    }

    fn touch(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn get(&self, id: IncidentId) -> Option<Arc<LiveIncident>> {
        self.incidents.read().get(&id).cloned()
    }

    /// Returns all incidents, the newest first.
    pub(crate) fn all(&self) -> Vec<Arc<LiveIncident>> {
        self.incidents.read().values().rev().cloned().collect()
    }

    /// Returns the open incidents of a project, the newest first.
    pub(crate) fn open_of(&self, project: &Slug) -> Vec<Arc<LiveIncident>> {
        let is_member = |one: &&Arc<LiveIncident>| {
            let member = one.members.get(project);
            let is_root = one.incident.root.as_ref() == Some(project);
            one.incident.is_open() && (is_root || member.is_some_and(|member| member.is_current()))
        };
        self.incidents.read().values().rev().filter(is_member).cloned().collect()
    }

    /// Returns the number of open incidents.
    pub(crate) fn open_count(&self) -> usize {
        self.incidents.read().values().filter(|one| one.incident.is_open()).count()
    }
}

/// Drops the resolved incidents beyond [`MAX_RESOLVED`], the oldest first.
fn drop_oldest(incidents: &mut BTreeMap<IncidentId, Arc<LiveIncident>>) {
    let resolved = incidents.iter().filter(|(_, one)| !one.incident.is_open());
    let resolved: Vec<IncidentId> = resolved.map(|(id, _)| *id).collect();
    let excess = resolved.len().saturating_sub(MAX_RESOLVED);
    for id in &resolved[..excess] {
        incidents.remove(id);
    }
}
