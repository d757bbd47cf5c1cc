use super::*;
use crate::incident::metric::{HeardValue, MetricRuleDraft, Streak};
use crate::metric::{Resolution, SampleValue};

fn at(second: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(second).unwrap()
}

fn rule(when: &str, key: &str, value: &str) -> Arc<MetricRule> {
    let set = |name: &str| (key == name).then(|| value.to_owned());
    let draft = MetricRuleDraft {
        name: "a".to_owned(),
        when: Some(when.to_owned()),
        hold: set("for"),
        increase: set("increase"),
        absent_for: set("absent_for"),
        severity: "info".to_owned(),
        ..MetricRuleDraft::default()
    };
    Arc::new(draft.parse().unwrap())
}

fn run(samples: &[(i64, f64)]) -> Run {
    let value = |number| SampleValue::number("v", number).unwrap();
    let resolution = Resolution::default();
    let (first, number) = samples[0];
    let mut run = Run::begin(resolution, &value(number), at(first), Source::Nats);
    for &(second, number) in &samples[1..] {
        assert!(run.add(resolution, &value(number), at(second), Source::Nats));
    }
    run
}

/// A series of which this value was observed and arrived at a second.
fn heard(second: i64, number: f64) -> Option<HeardValue> {
    let (at, arrived_at) = (at(second), at(second));
    Some(HeardValue { at, arrived_at, number: Some(number), source: Source::Nats })
}

fn evidence(runs: &[Run]) -> MetricEvidence<'_> {
    MetricEvidence {
        heard: None,
        streak: None,
        listening_since: at(0),
        absent_from: at(0),
        has_series: true,
        seen_within: std::time::Duration::ZERO,
        runs,
    }
}

fn streak(holds: bool, since: i64) -> Option<Streak> {
    Some(Streak { holds, since: at(since) })
}

