//! The invariants of incidents, checked from outside.

use std::collections::{BTreeMap, BTreeSet};

use federation_domain::{
    Evidence, IncidentChange, IncidentId, IncidentKind, IncidentNotice, LiveIncident, Slug,
    TimelineEvent,
};

use super::world::{World, seconds, thresholds};

#[derive(Default)]
pub(super) struct Checks {
    notices: BTreeMap<IncidentId, Vec<IncidentNotice>>,
    /// Edges that incidents may still rely on although they expired.
    former_edges: BTreeSet<(Slug, Slug)>,
}

/// Escalations and other roots may be told in between.
fn is_of_start_or_end(notice: IncidentNotice) -> bool {
    !matches!(notice, IncidentNotice::Escalated | IncidentNotice::StateChanged)
}

impl Checks {
    /// Checks changes that were stored.
    pub(super) fn take(&mut self, world: &World, changes: &[IncidentChange]) -> Result<(), String> {
        for change in changes {
            let notices = self.notices.entry(change.incident.id).or_default();
            notices.extend(change.notice.filter(|one| is_of_start_or_end(*one)));
            let opens = |event: &TimelineEvent| {
                matches!(event, TimelineEvent::Opened | TimelineEvent::Reopened)
            };
            if change.events.iter().any(opens) && change.incident.kind != IncidentKind::Blind {
                opened_from_known_statuses(world, change)?;
            }
        }
        Ok(())
    }

    /// Checks the incidents as they are stored.
    pub(super) fn check_state(&mut self, world: &World) -> Result<(), String> {
        self.former_edges.extend(world.edges.iter().cloned());
        let open: Vec<&LiveIncident> = world.stored.iter().filter(|one| is_open(one)).collect();
        one_incident_for_each_project(&open)?;
        roots_are_independent(world, &open)?;
        self.every_outage_has_an_incident(world, &open)?;
        good_incidents_are_resolved(world, &open)
    }

    /// Invariant 4: each incident has one notice that it opened, and one for each time that it
    /// resolved or opened again.
    pub(super) fn check_notices(&self, world: &World) -> Result<(), String> {
        use IncidentNotice::{Opened, Reopened, Resolved};
        for (id, notices) in &self.notices {
            for (place, notice) in notices.iter().enumerate() {
                let expected = match place {
                    0 => Opened,
                    odd if odd % 2 == 1 => Resolved,
                    _ => Reopened,
                };
                if *notice != expected {
                    return Err(format!("incident {id} has the notices {notices:?}"));
                }
            }
            let is_open = world.stored.get(*id).is_some_and(|one| one.incident.is_open());
            if is_open != (notices.len() % 2 == 1) {
                return Err(format!("incident {id} is open: {is_open}, but told {notices:?}"));
            }
        }
        Ok(())
    }

    /// Invariant 2.
    fn every_outage_has_an_incident(
        &self,
        world: &World,
        open: &[&LiveIncident],
    ) -> Result<(), String> {
        for (slug, project) in &world.projects {
            // Cuts extend the delay, and checkpoints are late.
            let needed = world.rule.delay + thresholds().chance * 2 + seconds(40);
            let facts = world.facts();
            let evidence = facts.listened[0].evidence_since(project.spell.since);
            let is_due = project.spell.status == federation_domain::ProjectStatus::Offline
                && project.heard >= needed
                && facts.listened[0].hears(world.now)
                && is_settled(evidence);
            let upstream = reachable(slug, &self.former_edges);
            let is_covered = upstream.iter().any(|one| world.maintenance.contains_key(one));
            let is_silenced =
                |slug: &Slug| world.stored.is_silenced(slug, world.projects[slug].spell.down_since);
            let is_member = open
                .iter()
                .any(|one| one.members.get(slug).is_some_and(|member| member.is_current()));
            if is_due
                && !is_covered
                && !upstream.iter().any(is_silenced)
                && !is_member
                && !world.crashed
            {
                return Err(format!("{slug} is down without an incident: {project:?}"));
            }
        }
        Ok(())
    }
}

