//! Single cases of the rules about incidents.

use std::collections::BTreeSet;

use federation_domain::{
    Actor, IncidentChange, IncidentEdit, IncidentFacts, IncidentId, IncidentKind, IncidentNotice,
    IncidentRule, IncidentStatus, ListenedTime, LiveIncidents, ProjectFacts, ProjectStatus,
    Severity, Slug, Source, StatusSpell, decide_incidents,
};
use time::OffsetDateTime;

use super::world::{seconds, thresholds};
use ProjectStatus::{Degraded, Offline, Online};

/// An evaluator that listens without a break from second 0.
struct Scenario {
    live: LiveIncidents,
    facts: IncidentFacts,
    next: IncidentId,
    notices: Vec<(i64, IncidentNotice)>,
}

fn at(second: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + seconds(second)
}

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

impl Scenario {
    fn new(edges: &[(&str, &str)]) -> Self {
        let mut facts = IncidentFacts::at(at(0));
        for (from, to) in edges {
            facts.dependencies.entry(slug(from)).or_default().push(slug(to));
        }
        let next = IncidentId(1);
        Self { live: LiveIncidents::default(), facts, next, notices: Vec::new() }
    }

    fn set(&mut self, project: &str, status: ProjectStatus, second: u64) {
        let known = self.facts.projects.get(&slug(project)).map(|one| one.spell);
        let step = federation_domain::StatusStep { from: None, to: Some(status) };
        let known = known.or(Some(StatusSpell::new(Online, at(0))));
        let spell = StatusSpell::after(known, step, at(second)).unwrap();
        let project_facts =
            ProjectFacts { spell, source: Source::Nats, thresholds: thresholds(), was_heard: true };
        self.facts.projects.insert(slug(project), project_facts);
    }

    fn at(&mut self, second: u64) -> Vec<IncidentChange> {
        self.facts.listened[0] = ListenedTime::new([(at(0), at(second))]);
        self.decide(second)
    }

    fn decide(&mut self, second: u64) -> Vec<IncidentChange> {
        self.facts.now = at(second);
        let rule = IncidentRule::default();
        let changes = decide_incidents(&self.live, &self.facts, &rule, self.next);
        self.live.apply(&changes);
        for change in &changes {
            self.next = self.next.max(IncidentId(change.incident.id.0 + 1));
            self.notices.extend(change.notice.map(|notice| (change.incident.id.0, notice)));
        }
        changes
    }

    /// The open incidents as `root: affected…`.
    fn open(&self) -> Vec<String> {
        let open = self.live.iter().filter(|one| one.incident.is_open());
        let text = |one: &federation_domain::LiveIncident| {
            let affected: Vec<&str> = one.affected().iter().map(|one| one.as_str()).collect();
            format!("{}: {}", one.incident.root.as_ref().unwrap(), affected.join(" "))
        };
        open.map(text).collect()
    }
}

#[test]
fn an_outage_of_a_shared_dependency_is_one_incident() {
    let mut scenario = Scenario::new(&[("web", "api"), ("api", "db"), ("jobs", "db")]);
    scenario.set("web", Offline, 100);
    scenario.set("api", Offline, 110);
    scenario.set("db", Offline, 130);
    scenario.set("jobs", Degraded, 140);
    assert!(scenario.at(159).is_empty(), "before the delay");
    scenario.at(160);
    assert_eq!(scenario.open(), ["db: api jobs web"]);
    let one = scenario.live.get(IncidentId(1)).unwrap();
    assert_eq!(one.path(&slug("web")), [slug("web"), slug("api"), slug("db")]);
    assert_eq!(one.incident.started_at, at(130));
    assert_eq!(scenario.notices, [(1, IncidentNotice::Opened)]);
    for project in ["web", "api", "db", "jobs"] {
        scenario.set(project, Online, 300);
    }
    scenario.at(359);
    assert_eq!(scenario.open(), ["db: api jobs web"]);
    scenario.at(360);
    assert_eq!(scenario.notices.last(), Some(&(1, IncidentNotice::Resolved)));
    assert_eq!(scenario.notices.len(), 2);
}

