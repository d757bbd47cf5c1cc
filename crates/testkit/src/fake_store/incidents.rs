//! Incidents.

use std::collections::BTreeMap;

use async_trait::async_trait;
use federation_domain::{
    Actor, EditedIncident, EvaluatorClaim, EvaluatorState, INCIDENT, IncidentChange, IncidentEdit,
    IncidentId, IncidentStatus, IncidentStore, IncidentWrite, IncidentsSnapshot, IncidentsVersion,
    LiveIncident, LiveIncidents, LogEntry, LogPosition, Revision, StoreError, StoredEntry,
    to_micros,
};
use time::OffsetDateTime;

use super::{FakeStore, Tables};

#[derive(Clone)]
pub(super) struct Incidents {
    all: BTreeMap<IncidentId, LiveIncident>,
    next_id: IncidentId,
    version: IncidentsVersion,
    claim: Option<(String, OffsetDateTime)>,
    cursor: Option<LogPosition>,
}

impl Default for Incidents {
    fn default() -> Self {
        let (all, version) = (BTreeMap::new(), IncidentsVersion(0));
        Self { all, next_id: IncidentId(1), version, claim: None, cursor: None }
    }
}

impl Tables {
    fn apply(
        &mut self,
        changes: &[IncidentChange],
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Vec<LogEntry> {
        let mut entries = Vec::new();
        for change in changes {
            let incident = &change.incident;
            let new = || LiveIncident { incident: incident.clone(), members: BTreeMap::new() };
            let stored = self.incidents.all.entry(incident.id).or_insert_with(new);
            stored.incident = incident.clone();
            for member in &change.members {
                stored.members.insert(member.project.clone(), member.clone());
            }
            for event in &change.events {
                entries.push(self.append(event.clone().into_entry(incident, actor.clone(), at)));
            }
        }
        self.incidents.version.0 += 1;
        entries
    }
}

#[async_trait]
impl IncidentStore for FakeStore {
    async fn claim_evaluation(
        &self,
        claim: &EvaluatorClaim,
    ) -> Result<Option<EvaluatorState>, StoreError> {
        let mut tables = self.tables()?;
        let incidents = &mut tables.incidents;
        let is_taken = incidents
            .claim
            .as_ref()
            .is_some_and(|(owner, until)| *owner != claim.owner && *until > claim.now);
        if is_taken {
            return Ok(None);
        }
        incidents.claim = Some((claim.owner.clone(), claim.until));
        let Incidents { next_id, version, cursor, .. } = *incidents;
        Ok(Some(EvaluatorState { next_id, version, cursor }))
    }

    async fn release_evaluation(&self, owner: &str) -> Result<(), StoreError> {
        let mut tables = self.tables()?;
        tables.incidents.claim.take_if(|(claimed_by, _)| claimed_by.as_str() == owner);
        Ok(())
    }

    async fn load_incidents(
        &self,
        resolved_after: OffsetDateTime,
        max_resolved: usize,
    ) -> Result<IncidentsSnapshot, StoreError> {
        let tables = self.tables()?;
        let is_live = |one: &&LiveIncident| {
            one.incident.status != IncidentStatus::Resolved || one.incident.silences
        };
        let (live, mut resolved): (Vec<_>, Vec<_>) =
            tables.incidents.all.values().partition(is_live);
        resolved.retain(|one| one.incident.resolved_at.is_some_and(|at| at > resolved_after));
        resolved.sort_by_key(|one| std::cmp::Reverse(one.incident.resolved_at));
        let all = live.into_iter().chain(resolved.into_iter().take(max_resolved)).cloned();
        let version = tables.incidents.version;
        Ok(IncidentsSnapshot { incidents: LiveIncidents::new(all), version })
    }

    async fn find_incidents(&self, ids: &[IncidentId]) -> Result<Vec<LiveIncident>, StoreError> {
        let tables = self.tables()?;
        Ok(ids.iter().filter_map(|id| tables.incidents.all.get(id)).cloned().collect())
    }

    async fn write_incidents(
        &self,
        write: &IncidentWrite,
    ) -> Result<Option<Vec<LogEntry>>, StoreError> {
        let mut tables = self.tables()?;
        let roots = write.changes.iter().filter_map(|change| change.incident.root.as_ref());
        self.check_accepted(roots)?;
        if tables.incidents.version != write.known {
            return Ok(None);
        }
        let entries = tables.apply(&write.changes, &Actor::SERVICE, write.at);
        tables.outbox.enqueue(&write.notifications);
        tables.incidents.next_id = write.next_id;
        tables.incidents.cursor = Some(write.cursor);
        Ok(Some(entries))
    }

    async fn edit_incident(
        &self,
        id: IncidentId,
        edit: &IncidentEdit,
        actor: &Actor,
        at: OffsetDateTime,
    ) -> Result<EditedIncident, StoreError> {
        let mut tables = self.tables()?;
        let at = to_micros(at);
        let Some(stored) = tables.incidents.all.get(&id).cloned() else {
            return Ok(EditedIncident::NotFound);
        };
        let change = match edit.decide(&stored, actor, at) {
            Err(error) => return Ok(EditedIncident::Rejected(error)),
            Ok(None) => return Ok(EditedIncident::Unchanged(Box::new(stored))),
            Ok(Some(change)) => change,
        };
        let entries = tables.apply(std::slice::from_ref(&change), actor, at);
        let edited = LiveIncident { incident: change.incident, ..stored };
        Ok(EditedIncident::Changed(Box::new(edited), entries))
    }

    async fn incident_entries(
        &self,
        id: IncidentId,
        before: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<StoredEntry>, StoreError> {
        let tables = self.tables()?;
        let key = id.to_string();
        let is_asked_for = |entry: &&LogEntry| {
            entry.entity() == INCIDENT
                && entry.key() == key
                && before.is_none_or(|before| entry.revision() < before)
        };
        let entries = tables.entries.iter().rev().filter(is_asked_for).take(limit);
        Ok(entries.map(|entry| tables.stored(entry)).collect())
    }
}
