//! A federation, its log, its store of incidents, and evaluators that may crash.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use fastrand::Rng;
use federation_domain::{
    Actor, IncidentChange, IncidentEdit, IncidentFacts, IncidentId, IncidentRule, ListenedTime,
    LiveIncident, LiveIncidents, LivenessRule, ProjectFacts, ProjectStatus, Slug, Source,
    StatusSpell, StatusStep, Thresholds, deaf_since, decide_incidents,
};
use time::OffsetDateTime;

pub(super) fn thresholds() -> Thresholds {
    LivenessRule::default().thresholds(None)
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A project as it is in truth.
#[derive(Debug, Clone)]
pub(super) struct Project {
    pub(super) spell: StatusSpell,
    /// Status that the project has in truth, which the log learns of while the service listens.
    truth: ProjectStatus,
    /// Time at which the truth changes next, and the status.
    next: (OffsetDateTime, ProjectStatus),
    /// Time for which the service has listened since the status in the log.
    pub(super) heard: Duration,
}

/// Number of rounds in which a decision about unchanged facts is complete.
const ROUNDS: usize = 4;

pub(super) struct World {
    pub(super) rng: Rng,
    pub(super) now: OffsetDateTime,
    start: OffsetDateTime,
    pub(super) rule: IncidentRule,
    pub(super) projects: BTreeMap<Slug, Project>,
    pub(super) edges: BTreeSet<(Slug, Slug)>,
    pub(super) maintenance: BTreeMap<Slug, OffsetDateTime>,
    /// End of the current cut; the service listens after it.
    deaf_until: OffsetDateTime,
    periods: Vec<(OffsetDateTime, OffsetDateTime)>,
    /// Periods that a checkpoint has stored.
    stored_periods: Vec<(OffsetDateTime, OffsetDateTime)>,
    checkpoint_at: OffsetDateTime,
    /// The incidents as the store holds them.
    pub(super) stored: LiveIncidents,
    pub(super) next_id: IncidentId,
    /// Memory of the evaluator, which is read from the store after a crash.
    memory: LiveIncidents,
    /// Changes by people since the last evaluation.
    by_hand: Vec<IncidentChange>,
    /// The last evaluator died before it stored its decision.
    pub(super) crashed: bool,
}

impl World {
    pub(super) fn new(mut rng: Rng) -> Self {
        let now = OffsetDateTime::UNIX_EPOCH + seconds(1_000_000);
        let count = rng.usize(2..9);
        let slugs: Vec<Slug> = (0..count).map(|n| format!("p{n}").parse().unwrap()).collect();
        let mut edges = BTreeSet::new();
        for _ in 0..rng.usize(0..2 * count) {
            let (from, to) = (rng.usize(0..count), rng.usize(0..count));
            // Few edges close a cycle.
            if from < to || (from > to && rng.f64() < 0.1) {
                edges.insert((slugs[from].clone(), slugs[to].clone()));
            }
        }
        let rule = IncidentRule {
            delay: seconds([0, 60, 60, 300][rng.usize(0..4)]),
            ..IncidentRule::default()
        };
        let project = |slug: &Slug| {
            let spell = StatusSpell::new(ProjectStatus::Online, now);
            let next = (now, ProjectStatus::Online);
            let project =
                Project { spell, truth: ProjectStatus::Online, next, heard: Duration::ZERO };
            (slug.clone(), project)
        };
        Self {
            projects: slugs.iter().map(project).collect(),
            rng,
            now,
            start: now,
            rule,
            edges,
            maintenance: BTreeMap::new(),
            deaf_until: now,
            periods: vec![(now, now)],
            stored_periods: Vec::new(),
            checkpoint_at: now,
            stored: LiveIncidents::default(),
            next_id: IncidentId(1),
            memory: LiveIncidents::default(),
            by_hand: Vec::new(),
            crashed: false,
        }
    }

    pub(super) fn hears(&self) -> bool {
        self.now >= self.deaf_until
    }

    /// Lets time pass, and things happen.
    pub(super) fn advance(&mut self) {
        let step = Duration::from_millis(self.rng.u64(1_000..20_000));
        let heard = self.hears();
        self.now += step;
        if heard {
            if let Some(last) = self.periods.last_mut() {
                last.1 = self.now;
            }
            self.projects.values_mut().for_each(|project| project.heard += step);
        } else if self.hears() {
            self.periods.push((self.now, self.now));
        }
        if self.now >= self.checkpoint_at {
            self.checkpoint_at = self.now + seconds(10);
            self.stored_periods = self.periods.clone();
        }
        self.disturb();
        self.spread();
        if self.hears() {
            self.log_statuses();
        }
    }

    fn any_project(&mut self) -> Slug {
        let place = self.rng.usize(0..self.projects.len());
        self.projects.keys().nth(place).unwrap().clone()
    }

    fn disturb(&mut self) {
        let mut happens = |percent: f64| self.rng.f64() * 100.0 < percent;
        let (cut, window, edge, edit, crash) =
            (happens(1.5), happens(1.0), happens(0.7), happens(1.0), happens(10.0));
        if cut && self.hears() {
            self.deaf_until = self.now + seconds(self.rng.u64(1..400));
        }
        if window {
            let (slug, length) = (self.any_project(), seconds(self.rng.u64(60..1_500)));
            self.maintenance.insert(slug, self.now + length);
        }
        let now = self.now;
        self.maintenance.retain(|_, until| *until > now);
        if edge && !self.edges.is_empty() {
            let place = self.rng.usize(0..self.edges.len());
            let gone = self.edges.iter().nth(place).unwrap().clone();
            self.edges.remove(&gone);
        }
        if edit {
            self.resolve_by_hand();
        }
        if crash {
            self.memory = self.stored_copy();
        }
    }

    fn resolve_by_hand(&mut self) {
        let open: Vec<&LiveIncident> =
            self.stored.iter().filter(|one| one.incident.is_open()).collect();
        if open.is_empty() {
            return;
        }
        let one = open[self.rng.usize(0..open.len())];
        let edit = IncidentEdit::Acknowledge(None);
        let edit = if self.rng.bool() { edit } else { IncidentEdit::Resolve(None) };
        let Some(change) = edit.decide(one, &Actor::API, self.now).unwrap() else { return };
        // The evaluator learns of it as it would from the log.
        self.stored.apply(std::slice::from_ref(&change));
        self.memory.apply(std::slice::from_ref(&change));
        self.by_hand.push(change);
    }

    /// Changes statuses in truth: at random, and because of an outage of a dependency.
    fn spread(&mut self) {
        let now = self.now;
        let down: BTreeSet<Slug> = self
            .projects
            .iter()
            .filter(|(_, project)| project.truth != ProjectStatus::Online)
            .map(|(slug, _)| slug.clone())
            .collect();
        let rng = &mut self.rng;
        for (slug, project) in &mut self.projects {
            let (at, status) = project.next;
            if at <= now {
                project.truth = status;
            }
            if project.next.0 > now {
                continue;
            }
            let depends_on_outage =
                self.edges.iter().any(|(from, to)| from == slug && down.contains(to));
            let is_down = project.truth != ProjectStatus::Online;
            let bad = [ProjectStatus::Degraded, ProjectStatus::Offline][rng.usize(0..2)];
            let later = |rng: &mut Rng, most: u64| now + seconds(rng.u64(0..most));
            if is_down && rng.f64() < 0.03 {
                project.next = (later(rng, 30), ProjectStatus::Online);
            } else if is_down && rng.f64() < 0.02 {
                project.next = (now, ProjectStatus::Offline);
            } else if !is_down && depends_on_outage && rng.f64() < 0.5 {
                project.next = (later(rng, 100), ProjectStatus::Offline);
            } else if !is_down && rng.f64() < 0.004 {
                project.next = (now, bad);
            }
        }
    }

    /// Writes what the service hears to the log.
    fn log_statuses(&mut self) {
        for project in self.projects.values_mut() {
            if project.truth != project.spell.status {
                let step = StatusStep { from: Some(project.spell.status), to: Some(project.truth) };
                project.spell = StatusSpell::after(Some(project.spell), step, self.now).unwrap();
                project.heard = Duration::ZERO;
            }
        }
    }

    pub(super) fn facts(&self) -> IncidentFacts {
        let listened = ListenedTime::new(self.stored_periods.iter().copied());
        let mut facts = IncidentFacts::at(self.now);
        facts.deaf_since = deaf_since([&listened], self.start, self.now);
        facts.listened[Source::Nats.index()] = listened;
        for (slug, project) in &self.projects {
            let of = |spell| ProjectFacts {
                spell,
                source: Source::Nats,
                thresholds: thresholds(),
                was_heard: true,
            };
            facts.projects.insert(slug.clone(), of(project.spell));
        }
        for (from, to) in &self.edges {
            facts.dependencies.entry(from.clone()).or_default().push(to.clone());
        }
        facts.in_maintenance = self.maintenance.keys().cloned().collect();
        facts
    }

    fn stored_copy(&self) -> LiveIncidents {
        LiveIncidents::new(self.stored.iter().cloned())
    }

    /// Lets one or two evaluators decide. Returns the changes that were stored.
    pub(super) fn evaluate(&mut self) -> Result<Vec<Vec<IncidentChange>>, String> {
        let mut stored = vec![std::mem::take(&mut self.by_hand)];
        let facts = self.facts();
        let changes = decide_incidents(&self.memory, &facts, &self.rule, self.next_id);
        let other = decide_incidents(&self.stored_copy(), &facts, &self.rule, self.next_id);
        if changes != other {
            return Err(format!("two replicas disagree: {changes:?} and {other:?}"));
        }
        self.crashed = false;
        match self.rng.u32(0..20) {
            // The evaluator dies before it stores.
            0 => (self.memory, self.crashed) = (self.stored_copy(), true),
            // It dies after it stored.
            1 => {
                self.store(&changes);
                self.memory = self.stored_copy();
                stored.push(changes);
            }
            _ => {
                let mut changes = changes;
                for _ in 0..ROUNDS {
                    self.store(&changes);
                    self.memory.apply(&changes);
                    stored.push(changes);
                    changes = decide_incidents(&self.memory, &facts, &self.rule, self.next_id);
                    if changes.is_empty() {
                        break;
                    }
                }
                if !changes.is_empty() {
                    return Err(format!("it does not come to an end: {changes:?}"));
                }
            }
        }
        let old = self.now - self.rule.reopen_within;
        self.stored.forget_before(old);
        self.memory.forget_before(old);
        Ok(stored)
    }

    fn store(&mut self, changes: &[IncidentChange]) {
        self.stored.apply(changes);
        let newest = changes.iter().map(|change| change.incident.id).max();
        self.next_id = self.next_id.max(newest.map_or(self.next_id, |id| IncidentId(id.0 + 1)));
    }
}
