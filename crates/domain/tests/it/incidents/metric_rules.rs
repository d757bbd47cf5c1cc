//! Metric rules.

use std::sync::Arc;

use federation_domain::{
    Actor, HeardValue, IncidentEdit, IncidentFacts, IncidentId, IncidentKind, IncidentNotice,
    IncidentRule, ListenedTime, LiveIncidents, MAX_OPEN_OF_A_RULE, MAX_OPENED_AT_ONCE,
    MetricCondition, MetricEvidence, MetricRule, MetricRuleDraft, MetricVerdict, ProjectFacts,
    ProjectStatus, Resolution, Run, SampleValue, Severity, Slug, Source, StatusSpell, Streak,
    TimelineEvent, Verdict, decide_incidents,
};
use time::OffsetDateTime;

use super::world::{seconds, thresholds};
use IncidentNotice::{Opened, Reopened, Resolved};

mod chance;

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

fn run(at: OffsetDateTime, number: f64) -> Run {
    let value = SampleValue::number("v", number).unwrap();
    Run::begin(Resolution::default(), &value, at, Source::Nats)
}

/// One rule about one project, a replica that hears its metric, and an evaluator.
struct Watch {
    rule: Arc<MetricRule>,
    heard: Option<HeardValue>,
    streak: Option<Streak>,
    listening_since: OffsetDateTime,
    /// Runs in the store.
    runs: Vec<Run>,
    /// Time of the newest value that another replica received, and the time at which it was found.
    elsewhere: Option<(OffsetDateTime, OffsetDateTime)>,
    live: LiveIncidents,
    facts: IncidentFacts,
    /// Periods in which the service listened.
    periods: Vec<(u64, u64)>,
    notices: Vec<(i64, IncidentNotice)>,
    /// Kinds of the entries of the timelines.
    events: Vec<&'static str>,
}

impl Watch {
    fn of(draft: &MetricRuleDraft) -> Self {
        Self {
            rule: Arc::new(draft.parse().unwrap()),
            heard: None,
            streak: None,
            listening_since: at(0),
            runs: Vec::new(),
            elsewhere: None,
            live: LiveIncidents::default(),
            facts: IncidentFacts::at(at(0)),
            periods: vec![(0, 1_000_000)],
            notices: Vec::new(),
            events: Vec::new(),
        }
    }

    fn sample(&mut self, second: u64, number: f64) {
        self.runs.push(run(at(second), number));
        self.hear(at(second), at(second), number);
    }

    /// Takes a sample into memory, which the store does not have.
    fn hear(&mut self, observed_at: OffsetDateTime, arrived_at: OffsetDateTime, number: f64) {
        let newest = self.heard.filter(|heard| heard.at > observed_at);
        let new =
            HeardValue { at: observed_at, arrived_at, number: Some(number), source: Source::Nats };
        let newest = newest.map_or(new, |heard| HeardValue { arrived_at, ..heard });
        self.heard = Some(newest);
        let is_current = newest.at >= self.listening_since;
        if matches!(self.rule.condition, MetricCondition::Compare { .. }) && is_current {
            let holds = self.rule.matches(newest.number);
            self.streak = Some(Streak::after(self.streak, holds, arrived_at, self.listening_since));
        }
    }

    fn verdict(&mut self, now: OffsetDateTime) -> Verdict {
        let newest = self.runs.iter().map(|run| run.until_at).max();
        let newer = newest.filter(|until| self.heard.is_none_or(|heard| *until > heard.at));
        let known = self.elsewhere;
        self.elsewhere =
            newer.map(|until| known.filter(|(known, _)| *known == until).unwrap_or((until, now)));
        let absent_from = self.elsewhere.map_or(at(0), |(_, seen_at)| seen_at);
        let evidence = MetricEvidence {
            heard: self.heard,
            streak: self.streak,
            listening_since: self.listening_since,
            absent_from,
            has_series: self.heard.is_some() || !self.runs.is_empty(),
            seen_within: seconds(130),
            runs: &self.runs,
        };
        let verdict = self.rule.verdict(&evidence, now);
        match &verdict {
            Verdict::Clear { since, .. } => {
                self.streak = Some(Streak::after(self.streak, false, *since, self.listening_since));
            }
            Verdict::Holds { .. } if !self.rule.matches(self.heard.and_then(|one| one.number)) => {
                self.streak = None;
            }
            _ => {}
        }
        verdict
    }