#[test]
fn a_cause_that_falls_later_takes_over_the_incident_without_a_second_notice() {
    let mut scenario = Scenario::new(&[("a", "db"), ("b", "db")]);
    scenario.set("a", Offline, 100);
    scenario.set("b", Offline, 100);
    scenario.at(160);
    assert_eq!(scenario.open(), ["a: ", "b: "]);
    scenario.set("db", Offline, 210);
    scenario.at(211);
    assert_eq!(scenario.open(), ["db: a b"]);
    let opened = scenario.notices.iter().filter(|(_, one)| *one == IncidentNotice::Opened).count();
    assert_eq!(opened, 2);
    let merged = scenario.live.get(IncidentId(2)).unwrap();
    assert_eq!(merged.incident.merged_into, Some(IncidentId(1)));
}

#[test]
fn a_cause_that_falls_after_the_window_is_another_incident() {
    let mut scenario = Scenario::new(&[("a", "db")]);
    scenario.set("a", Offline, 100);
    scenario.set("db", Offline, 221);
    scenario.at(300);
    assert_eq!(scenario.open(), ["a: ", "db: "]);
}

#[test]
fn a_project_that_outlasts_its_cause_becomes_a_root() {
    let mut scenario = Scenario::new(&[("a", "db")]);
    scenario.set("db", Offline, 100);
    scenario.set("a", Offline, 110);
    scenario.at(200);
    scenario.set("db", Online, 300);
    scenario.at(419);
    assert_eq!(scenario.open(), ["db: a"]);
    scenario.at(420);
    assert_eq!(scenario.open(), ["a: "]);
    use IncidentNotice::{Opened, Resolved};
    assert_eq!(scenario.notices, [(1, Opened), (1, Resolved), (2, Opened)]);
}

#[test]
fn in_a_cycle_the_earliest_fall_is_the_root() {
    let mut scenario = Scenario::new(&[("a", "b"), ("b", "c"), ("c", "a")]);
    scenario.set("b", Offline, 100);
    scenario.set("a", Offline, 101);
    scenario.set("c", Offline, 102);
    scenario.at(170);
    assert_eq!(scenario.open(), ["b: a c"]);
}

#[test]
fn an_attribution_outlives_its_edge() {
    let mut scenario = Scenario::new(&[("a", "db")]);
    scenario.set("db", Offline, 100);
    scenario.set("a", Offline, 110);
    scenario.at(200);
    scenario.facts.dependencies.clear();
    assert!(scenario.at(900).iter().all(|change| change.members.is_empty()));
    assert_eq!(scenario.open(), ["db: a"]);
}

#[test]
fn a_root_that_is_down_again_soon_continues_its_incident() {
    let mut scenario = Scenario::new(&[]);
    for (down, up) in [(100, 200), (400, 500)] {
        scenario.set("a", Offline, down);
        scenario.at(down + 60);
        scenario.set("a", Online, up);
        scenario.at(up + 60);
    }
    use IncidentNotice::{Opened, Reopened, Resolved};
    assert_eq!(scenario.notices, [(1, Opened), (1, Resolved), (1, Reopened), (1, Resolved)]);
    scenario.set("a", Offline, 1_200);
    scenario.at(1_260);
    assert_eq!(scenario.notices.last(), Some(&(2, Opened)), "later it is another incident");
}

#[test]
fn maintenance_suppresses_opening_but_neither_resolving_nor_what_follows() {
    let mut scenario = Scenario::new(&[("a", "db")]);
    scenario.facts.in_maintenance = BTreeSet::from([slug("db")]);
    scenario.set("db", Offline, 100);
    scenario.set("a", Offline, 110);
    assert!(scenario.at(400).is_empty(), "a project whose root is in maintenance is covered");
    scenario.facts.in_maintenance.clear();
    scenario.at(401);
    assert_eq!(scenario.open(), ["db: a"]);
    scenario.facts.in_maintenance = BTreeSet::from([slug("db"), slug("a")]);
    scenario.set("db", Online, 500);
    scenario.set("a", Online, 500);
    scenario.at(560);
    assert!(scenario.open().is_empty());
}