/// Returns `true` if no cut was so recent that statuses are not known.
fn is_settled(evidence: Evidence) -> bool {
    evidence.cuts == 0 || (evidence.cuts <= 2 && evidence.settled >= thresholds().chance)
}

fn is_open(one: &LiveIncident) -> bool {
    one.incident.is_open() && one.incident.kind != IncidentKind::Blind
}

/// Invariant 1.
fn opened_from_known_statuses(world: &World, change: &IncidentChange) -> Result<(), String> {
    let facts = world.facts();
    let heard = |slug: &Slug| {
        let project = &world.projects[slug];
        let down = project.spell;
        // The time since it left online counts for projects that have been down for long.
        let since_down = world.now - down.down_since >= world.rule.degraded_delay;
        down.is_down() && (project.heard >= world.rule.delay || since_down)
    };
    let is_known = facts.listened[0].hears(world.now)
        && change.members.iter().any(|member| heard(&member.project));
    if is_known { Ok(()) } else { Err(format!("{change:?} opens from an unknown status")) }
}

fn one_incident_for_each_project(open: &[&LiveIncident]) -> Result<(), String> {
    let mut seen = BTreeMap::new();
    for one in open {
        for member in one.current() {
            if let Some(other) = seen.insert(&member.project, one.incident.id) {
                let (slug, id) = (&member.project, one.incident.id);
                return Err(format!("{slug} belongs to the incidents {other} and {id}"));
            }
        }
    }
    Ok(())
}

/// Invariant 3.
fn roots_are_independent(world: &World, open: &[&LiveIncident]) -> Result<(), String> {
    let explains: BTreeSet<(Slug, Slug)> = world
        .edges
        .iter()
        .filter(|(from, to)| {
            let (effect, cause) = (&world.projects[from].spell, &world.projects[to].spell);
            effect.is_down()
                && cause.is_down()
                && cause.status >= effect.status
                && cause.down_since <= effect.since + world.rule.window
        })
        .cloned()
        .collect();
    let roots: BTreeSet<&Slug> = open
        .iter()
        .filter_map(|one| one.incident.root.as_ref())
        .filter(|root| world.projects[*root].spell.is_down())
        .collect();
    for root in &roots {
        let upstream = reachable(root, &explains);
        // Incidents that are open already stay apart if all that explains them now is covered.
        let is_covered = |slug: &Slug| {
            world.maintenance.contains_key(slug)
                || world.stored.is_silenced(slug, world.projects[slug].spell.down_since)
        };
        if upstream.iter().any(is_covered) {
            continue;
        }
        for other in upstream {
            let is_cycle = || reachable(&other, &explains).contains::<Slug>(root);
            if other != **root && roots.contains(&other) && !is_cycle() && !world.crashed {
                return Err(format!("the root {root} is downstream of the root {other}"));
            }
        }
    }
    Ok(())
}

/// Invariant 5.
fn good_incidents_are_resolved(world: &World, open: &[&LiveIncident]) -> Result<(), String> {
    for one in open {
        let is_good = |slug: &Slug| {
            let project = &world.projects[slug];
            let needed = world.rule.good_for + thresholds().chance * 2 + seconds(60);
            !project.spell.is_down() && project.heard >= needed
        };
        let listened = &world.facts().listened[0];
        let is_quiet = one.current().all(|member| {
            let since = world.projects[&member.project].spell.since;
            is_settled(listened.evidence_since(since))
        });
        let is_over = one.current().all(|member| is_good(&member.project));
        if is_over && is_quiet && listened.hears(world.now) && !world.crashed {
            return Err(format!("{one:?} is good but not resolved"));
        }
    }
    Ok(())
}

fn reachable(from: &Slug, edges: &BTreeSet<(Slug, Slug)>) -> BTreeSet<Slug> {
    let mut seen = BTreeSet::from([from.clone()]);
    let mut stack = vec![from.clone()];
    while let Some(node) = stack.pop() {
        for (_, to) in edges.iter().filter(|(from, _)| *from == node) {
            if seen.insert(to.clone()) {
                stack.push(to.clone());
            }
        }
    }
    seen
}
