//! The decision about incidents.

use std::collections::{BTreeMap, HashMap, HashSet};

use time::OffsetDateTime;

use super::attribution::{Attribution, Origin, attribute};
use super::membership::Drafts;
use super::{
    Incident, IncidentChange, IncidentFacts, IncidentId, IncidentKind, IncidentMember,
    IncidentNotice, IncidentRule, IncidentStatus, LiveIncident, LiveIncidents, ProjectFacts,
    StatusSpell, TimelineEvent,
};
use crate::project::ProjectStatus;
use crate::severity::Severity;
use crate::time_precision::to_micros;
use crate::values::Slug;

/// Decides what has to change about the incidents. New ones are numbered from `next_id` on.
///
/// The decision depends on nothing but its arguments. It is complete after a few calls, each of which
/// follows the changes of the previous one: a project that leaves an incident may then need another.
#[must_use]
pub fn decide_incidents(
    live: &LiveIncidents,
    facts: &IncidentFacts,
    rule: &IncidentRule,
    next_id: IncidentId,
) -> Vec<IncidentChange> {
    let now = to_micros(facts.now);
    let attributed = attribute(facts, live, rule);
    let drafts = Drafts::new(live, now);
    let mut decision = Decision { live, facts, rule, now, next_id, drafts };
    let targets = decision.targets(&attributed);
    decision.place(&attributed, &targets);
    decision.follow_recovered();
    decision.resolve();
    decision.escalate();
    decision.end_silence();
    decision.judge_metrics();
    decision.judge_deafness();
    decision.drafts.into_changes()
}

/// A decision while it is made.
pub(super) struct Decision<'a> {
    pub(super) live: &'a LiveIncidents,
    pub(super) facts: &'a IncidentFacts,
    pub(super) rule: &'a IncidentRule,
    pub(super) now: OffsetDateTime,
    next_id: IncidentId,
    pub(super) drafts: Drafts<'a>,
}

type Targets<'a> = HashMap<Origin<'a>, IncidentId>;

