//! Metric rules.

use std::sync::Arc;

use federation_domain::{
    Actor, IncidentEdit, IncidentFacts, IncidentId, IncidentKind, IncidentNotice, IncidentRule,
    ListenedTime, LiveIncidents, MetricRule, MetricRuleDraft, MetricTrail, MetricVerdict,
    ProjectFacts, ProjectStatus, Severity, Slug, Source, StatusSpell, TimelineEvent, TrailLimits,
    TrailSample, Verdict, decide_incidents,
};
use time::{Duration, OffsetDateTime};

use super::world::{seconds, thresholds};
use IncidentNotice::{Opened, Reopened, Resolved};

const LIMITS: TrailLimits = TrailLimits {
    horizon: Duration::hours(1),
    fresh_for: Duration::hours(24),
    absent_after: Duration::hours(1),
};

fn at(second: u64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + seconds(second)
}

fn slug(text: &str) -> Slug {
    text.parse().unwrap()
}

fn rule(name: &str, when: &str, hold: Option<&str>) -> MetricRuleDraft {
    MetricRuleDraft {
        name: name.to_owned(),
        when: Some(when.to_owned()),
        hold: hold.map(str::to_owned),
        severity: "critical".to_owned(),
        ..MetricRuleDraft::default()
    }
}

/// One rule about one project, and an evaluator.
struct Watch {
    rule: Arc<MetricRule>,
    trail: Option<MetricTrail>,
    live: LiveIncidents,
    facts: IncidentFacts,
    /// Periods in which the service listened.
    heard: Vec<(u64, u64)>,
    notices: Vec<(i64, IncidentNotice)>,
    /// Kinds of the entries of the timelines.
    events: Vec<&'static str>,
}

impl Watch {
    fn of(draft: &MetricRuleDraft) -> Self {
        Self {
            rule: Arc::new(draft.parse().unwrap()),
            trail: None,
            live: LiveIncidents::default(),
            facts: IncidentFacts::at(at(0)),
            heard: vec![(0, 1_000_000)],
            notices: Vec::new(),
            events: Vec::new(),
        }
    }

    fn sample(&mut self, second: u64, number: f64) {
        let at = at(second);
        let (arrived_at, number) = (at, Some(number));
        let sample = TrailSample { at, arrived_at, number, source: Source::Nats };
        match &mut self.trail {
            Some(trail) => {
                trail.observe(&sample, &LIMITS);
            }
            None => self.trail = Some(MetricTrail::begin(&sample)),
        }
    }

    /// Decides with the verdict at a second. Returns the open incidents as `project rule: finding`.
    fn at(&mut self, second: u64) -> Vec<String> {
        let verdict =
            self.trail.as_ref().map(|trail| self.rule.verdict(trail, &LIMITS, at(second)));
        let verdict = verdict.unwrap_or(Verdict::Unknown);
        let project = slug("web");
        let rule = Arc::clone(&self.rule);
        self.facts.metrics = Some(vec![MetricVerdict { rule, project, verdict }]);
        self.decide(second)
    }

    fn decide(&mut self, second: u64) -> Vec<String> {
        self.facts.now = at(second);
        let heard = self.heard.iter().filter(|(from, _)| *from < second);
        let heard = heard.map(|&(from, until)| (at(from), at(until.min(second))));
        self.facts.listened[0] = ListenedTime::new(heard);
        let next = self.live.iter().map(|one| one.incident.id.0 + 1).max().unwrap_or(1);
        let rules = IncidentRule::default();
        let changes = decide_incidents(&self.live, &self.facts, &rules, IncidentId(next));
        self.live.apply(&changes);
        for change in &changes {
            self.notices.extend(change.notice.map(|notice| (change.incident.id.0, notice)));
            self.events.extend(change.events.iter().map(TimelineEvent::kind));
        }
        let again = decide_incidents(&self.live, &self.facts, &rules, IncidentId(next + 100));
        assert!(again.is_empty(), "a repeated decision changes nothing: {again:?}");
        let open = self.live.iter().filter(|one| one.incident.is_open());
        open.map(|one| one.incident.title()).collect()
    }

    fn resolve_by_hand(&mut self, second: u64) {
        let one = self.live.iter().find(|one| one.incident.is_open()).unwrap();
        let change = IncidentEdit::Resolve(None).decide(one, &Actor::API, at(second));
        self.live.apply(&[change.unwrap().unwrap()]);
    }
}