    /// Decides with the verdict at a second. Returns the titles of the open incidents.
    fn at(&mut self, second: u64) -> Vec<String> {
        let verdict = self.verdict(at(second));
        self.facts.metrics = vec![self.about("web", verdict)];
        self.decide(second)
    }

    fn about(&self, project: &str, verdict: Verdict) -> MetricVerdict {
        MetricVerdict { rule: self.rule.name.as_str().into(), project: slug(project), verdict }
    }

    fn holds(&self, second: u64, finding: &str) -> Verdict {
        let (rule, finding) = (Arc::clone(&self.rule), finding.to_owned());
        Verdict::Holds { rule, since: at(second), finding, source: Source::Nats }
    }

    fn decide(&mut self, second: u64) -> Vec<String> {
        self.facts.now = at(second);
        let heard = self.periods.iter().filter(|(from, _)| *from < second);
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
    assert_eq!(watch.at(660), ["web: audit.fail_count at 3"]);
    let one = watch.live.get(IncidentId(1)).unwrap();
    assert_eq!(
        (one.incident.kind, one.incident.severity),
        (IncidentKind::Metric, Severity::Critical)
    );
    assert_eq!(one.incident.rule.as_deref(), Some("a"));
    assert_eq!(one.incident.started_at, at(60));
    let said = "The metric rule a opened this incident for web: audit.fail_count at 3.";
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
    watch.periods = vec![(0, 300), (900, 1_000_000)];
    watch.sample(0, 3.0);
    assert!(watch.at(800).is_empty());
    assert!(watch.at(1_204).is_empty(), "300 s, and 5 s after the cut do not count");
    assert_eq!(watch.at(1_205).len(), 1);
    watch.periods = vec![(0, 300), (900, 1_300)];
    watch.sample(1_210, 0.0);
    assert_eq!(watch.at(5_000).len(), 1, "deaf");
}

#[test]
fn a_stale_value_does_not_open_and_its_incident_ends_in_words() {
    let mut watch = Watch::of(&rule("a", "x > 2", Some("10m")));
    watch.sample(0, 3.0);
    assert!(watch.at(86_401).is_empty());
    watch.sample(86_500, 3.0);
    assert_eq!(watch.at(86_501).len(), 1);
    assert_eq!(watch.at(86_500 + 86_400).len(), 1);
    assert!(watch.at(86_500 + 86_401).is_empty());
    assert_eq!(watch.events, ["opened", "metric_gone", "resolved"]);
}

#[test]
fn absence_counts_only_while_metrics_could_be_heard() {
    let draft = MetricRuleDraft {
        absent_for: Some("1h".to_owned()),
        ..rule("a", "coverage.percent", None)
    };
    let mut watch = Watch::of(&draft);
    watch.periods = vec![(0, 1_000), (4_000, 1_000_000)];
    assert!(watch.at(500).is_empty(), "a metric that was never reported is not missed");
    watch.sample(0, 80.0);
    assert!(watch.at(4_100).is_empty());
    assert!(watch.at(6_604).is_empty());
    assert_eq!(watch.at(6_605), ["web: coverage.percent missing for 1h"]);
    watch.sample(6_700, 80.0);
    assert_eq!(watch.at(6_701).len(), 1);
    assert_eq!(watch.at(6_760).len(), 1, "it has arrived for less than a minute");
    assert!(watch.at(6_761).is_empty());
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
    assert_eq!(watch.at(7_801).len(), 1);
    assert!(watch.at(7_861).is_empty(), "the rise is older than an hour");
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
    assert_eq!(watch.at(800), ["web: x at 4"]);
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
fn an_incident_does_not_follow_its_rule_in_maintenance() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.rule = Arc::new(MetricRule { severity: Severity::Info, ..(*watch.rule).clone() });
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    watch.facts.in_maintenance.insert(slug("web"));
    watch.rule = Arc::new(MetricRule { severity: Severity::Critical, ..(*watch.rule).clone() });
    assert_eq!(watch.at(110).len(), 1);
    assert_eq!(watch.events, ["opened"]);
    watch.facts.in_maintenance.clear();
    assert_eq!(watch.at(120).len(), 1);
    assert_eq!(watch.notices, [(1, Opened), (1, IncidentNotice::Escalated)]);
}

#[test]
fn an_incident_of_a_rule_that_does_not_exist_any_more_resolves() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100).len(), 1);
    watch.facts.metrics = Vec::new();
    assert_eq!(watch.decide(101).len(), 1, "nothing is known");
    watch.facts.metrics = vec![watch.about("web", Verdict::Removed)];
    assert!(watch.decide(101).is_empty());
    assert_eq!(watch.events, ["opened", "rule_removed", "resolved"]);
    let verdict = watch.holds(110, "y is 4");
    watch.rule = Arc::new(rule("a", "y > 2", None).parse().unwrap());
    let Verdict::Holds { since, finding, source, .. } = verdict else { unreachable!() };
    let verdict = Verdict::Holds { rule: Arc::clone(&watch.rule), since, finding, source };
    watch.facts.metrics = vec![watch.about("web", verdict)];
    assert_eq!(watch.decide(110), ["web: y is 4"]);
    assert_eq!(watch.notices, [(1, Opened), (1, Resolved), (2, Opened)], "it is not continued");
}

