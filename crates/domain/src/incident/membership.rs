//! Changes of incidents while a decision is made.

use std::collections::BTreeMap;

use time::OffsetDateTime;

use super::{
    Incident, IncidentChange, IncidentId, IncidentMember, IncidentNotice, LiveIncident,
    LiveIncidents, TimelineEvent,
};
use crate::values::Slug;

/// The changes that a decision has made so far, on top of the stored incidents.
pub(super) struct Drafts<'a> {
    live: &'a LiveIncidents,
    now: OffsetDateTime,
    drafts: BTreeMap<IncidentId, Draft>,
}

/// An incident with the members that changed.
struct Draft {
    incident: Incident,
    members: BTreeMap<Slug, IncidentMember>,
    affected: Vec<Slug>,
    recovered: Vec<Slug>,
    left: Vec<Slug>,
    events: Vec<TimelineEvent>,
    notice: Option<IncidentNotice>,
}

impl Draft {
    fn of(incident: Incident) -> Self {
        Self {
            incident,
            members: BTreeMap::new(),
            affected: Vec::new(),
            recovered: Vec::new(),
            left: Vec::new(),
            events: Vec::new(),
            notice: None,
        }
    }
}

impl<'a> Drafts<'a> {
    pub(super) fn new(live: &'a LiveIncidents, now: OffsetDateTime) -> Self {
        Self { live, now, drafts: BTreeMap::new() }
    }

    /// Adds a new incident.
    pub(super) fn open(&mut self, incident: Incident) {
        let mut draft = Draft::of(incident);
        draft.events.push(TimelineEvent::Opened);
        draft.notice = Some(IncidentNotice::Opened);
        self.drafts.insert(draft.incident.id, draft);
    }

    /// Changes an incident, and notes the event.
    pub(super) fn change(
        &mut self,
        id: IncidentId,
        event: TimelineEvent,
        notice: Option<IncidentNotice>,
        change: impl FnOnce(&mut Incident),
    ) {
        let Some(draft) = self.draft(id) else { return };
        change(&mut draft.incident);
        draft.events.push(event);
        draft.notice = notice.or(draft.notice);
    }

    /// Returns the incident as it is now.
    pub(super) fn incident(&self, id: IncidentId) -> Option<&Incident> {
        let stored = || self.live.get(id).map(|one| &one.incident);
        self.drafts.get(&id).map(|draft| &draft.incident).or_else(stored)
    }

    /// Returns a member as it is now.
    fn member(&self, id: IncidentId, project: &Slug) -> Option<&IncidentMember> {
        let draft = self.drafts.get(&id).and_then(|draft| draft.members.get(project));
        draft.or_else(|| self.live.get(id)?.members.get(project))
    }

    /// Returns the current members as they are now.
    pub(super) fn current_members(&self, id: IncidentId) -> Vec<&IncidentMember> {
        let drafted = self.drafts.get(&id).map(|draft| &draft.members);
        let stored = self.live.get(id).into_iter().flat_map(|one| one.members.values());
        let unchanged = stored
            .filter(|member| drafted.is_none_or(|drafted| !drafted.contains_key(&member.project)));
        let all = unchanged.chain(drafted.into_iter().flat_map(BTreeMap::values));
        all.filter(|member| member.is_current()).collect()
    }

    /// Makes a project a member, or updates it. Nothing happens if nothing changes.
    pub(super) fn put(&mut self, id: IncidentId, mut member: IncidentMember) {
        let known = self.member(id, &member.project);
        if let Some(known) = known.filter(|known| known.is_current()) {
            member.joined_at = known.joined_at;
            if *known == member {
                return;
            }
            let is_recovery = member.recovered_at.is_some() && known.recovered_at.is_none();
            let is_news = known.via != member.via || known.recovered_at != member.recovered_at;
            let Some(draft) = self.draft(id) else { return };
            if is_recovery {
                draft.recovered.push(member.project.clone());
            } else if is_news {
                draft.affected.push(member.project.clone());
            }
            draft.members.insert(member.project.clone(), member);
            return;
        }
        let Some(draft) = self.draft(id) else { return };
        draft.affected.push(member.project.clone());
        draft.members.insert(member.project.clone(), member);
    }

    /// Ends the membership of a project.
    pub(super) fn leave(&mut self, id: IncidentId, project: &Slug) {
        let now = self.now;
        let Some(mut member) = self.member(id, project).cloned() else { return };
        let Some(draft) = self.draft(id) else { return };
        member.left_at = Some(now);
        draft.left.push(project.clone());
        draft.members.insert(project.clone(), member);
    }

    fn draft(&mut self, id: IncidentId) -> Option<&mut Draft> {
        let stored = self.live.get(id).map(|one: &LiveIncident| &one.incident);
        match (self.drafts.contains_key(&id), stored) {
            (false, Some(stored)) => {
                let draft = Draft::of(stored.clone());
                Some(self.drafts.entry(id).or_insert(draft))
            }
            _ => self.drafts.get_mut(&id),
        }
    }

    /// Returns the changes, in the order of the ids.
    pub(super) fn into_changes(self) -> Vec<IncidentChange> {
        let now = self.now;
        let change = |mut draft: Draft| {
            draft.incident.updated_at = now;
            let affected: Vec<_> = draft
                .affected
                .iter()
                .filter_map(|project| draft.members.get(project))
                .filter(|member| member.is_current() && member.recovered_at.is_none())
                .cloned()
                .collect();
            let mut events = draft.events;
            // The end of the incident is its last event.
            let end = events.iter().position(|event| {
                matches!(event, TimelineEvent::Resolved | TimelineEvent::Merged(_))
            });
            let end = end.map(|place| events.remove(place));
            if !affected.is_empty() {
                events.push(TimelineEvent::Affected(affected));
            }
            if !draft.recovered.is_empty() {
                events.push(TimelineEvent::Recovered(draft.recovered));
            }
            if !draft.left.is_empty() {
                events.push(TimelineEvent::Left(draft.left));
            }
            events.extend(end);
            let members = draft.members.into_values().collect();
            IncidentChange { incident: draft.incident, members, events, notice: draft.notice }
        };
        self.drafts.into_values().map(change).collect()
    }
}