fn shown(rule: &Arc<MetricRule>, evidence: &MetricEvidence<'_>, now: i64) -> String {
    match rule.verdict(evidence, at(now)) {
        Verdict::Holds { since, finding, .. } => {
            format!("holds {}: {finding}", since.unix_timestamp())
        }
        Verdict::Clear { since, .. } => format!("clear {}", since.unix_timestamp()),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_comparison_holds_since_the_arrival_of_the_first_value_that_fits() {
    let rule = rule("a.b > 0", "for", "10m");
    let mut known = evidence(&[]);
    // It was observed at 1,000 and arrived at 4,000.
    known.heard = heard(1_000, 3.0).map(|one| HeardValue { arrived_at: at(4_000), ..one });
    known.streak = streak(true, 4_000);
    assert_eq!(shown(&rule, &known, 4_010), "holds 4000: a.b at 3");
    known.streak = None;
    assert_eq!(shown(&rule, &known, 4_010), "Unknown", "the time is not known");
    known.heard = heard(5_000, 0.0);
    assert_eq!(shown(&rule, &known, 5_010), "clear 5000");
    known.streak = streak(false, 4_500);
    assert_eq!(shown(&rule, &known, 5_010), "clear 4500");
}

#[test]
fn a_value_from_before_a_gap_is_not_known() {
    let rules = [rule("a.b > 0", "", ""), rule("a.b", "increase", "3 within 1h")];
    let runs = [run(&[(100, 0.0), (110, 5.0)])];
    let mut known = evidence(&runs);
    (known.heard, known.streak) = (heard(110, 5.0), streak(true, 110));
    known.listening_since = at(200);
    for rule in &rules {
        assert_eq!(shown(rule, &known, 300), "Unknown");
    }
    known.heard = heard(210, 5.0);
    assert_eq!(shown(&rules[0], &known, 300), "Unknown", "the streak is from before the gap");
    known.streak = Some(Streak::after(known.streak, true, at(210), at(200)));
    assert_eq!(shown(&rules[0], &known, 300), "holds 210: a.b at 5", "not across the gap");
    known.streak = Some(Streak::after(known.streak, true, at(250), at(200)));
    assert_eq!(shown(&rules[0], &known, 300), "holds 210: a.b at 5");
    assert_eq!(
        shown(&rules[1], &known, 300),
        "holds 210: a.b rose from 0 to 5 within 1h",
        "the lower value is true whatever was missed"
    );
}

#[test]
fn a_restored_value_says_nothing_until_another_one_arrives() {
    let rule = rule("a.b > 0", "", "");
    let runs = [run(&[(100, 5.0)])];
    let known = MetricEvidence { listening_since: at(200), ..evidence(&runs) };
    assert_eq!(shown(&rule, &known, 300), "Unknown");
    assert_eq!(shown(&rule, &known, 50_000), "Unknown");
    assert_eq!(shown(&rule, &known, 86_501), "Gone", "it is stale");
    let late = MetricEvidence { listening_since: at(86_400), ..known };
    assert_eq!(shown(&rule, &late, 86_999), "Unknown", "the service has just begun to listen");
}

#[test]
fn a_newer_value_of_another_replica_counts() {
    let rule = rule("a.b > 0", "for", "10m");
    let mut known = evidence(&[]);
    (known.heard, known.streak) = (heard(100, 5.0), streak(true, 100));
    assert_eq!(shown(&rule, &known, 800), "holds 100: a.b at 5");
    let cleared = [run(&[(700, 0.0)])];
    known.runs = &cleared;
    assert_eq!(shown(&rule, &known, 800), "clear 800");
    let higher = [run(&[(700, 7.0)])];
    known.runs = &higher;
    assert_eq!(shown(&rule, &known, 800), "holds 800: a.b at 7", "since when is not known");
}

#[test]
fn a_value_of_another_replica_that_does_not_fit_begins_the_time_again() {
    let rule = rule("a.b > 0", "for", "10m");
    let runs = [run(&[(300, 0.0), (310, 4.0)]), run(&[(400, 5.0)])];
    let mut known = evidence(&runs);
    (known.heard, known.streak) = (heard(400, 5.0), streak(true, 100));
    assert_eq!(shown(&rule, &known, 800), "holds 310: a.b at 5");
}

#[test]
fn an_increase_compares_with_the_lowest_value_within_its_time() {
    let rule = rule("a.b", "increase", "3 within 1h");
    let runs = [
        run(&[(1_000, 9.0)]),
        run(&[(2_000, 2.0)]),
        run(&[(2_400, 1.0), (2_410, 4.0)]),
        run(&[(3_000, 5.0)]),
    ];
    let mut known = evidence(&runs);
    known.heard = heard(3_000, 5.0);
    assert_eq!(shown(&rule, &known, 3_100), "holds 3000: a.b rose from 1 to 5 within 1h");
    assert_eq!(shown(&rule, &known, 6_005), "Unknown", "1 may have been before the hour");
    assert_eq!(shown(&rule, &known, 6_020), "clear 6020");
    known.streak = streak(false, 6_020);
    assert_eq!(shown(&rule, &known, 6_100), "clear 6020");
    let restarted = [run(&[(100, 100.0)]), run(&[(160, 0.0)]), run(&[(220, 2.0)])];
    let known = MetricEvidence { heard: heard(220, 2.0), ..evidence(&restarted) };
    assert_eq!(shown(&rule, &known, 230), "clear 230", "a counter that starts again");
}

#[test]
fn an_absence_counts_from_the_last_arrival_or_the_start() {
    let rule = rule("a.b", "absent_for", "1h");
    let runs = [run(&[(100, 5.0)])];
    let mut known = MetricEvidence { listening_since: at(1_000), ..evidence(&runs) };
    assert_eq!(shown(&rule, &known, 4_599), "Unknown");
    assert_eq!(shown(&rule, &known, 4_600), "holds 1000: a.b missing for 1h");
    // The value was observed long before it arrived.
    known.heard = heard(900, 5.0).map(|one| HeardValue { arrived_at: at(2_000), ..one });
    assert_eq!(shown(&rule, &known, 5_599), "clear 5599");
    assert_eq!(shown(&rule, &known, 5_600), "holds 2000: a.b missing for 1h");
    known.absent_from = at(3_000);
    assert_eq!(shown(&rule, &known, 6_600), "holds 3000: a.b missing for 1h");
    let never = MetricEvidence { has_series: false, ..evidence(&[]) };
    assert_eq!(shown(&rule, &never, 500), "Unknown");
    assert_eq!(shown(&rule, &never, 5_000), "Gone", "a metric that never arrived is not missed");
}

#[test]
fn an_absence_is_shorter_than_the_age_of_the_newest_value() {
    let rule = rule("a.b", "absent_for", "2m");
    let runs = [run(&[(100, 5.0)]), run(&[(950, 5.0)])];
    let known = MetricEvidence { heard: heard(100, 5.0), ..evidence(&runs) };
    assert_eq!(shown(&rule, &known, 1_000), "clear 1000", "another replica received it");
    assert_eq!(shown(&rule, &known, 1_070), "holds 950: a.b missing for 2m");
    let slow = MetricEvidence { seen_within: std::time::Duration::from_secs(140), ..known };
    assert_eq!(shown(&rule, &slow, 1_089), "clear 1089", "a later value may not be stored yet");
    assert_eq!(shown(&rule, &slow, 1_090), "holds 950: a.b missing for 2m");
}

#[test]
fn a_text_tells_nothing() {
    let rule = rule("a.b > 0", "", "");
    let mut known = evidence(&[]);
    known.heard = heard(100, 5.0).map(|one| HeardValue { number: None, ..one });
    known.streak = streak(false, 100);
    assert_eq!(shown(&rule, &known, 110), "Unknown");
}

#[test]
fn a_finding_is_short_whatever_the_number_is() {
    for (number, expected) in [
        (f64::MAX, "1.7976931348623157e308"),
        (-1e308, "-1e308"),
        (1e15, "1e15"),
        (999_999_999_999_999.0, "999999999999999"),
        (5e-324, "5e-324"),
        (1e-6, "0.000001"),
        (0.0, "0"),
        (0.5, "0.5"),
    ] {
        assert_eq!(Shown(number).to_string(), expected);
    }
}