#[test]
fn a_rule_that_is_gone_silences_nothing() {
    for verdict in [Verdict::Removed, Verdict::Gone] {
        let mut watch = Watch::of(&rule("a", "x > 2", None));
        watch.sample(100, 3.0);
        assert_eq!(watch.at(100).len(), 1);
        watch.resolve_by_hand(110);
        watch.facts.metrics = vec![watch.about("web", verdict)];
        assert!(watch.decide(111).is_empty());
        assert_eq!(watch.at(120), ["web: x at 3"]);
    }
}

#[test]
fn an_incident_follows_the_severity_and_the_kind_of_its_rule() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    watch.sample(100, 3.0);
    assert_eq!(watch.at(100), ["web: x at 3"]);
    watch.sample(110, 9.0);
    assert_eq!(watch.at(110), ["web: x at 3"], "each value is no change");
    let mut changed: MetricRule = (*watch.rule).clone();
    changed.severity = Severity::Info;
    watch.rule = Arc::new(changed);
    assert_eq!(watch.at(111), ["web: x at 3"]);
    let increase = Some("3 within 1h".to_owned());
    watch.rule = Arc::new(MetricRuleDraft { increase, ..rule("a", "x", None) }.parse().unwrap());
    assert_eq!(watch.at(120), ["web: x rose from 3 to 9 within 1h"]);
    assert_eq!(watch.at(121).len(), 1);
    assert_eq!(watch.events, ["opened", "rule_changed", "rule_changed"]);
    assert_eq!(
        watch.notices,
        [(1, Opened), (1, IncidentNotice::StateChanged), (1, IncidentNotice::Escalated)]
    );
}

#[test]
fn a_rule_opens_a_bounded_number_of_incidents() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    let verdict = watch.holds(100, "x is 3");
    let all = (0..MAX_OPEN_OF_A_RULE + 50).map(|number| format!("p{number}"));
    watch.facts.metrics = all.map(|one| watch.about(&one, verdict.clone())).collect();
    assert_eq!(watch.decide(100).len(), MAX_OPENED_AT_ONCE);
    for second in 101..120 {
        watch.decide(second);
    }
    assert_eq!(watch.decide(120).len(), MAX_OPEN_OF_A_RULE);
    assert_eq!(watch.notices.len(), MAX_OPEN_OF_A_RULE);
}

#[test]
fn a_finding_fits_its_column() {
    let mut watch = Watch::of(&rule("a", "x > 2", None));
    let verdict = watch.holds(100, &format!("x {}", "ä".repeat(500)));
    watch.facts.metrics = vec![watch.about("web", verdict)];
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
    assert_eq!(watch.at(200), ["web: x at 3", "api is offline"]);
    // Now `web` is down too, and its incident of a metric stays by itself.
    watch.facts.projects.insert(slug("web"), down(210));
    watch.facts.projects.insert(slug("db"), down(215));
    watch.facts.dependencies.insert(slug("web"), vec![slug("db")]);
    assert_eq!(watch.at(300), ["web: x at 3", "db is offline"]);
    let of_db = watch.live.iter().find(|one| one.incident.title() == "db is offline").unwrap();
    assert_eq!(of_db.affected(), [&slug("api"), &slug("web")]);
}