#[test]
fn an_incident_resolved_by_hand_stays_silent_until_it_is_good_and_bad_again() {
    let mut scenario = Scenario::new(&[]);
    scenario.set("a", Offline, 100);
    scenario.at(160);
    let one = scenario.live.get(IncidentId(1)).unwrap();
    let edit = IncidentEdit::Resolve(Some("known".to_owned()));
    let change = edit.decide(one, &Actor::parse("key-1"), at(200)).unwrap().unwrap();
    scenario.live.apply(&[change]);
    assert!(scenario.at(2_000).is_empty());
    scenario.set("a", Online, 2_100);
    scenario.at(2_200);
    assert!(!scenario.live.get(IncidentId(1)).unwrap().incident.silences);
    scenario.set("a", Offline, 2_300);
    scenario.at(2_360);
    assert_eq!(scenario.open(), ["a: "]);
}

#[test]
fn a_root_that_stays_offline_becomes_critical() {
    let mut scenario = Scenario::new(&[]);
    scenario.set("a", Degraded, 100);
    assert!(scenario.at(699).is_empty());
    scenario.at(700);
    let one = |scenario: &Scenario| scenario.live.get(IncidentId(1)).unwrap().incident.clone();
    assert_eq!(one(&scenario).kind, IncidentKind::Degraded);
    scenario.set("a", Offline, 800);
    scenario.at(801);
    assert_eq!(
        (one(&scenario).kind, one(&scenario).severity),
        (IncidentKind::Offline, Severity::Warning)
    );
    scenario.at(1_400);
    assert_eq!(one(&scenario).severity, Severity::Critical);
    use IncidentNotice::{Escalated, Opened, StateChanged};
    assert_eq!(scenario.notices, [(1, Opened), (1, StateChanged), (1, Escalated)]);
}

#[test]
fn deafness_opens_one_incident_and_nothing_else() {
    let mut scenario = Scenario::new(&[]);
    scenario.at(100);
    scenario.set("a", Offline, 101);
    scenario.facts.deaf_since = Some(at(100));
    scenario.decide(150);
    assert!(scenario.live.iter().next().is_none());
    scenario.decide(5_000);
    let kinds: Vec<_> = scenario.live.iter().map(|one| one.incident.kind).collect();
    assert_eq!(kinds, [IncidentKind::Blind]);
    scenario.facts.deaf_since = None;
    scenario.facts.listened[0] = ListenedTime::new([(at(0), at(100)), (at(5_050), at(5_060))]);
    scenario.set("a", Online, 5_055);
    scenario.decide(5_060);
    let statuses: Vec<_> = scenario.live.iter().map(|one| one.incident.status).collect();
    assert_eq!(statuses, [IncidentStatus::Resolved]);
}

#[test]
fn a_project_that_was_never_heard_opens_nothing() {
    let mut scenario = Scenario::new(&[]);
    scenario.set("a", Offline, 10);
    scenario.facts.projects.get_mut(&slug("a")).unwrap().was_heard = false;
    assert!(scenario.at(10_000).is_empty());
}

#[test]
fn a_thousand_projects_behind_one_root_are_one_incident() {
    let names: Vec<String> = (0..1_000).map(|n| format!("p{n}")).collect();
    let edges: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "db")).collect();
    let mut scenario = Scenario::new(&edges);
    for name in &names {
        scenario.set(name, Offline, 100);
    }
    scenario.set("db", Offline, 101);
    scenario.at(161);
    assert_eq!(scenario.live.iter().count(), 1);
    assert_eq!(scenario.live.get(IncidentId(1)).unwrap().current().count(), 1_001);
}