#[test]
fn an_incident_opens_when_the_condition_has_held_and_resolves_when_it_has_not() {
    let mut watch = Watch::of(&rule("a", "audit.fail_count > 2", Some("10m")));
    watch.sample(0, 0.0);
    watch.sample(60, 3.0);
    assert!(watch.at(659).is_empty(), "before its time");
    assert_eq!(watch.at(660), ["web: audit.fail_count is 3"]);
    let one = watch.live.get(IncidentId(1)).unwrap();
    assert_eq!(
        (one.incident.kind, one.incident.severity),
        (IncidentKind::Metric, Severity::Critical)
    );
    assert_eq!(one.incident.rule.as_deref(), Some("a"));
    assert_eq!(one.incident.started_at, at(60));
    let said = "Project web: audit.fail_count is 3. The metric rule a opened this incident.";
    assert_eq!(one.description(), said);
    watch.sample(700, 2.0);
    assert_eq!(watch.at(759).len(), 1);
    assert!(watch.at(760).is_empty());
    assert_eq!(watch.notices, [(1, Opened), (1, Resolved)]);
}

#[test]
fn a_value_that_is_good_for_a_moment_begins_the_time_again() {
    let mut watch = Watch::of(&rule("a", "x > 2", Some("10m")));
    watch.sample(0, 3.0);
    watch.sample(500, 2.0);
    watch.sample(501, 3.0);
    assert!(watch.at(1_100).is_empty());
    assert_eq!(watch.at(1_101).len(), 1);
}

#[test]
fn only_listened_time_counts_and_nothing_changes_while_the_service_is_deaf() {
    let mut watch = Watch::of(&rule("a", "x > 2", Some("10m")));
    watch.heard = vec![(0, 300), (900, 1_000_000)];
    watch.sample(0, 3.0);
    assert!(watch.at(800).is_empty());
    assert!(watch.at(1_204).is_empty(), "300 s, and 5 s after the cut do not count");
    assert_eq!(watch.at(1_205).len(), 1);
    watch.heard = vec![(0, 300), (900, 1_300)];
    watch.sample(1_210, 0.0);
    watch.trail = None;
    assert_eq!(watch.at(5_000).len(), 1, "an unknown value does not resolve");
}

#[test]
fn a_stale_value_neither_opens_nor_resolves() {
    let mut watch = Watch::of(&rule("a", "x > 2", Some("10m")));
    watch.sample(0, 3.0);
    assert!(watch.at(86_401).is_empty());
    watch.sample(86_500, 3.0);
    assert!(watch.at(87_099).is_empty(), "the time in which it was stale does not count");
    assert_eq!(watch.at(87_100).len(), 1);
    assert_eq!(watch.at(86_500 + 86_401).len(), 1);
}

#[test]
fn absence_counts_only_while_metrics_could_be_heard() {
    let draft = MetricRuleDraft {
        absent_for: Some("1h".to_owned()),
        ..rule("a", "coverage.percent", None)
    };
    let mut watch = Watch::of(&draft);
    watch.heard = vec![(0, 1_000), (4_000, 1_000_000)];
    assert!(watch.at(20_000).is_empty(), "a metric that was never reported is not missed");
    watch.sample(0, 80.0);
    assert!(watch.at(4_100).is_empty());
    assert!(watch.at(6_604).is_empty());
    assert_eq!(watch.at(6_605), ["web: coverage.percent has been missing for 1h"]);
    watch.sample(6_700, 80.0);
    assert_eq!(watch.at(6_759).len(), 1, "it has arrived for less than a minute");
    assert!(watch.at(6_760).is_empty());
}

#[test]
fn a_rise_opens_one_incident_and_a_restarted_counter_none() {
    let draft = MetricRuleDraft {
        increase: Some("3 within 1h".to_owned()),
        ..rule("a", "audit.fail_count", None)
    };
    let mut watch = Watch::of(&draft);
    watch.sample(0, 100.0);
    watch.sample(4_000, 0.0);
    watch.sample(4_060, 2.0);
    assert!(watch.at(4_061).is_empty());
    watch.sample(4_120, 3.0);
    assert_eq!(watch.at(4_121), ["web: audit.fail_count rose from 0 to 3 within 1h"]);
    watch.sample(4_200, 9.0);
    assert_eq!(watch.at(4_201).len(), 1);
    assert_eq!(watch.at(7_799).len(), 1);
    assert!(watch.at(7_801).is_empty(), "the rise is older than an hour");
    assert_eq!(watch.notices, [(1, Opened), (1, Resolved)]);
}