impl<'a> Decision<'a> {
    /// Finds the incident of each origin. Opens, reopens, merges and re-roots incidents.
    fn targets(&mut self, attributed: &[Attribution<'a>]) -> Targets<'a> {
        let mut downstream = self.incidents_with_another_root(attributed);
        let due = self.due_origins(attributed);
        let mut targets = Targets::new();
        // The projects are in the order in which they went down.
        for one in attributed.iter().filter(|one| one.via.is_none()) {
            let Origin::Root(root) = one.origin else { continue };
            let replaced = downstream.remove(root).unwrap_or_default();
            let target = self.of_root(root).or_else(|| {
                let is_free = self.may_open(root, one);
                match replaced.first() {
                    Some(oldest) if is_free => Some(self.change_root(*oldest, root)),
                    None if is_free && due.contains(&one.origin) => Some(self.open(root, one)),
                    _ => None,
                }
            });
            let Some(target) = target else { continue };
            targets.insert(one.origin, target);
            for merged in replaced.into_iter().filter(|id| *id != target) {
                self.merge(merged, target);
            }
        }
        for one in attributed {
            if let Origin::Pending(id) = one.origin {
                targets.insert(one.origin, id);
            }
        }
        targets
    }

    /// Returns, for each root, the open incidents whose root is affected by it, the oldest first.
    fn incidents_with_another_root(
        &self,
        attributed: &[Attribution<'a>],
    ) -> HashMap<&'a Slug, Vec<IncidentId>> {
        let origins: HashMap<&Slug, Origin<'a>> =
            attributed.iter().map(|one| (one.project, one.origin)).collect();
        let mut downstream: HashMap<&Slug, Vec<IncidentId>> = HashMap::new();
        for one in self.live.open_about_statuses() {
            let Some(root) = &one.incident.root else { continue };
            if let Some(Origin::Root(cause)) = origins.get(root)
                && *cause != root
            {
                downstream.entry(cause).or_default().push(one.incident.id);
            }
        }
        downstream
    }

    /// Returns the origins of projects for which it is time to open an incident.
    fn due_origins(&self, attributed: &[Attribution<'a>]) -> Origins<'a> {
        let mut due = Origins::default();
        for one in attributed {
            let is_covered = self.facts.in_maintenance.contains(one.project);
            if !due.contains(&one.origin)
                && !is_covered
                && !self.is_silenced(one)
                && self.facts.is_due(one.facts, self.rule)
            {
                due.insert(one.origin);
            }
        }
        due
    }

    fn is_silenced(&self, one: &Attribution<'_>) -> bool {
        self.live.is_silenced(one.project, one.facts.spell.down_since)
    }

    /// Returns `true` unless maintenance or a person keeps incidents of this root from opening.
    fn may_open(&self, root: &Slug, one: &Attribution<'_>) -> bool {
        !self.facts.in_maintenance.contains(root) && !self.is_silenced(one)
    }

    fn of_root(&self, root: &Slug) -> Option<IncidentId> {
        let (id, member) = self.live.membership(root)?;
        let incident = &self.live.get(id)?.incident;
        (incident.root.as_ref() == Some(root) && member.is_current()).then_some(id)
    }

    fn open(&mut self, root: &Slug, one: &Attribution<'_>) -> IncidentId {
        let severity = self.severity_of(one.facts);
        if let Some(id) = self.recently_resolved(root) {
            self.release_members(id);
            let notice = Some(IncidentNotice::Reopened);
            self.drafts.change(id, TimelineEvent::Reopened, notice, |incident| {
                reopen(incident, kind_of(one.facts.spell.status), severity);
            });
            return id;
        }
        let id = self.take_id();
        self.drafts.open(Incident {
            kind: kind_of(one.facts.spell.status),
            root: Some(root.clone()),
            started_at: one.facts.spell.down_since,
            ..new_incident(id, severity, self.now)
        });
        id
    }

    /// Returns the number of a new incident.
    pub(super) fn take_id(&mut self) -> IncidentId {
        let id = self.next_id;
        self.next_id.0 += 1;
        id
    }

    /// Ends the membership of all projects before an incident opens again.
    fn release_members(&mut self, id: IncidentId) {
        let former = self.live.get(id).into_iter().flat_map(|one| one.current());
        for member in former {
            self.drafts.leave(id, &member.project);
        }
    }

    /// Returns the incident that a root which is down again continues.
    fn recently_resolved(&self, root: &Slug) -> Option<IncidentId> {
        let resolved = self.live.iter().map(|one| &one.incident).filter(|incident| {
            let is_recent =
                incident.resolved_at.is_some_and(|at| self.now - at <= self.rule.reopen_within);
            incident.root.as_ref() == Some(root)
                && incident.kind.is_of_status()
                && incident.merged_into.is_none()
                && is_recent
        });
        resolved.max_by_key(|incident| (incident.resolved_at, incident.id)).map(|one| one.id)
    }

    fn change_root(&mut self, id: IncidentId, root: &Slug) -> IncidentId {
        let former = self.drafts.incident(id).and_then(|incident| incident.root.clone());
        let down = self.facts.projects.get(root).map(|project| project.spell);
        let notice = Some(IncidentNotice::StateChanged);
        self.drafts.change(id, TimelineEvent::RootChanged(former), notice, |incident| {
            incident.root = Some(root.clone());
            if let Some(down) = down {
                incident.kind = incident.kind.max(kind_of(down.status));
                incident.started_at = incident.started_at.min(down.down_since);
            }
        });
        id
    }

    fn merge(&mut self, id: IncidentId, into: IncidentId) {
        let (now, notice) = (self.now, Some(IncidentNotice::Resolved));
        self.drafts.change(id, TimelineEvent::Merged(into), notice, |incident| {
            incident.status = IncidentStatus::Resolved;
            incident.resolved_at = Some(now);
            incident.merged_into = Some(into);
        });
    }

    /// Moves each project that is down to the incident of its origin.
    fn place(&mut self, attributed: &[Attribution<'a>], targets: &Targets<'a>) {
        let origins: HashMap<&Slug, Origin<'a>> =
            attributed.iter().map(|one| (one.project, one.origin)).collect();
        for one in attributed {
            let current = self.live.membership(one.project).map(|(id, _)| id);
            let target = targets.get(&one.origin).copied();
            match (current, target) {
                (None, None) => {}
                (_, Some(_)) if self.is_silenced(one) && current.is_none() => {}
                (Some(current), None) if self.is_kept(current, one, &origins) => {
                    self.join(current, one);
                }
                (current, target) => {
                    if let Some(current) = current.filter(|current| target != Some(*current)) {
                        self.drafts.leave(current, one.project);
                    }
                    if let Some(target) = target {
                        self.join(target, one);
                    }
                }
            }
        }
    }

    /// Returns `true` if a member whose origin has no incident stays: the root of its incident has the
    /// same origin, which maintenance or a person covers.
    fn is_kept(
        &self,
        current: IncidentId,
        one: &Attribution<'a>,
        origins: &HashMap<&Slug, Origin<'a>>,
    ) -> bool {
        let root = self.live.get(current).and_then(|live| live.incident.root.as_ref());
        root.and_then(|root| origins.get(root)).is_some_and(|origin| *origin == one.origin)
    }

    fn join(&mut self, id: IncidentId, one: &Attribution<'_>) {
        let spell = one.facts.spell;
        self.drafts.put(
            id,
            IncidentMember {
                project: one.project.clone(),
                via: one.via.cloned(),
                status: spell.status,
                down_since: spell.down_since,
                joined_at: self.now,
                recovered_at: None,
                left_at: None,
            },
        );
    }

    /// Notes members that are online again or were removed from the catalog.
    fn follow_recovered(&mut self) {
        for one in self.live.open_about_statuses() {
            let id = one.incident.id;
            for member in one.current() {
                match self.facts.projects.get(&member.project) {
                    None => self.drafts.leave(id, &member.project),
                    Some(project) if !project.spell.is_down() => {
                        let recovered_at = Some(project.spell.since);
                        let status = ProjectStatus::Online;
                        self.drafts
                            .put(id, IncidentMember { recovered_at, status, ..member.clone() });
                    }
                    Some(_) => {}
                }
            }
        }
    }

    /// Resolves the incidents of which all members are good again.
    fn resolve(&mut self) {
        let open = self.live.open_about_statuses().map(|one| one.incident.id);
        for id in open.collect::<Vec<_>>() {
            if self.drafts.incident(id).is_none_or(|incident| !incident.is_open()) {
                continue;
            }
            let is_good = |member: &&IncidentMember| {
                let project = self.facts.projects.get(&member.project);
                project.is_none_or(|project| self.facts.is_good(project, self.rule))
            };
            let members = self.drafts.current_members(id);
            if members.iter().all(is_good) {
                self.mark_resolved(id);
            }
        }
    }

    pub(super) fn mark_resolved(&mut self, id: IncidentId) {
        let (now, notice) = (self.now, Some(IncidentNotice::Resolved));
        self.drafts.change(id, TimelineEvent::Resolved, notice, |incident| {
            incident.status = IncidentStatus::Resolved;
            incident.resolved_at = Some(now);
        });
    }

    /// Makes the incidents of roots that have been offline for long critical.
    fn escalate(&mut self) {
        let mut changes = BTreeMap::new();
        for one in self.live.open_about_statuses() {
            let id = one.incident.id;
            let Some(incident) = self.drafts.incident(id).filter(|one| one.is_open()) else {
                continue;
            };
            let Some(project) =
                incident.root.as_ref().and_then(|root| self.facts.projects.get(root))
            else {
                continue;
            };
            // A channel that hears only of critical incidents is told after the maintenance.
            if incident.root.as_ref().is_some_and(|root| self.facts.in_maintenance.contains(root)) {
                continue;
            }
            let is_worse = incident.severity < self.severity_of(project);
            let is_offline = project.spell.status == ProjectStatus::Offline;
            if is_worse {
                changes.insert(id, Severity::Critical);
            } else if is_offline && incident.kind == IncidentKind::Degraded {
                changes.insert(id, incident.severity);
            }
        }
        for (id, severity) in changes {
            let is_worse = self.drafts.incident(id).is_some_and(|one| one.severity < severity);
            let notice =
                if is_worse { IncidentNotice::Escalated } else { IncidentNotice::StateChanged };
            self.drafts.change(id, TimelineEvent::Escalated, Some(notice), |incident| {
                (incident.kind, incident.severity) = (IncidentKind::Offline, severity);
            });
        }
    }

    /// Returns the severity of an incident with this root.
    fn severity_of(&self, root: &ProjectFacts) -> Severity {
        let StatusSpell { status, since, .. } = root.spell;
        let is_long = || self.facts.is_known_for(root, since, self.rule.critical_after);
        let is_critical = status == ProjectStatus::Offline && is_long();
        if is_critical { Severity::Critical } else { Severity::Warning }
    }

    /// Ends the silence of incidents resolved by hand of which all members are online.
    fn end_silence(&mut self) {
        if !self.live.is_silencing() {
            return;
        }
        let silencing =
            |one: &&LiveIncident| one.incident.silences && one.incident.kind.is_of_status();
        for one in self.live.iter().filter(silencing) {
            let is_down = |member: &IncidentMember| {
                let known = self.facts.projects.get(&member.project);
                known.is_some_and(|project| {
                    project.is_down()
                        && self.live.is_silenced(&member.project, project.spell.down_since)
                })
            };
            if !one.current().any(is_down) {
                let id = one.incident.id;
                self.drafts.change(id, TimelineEvent::SilenceEnded, None, |incident| {
                    incident.silences = false;
                });
            }
        }
    }

    /// Opens and resolves the incident about the service's own deafness.
    fn judge_deafness(&mut self) {
        let is_blind = |incident: &&Incident| incident.kind == IncidentKind::Blind;
        let open = self.live.iter().map(|one| &one.incident).filter(is_blind);
        let open = open.filter(|incident| incident.is_open()).map(|incident| incident.id).next();
        match (open, self.facts.deaf_since) {
            (None, Some(since)) if self.now - since >= self.rule.delay => {
                let id = self.take_id();
                self.drafts.open(Incident {
                    kind: IncidentKind::Blind,
                    started_at: since,
                    ..new_incident(id, Severity::Critical, self.now)
                });
            }
            (Some(id), None) => self.mark_resolved(id),
            _ => {}
        }
    }
}

type Origins<'a> = HashSet<Origin<'a>>;

fn kind_of(status: ProjectStatus) -> IncidentKind {
    match status {
        ProjectStatus::Offline => IncidentKind::Offline,
        ProjectStatus::Degraded | ProjectStatus::Online => IncidentKind::Degraded,
    }
}

/// Opens a resolved incident again.
pub(super) fn reopen(incident: &mut Incident, kind: IncidentKind, severity: Severity) {
    incident.status = IncidentStatus::Open;
    (incident.kind, incident.severity) = (kind, severity);
    (incident.resolved_at, incident.resolved_by) = (None, None);
    (incident.acknowledged, incident.silences) = (None, false);
}

/// Returns a new incident of the kind `offline` without a root.
pub(super) fn new_incident(id: IncidentId, severity: Severity, now: OffsetDateTime) -> Incident {
    Incident {
        id,
        kind: IncidentKind::Offline,
        severity,
        status: IncidentStatus::Open,
        root: None,
        rule: None,
        finding: None,
        started_at: now,
        opened_at: now,
        resolved_at: None,
        resolved_by: None,
        acknowledged: None,
        merged_into: None,
        silences: false,
        updated_at: now,
    }
}