#[test]
fn a_condition_that_holds_again_soon_continues_the_incident() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    watch.sample(200, 0.0);
    assert!(watch.at(260).is_empty());
    watch.sample(800, 4.0);
    assert_eq!(watch.at(800), ["web: x is 4"]);
    watch.sample(900, 0.0);
    assert!(watch.at(960).is_empty());
    watch.sample(1_561, 3.0);
    assert_eq!(watch.at(1_561).len(), 1);
    let told = [(1, Opened), (1, Resolved), (1, Reopened), (1, Resolved), (2, Opened)];
    assert_eq!(watch.notices, told);
}

#[test]
fn resolving_by_hand_silences_the_rule_until_it_holds_anew() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    watch.resolve_by_hand(110);
    assert!(watch.at(5_000).is_empty());
    assert!(!watch.live.is_silenced(&slug("web"), at(0)), "the project itself is not silenced");
    watch.sample(5_100, 0.0);
    assert!(watch.at(5_101).is_empty());
    watch.sample(5_200, 3.0);
    assert_eq!(watch.at(5_201).len(), 1);
}

#[test]
fn maintenance_keeps_an_incident_from_opening_and_not_from_resolving() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.facts.in_maintenance.insert(slug("web"));
    watch.sample(100, 3.0);
    assert!(watch.at(500).is_empty());
    watch.facts.in_maintenance.clear();
    assert_eq!(watch.at(501).len(), 1);
    watch.facts.in_maintenance.insert(slug("web"));
    watch.sample(600, 0.0);
    assert!(watch.at(700).is_empty());
}

#[test]
fn an_incident_of_a_rule_that_does_not_exist_any_more_resolves() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    watch.facts.metrics = None;
    assert_eq!(watch.decide(101).len(), 1, "the rules are not known");
    watch.facts.metrics = Some(Vec::new());
    assert!(watch.decide(101).is_empty());
    assert_eq!(watch.events, ["opened", "rule_removed", "resolved"]);
}

#[test]
fn an_incident_whose_rule_names_another_metric_resolves_and_is_not_continued() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    watch.rule = Arc::new(rule("a", "y > 2", None).parse().unwrap());
    watch.trail = None;
    assert!(watch.at(110).is_empty(), "no value of the other metric is known");
    assert_eq!(watch.events, ["opened", "rule_removed", "resolved"]);
    watch.sample(120, 4.0);
    assert_eq!(watch.at(120), ["web: y is 4"]);
    watch.rule = Arc::new(rule("a", "z > 2", None).parse().unwrap());
    assert_eq!(watch.at(121), ["web: z is 4"], "both at once");
    let told = [(1, Opened), (1, Resolved), (2, Opened), (2, Resolved), (3, Opened)];
    assert_eq!(watch.notices, told);
}

#[test]
fn a_rule_that_names_another_metric_is_not_silenced_any_more() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    watch.resolve_by_hand(110);
    watch.rule = Arc::new(rule("a", "y > 2", None).parse().unwrap());
    assert_eq!(watch.at(120), ["web: y is 3"]);
    assert_eq!(watch.notices, [(1, Opened), (2, Opened)]);
}

#[test]
fn a_finding_fits_its_column() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    let finding = format!("x {}", "ä".repeat(500));
    let verdict = Verdict::Holds { since: at(100), finding, source: Source::Nats };
    let (rule, project) = (Arc::clone(&watch.rule), slug("web"));
    watch.facts.metrics = Some(vec![MetricVerdict { rule, project, verdict }]);
    assert_eq!(watch.decide(100).len(), 1);
    let one = watch.live.get(IncidentId(1)).unwrap();
    assert_eq!(one.incident.finding, Some(format!("x {}", "ä".repeat(498))));
}

#[test]
fn a_metric_incident_explains_no_outage_and_none_explains_it() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    // `api` depends on `web`, which is online and has a metric incident.
    watch.facts.dependencies.insert(slug("api"), vec![slug("web")]);
    let down = |since| ProjectFacts {
        spell: StatusSpell::new(ProjectStatus::Offline, at(since)),
        source: Source::Nats,
        thresholds: thresholds(),
        was_heard: true,
    };
    watch.facts.projects.insert(slug("api"), down(110));
    assert_eq!(watch.at(200), ["web: x is 3", "api is offline"]);
    // Now `web` is down too, and its incident of a metric stays by itself.
    watch.facts.projects.insert(slug("web"), down(210));
    watch.facts.projects.insert(slug("db"), down(215));
    watch.facts.dependencies.insert(slug("web"), vec![slug("db")]);
    assert_eq!(watch.at(300), ["web: x is 3", "db is offline"]);
    let of_db = watch.live.iter().find(|one| one.incident.title() == "db is offline").unwrap();
    assert_eq!(of_db.affected(), [&slug("api"), &slug("web")]);
}

/// A project whose values, and a service whose hearing, change at random.
struct Chance {
    random: fastrand::Rng,
    watch: Watch,
    samples: Vec<(u64, f64)>,
    /// Last second in which the service listened, if it does.
    deaf_until: u64,
    was_open: bool,
}

/// Time for which the condition `x > 2` has to hold.
const HOLD: u64 = 300;

impl Chance {
    fn new(seed: u64) -> Self {
        let mut watch = Watch::of(&rule("a", "x > 2", Some("5m")));
        watch.heard = vec![(0, 0)];
        let random = fastrand::Rng::with_seed(seed);
        Self { random, watch, samples: Vec::new(), deaf_until: 0, was_open: false }
    }

    /// Lets some seconds pass and decides.
    fn step(&mut self, second: u64, now: u64) {
        if now >= self.deaf_until {
            if self.random.u8(..) < 4 {
                self.deaf_until = now + self.random.u64(1..600);
            }
            let is_whole = self.watch.heard.last().is_some_and(|(_, until)| *until == second);
            match self.watch.heard.last_mut() {
                Some(last) if is_whole => last.1 = now,
                _ => self.watch.heard.push((second, now)),
            }
            if self.random.u8(..) < 80 {
                let number = f64::from(self.random.u8(0..10)) / 2.0;
                let number = if self.random.bool() { number } else { 4.0 };
                self.samples.push((now, number));
                self.watch.sample(now, number);
            }
        }
        if self.random.u8(..) < 8 {
            let is_over = self.watch.facts.in_maintenance.is_empty();
            self.watch.facts.in_maintenance = is_over.then(|| slug("web")).into_iter().collect();
        }
        let is_open = !self.watch.at(now).is_empty();
        self.check(now, is_open);
        self.was_open = is_open;
    }

    /// Returns the listened seconds since a second.
    fn listened_since(&self, since: u64) -> u64 {
        let heard = self.watch.heard.iter();
        heard.map(|(from, until)| until.saturating_sub((*from).max(since))).sum()
    }

    fn check(&self, now: u64, is_open: bool) {
        let hears = self.watch.heard.last().is_some_and(|(_, until)| now - until <= 25);
        let holds = self.samples.iter().rev().take_while(|(_, number)| *number > 2.0).last();
        let held = holds.map_or(0, |(since, _)| self.listened_since(*since));
        match (self.was_open, is_open) {
            (false, true) => {
                assert!(hears, "opened at {now} although the service is deaf");
                assert!(held >= HOLD, "opened at {now} after {held} s");
                assert!(self.watch.facts.in_maintenance.is_empty(), "opened in maintenance");
            }
            (true, false) => {
                assert!(hears, "resolved at {now} although the service is deaf");
                assert!(holds.is_none(), "resolved at {now} although the condition holds");
            }
            (false, false) => {
                let is_free = self.watch.facts.in_maintenance.is_empty();
                // The time is late by a part of the horizon, and by five seconds after each cut.
                let cuts = self.watch.heard.len() as u64;
                let is_late = held > HOLD + 120 + 5 * cuts && cuts < 3;
                assert!(!(hears && is_free && is_late), "not open at {now} after {held} s");
            }
            (true, true) => {}
        }
    }
}

#[test]
fn an_incident_of_a_rule_opens_and_resolves_only_by_what_is_known() {
    for seed in 0..150 {
        let mut chance = Chance::new(seed);
        let mut second = 0;
        for _ in 0..300 {
            let now = second + chance.random.u64(1..30);
            chance.step(second, now);
            second = now;
        }
        let mut open = 0;
        for (_, notice) in &chance.watch.notices {
            open += if *notice == Resolved { -1 } else { 1 };
            assert!(open == 0 || open == 1, "seed {seed}: {:?}", chance.watch.notices);
        }
    }
}
