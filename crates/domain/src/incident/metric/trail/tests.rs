use super::*;
use crate::metric::{Resolution, SampleValue};

const LIMITS: TrailLimits = TrailLimits {
    horizon: Duration::hours(1),
    fresh_for: Duration::minutes(5),
    absent_after: Duration::minutes(10),
};

fn at(seconds: i64) -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
}

fn sample(seconds: i64, number: f64) -> TrailSample {
    let at = at(seconds);
    TrailSample { at, arrived_at: at, number: Some(number), source: Source::Http }
}

fn trail(samples: &[(i64, f64)]) -> MetricTrail {
    let mut samples = samples.iter().map(|&(at, number)| sample(at, number));
    let mut trail = MetricTrail::begin(&samples.next().unwrap());
    for sample in samples {
        trail.observe(&sample, &LIMITS);
    }
    trail
}

fn run(samples: &[(i64, f64)]) -> Run {
    let value = |number| SampleValue::number("v", number).unwrap();
    let (first, resolution) = (samples[0], Resolution::default());
    let mut run = Run::begin(resolution, &value(first.1), at(first.0), Source::Nats);
    for &(seconds, number) in &samples[1..] {
        assert!(run.add(resolution, &value(number), at(seconds), Source::Nats));
    }
    run
}

fn gap(until: i64) -> SampleGap {
    SampleGap { from: at(until), until: at(until), is_start: false }
}

/// The smallest number since a second, and whether all values since then are known.
fn lowest(trail: &MetricTrail, start: i64) -> (Option<f64>, bool) {
    (trail.lowest_since(at(start), &LIMITS), trail.is_known_since(at(start)))
}

#[test]
fn values_fit_since_the_last_one_that_does_not() {
    let trail = trail(&[(0, 0.0), (60, 3.0), (120, 3.0), (180, 5.0)]);
    assert_eq!(trail.since(&LIMITS, |(min, _)| min > 0.0), Some(at(60)));
    assert_eq!(trail.since(&LIMITS, |(min, _)| min > 4.0), Some(at(180)));
    assert_eq!(trail.since(&LIMITS, |(min, _)| min > 5.0), None);
}

#[test]
fn a_time_in_which_the_value_was_stale_does_not_count() {
    let trail = trail(&[(0, 3.0), (60, 3.0), (361, 3.0), (400, 3.0)]);
    assert_eq!(trail.since(&LIMITS, |(min, _)| min > 0.0), Some(at(361)));
}

#[test]
fn the_value_before_the_start_counts_until_the_next_one() {
    let known = trail(&[(0, 2.0), (100, 9.0)]);
    assert_eq!(lowest(&known, 99), (Some(2.0), true));
    assert_eq!(lowest(&known, 100), (Some(9.0), true));
    let stale = trail(&[(0, 2.0), (1_000, 9.0)]);
    assert_eq!(lowest(&stale, 999), (Some(9.0), true), "it was stale by then");
    assert_eq!(lowest(&stale, -1), (Some(2.0), false));
}

#[test]
fn a_trail_is_bounded_however_often_the_value_changes() {
    let mut trail = trail(&[(0, 0.0)]);
    for second in 1..20_000 {
        let number = (second % 7 != 0).then_some(f64::from(second));
        trail.observe(&TrailSample { number, ..sample(i64::from(second), 0.0) }, &LIMITS);
    }
    assert!(trail.steps.len() <= 130, "{}", trail.steps.len());
    assert!(trail.first().from <= at(20_000 - 3_600));
    assert_eq!(trail.since(&LIMITS, |_| true), None, "a text is no number");
}

#[test]
fn a_run_becomes_its_last_value_and_the_extremes_before() {
    let trail = MetricTrail::of_run(&run(&[(0, 4.0), (10, 1.0), (20, 3.0)]), &LIMITS);
    assert_eq!((trail.number(), trail.until()), (Some(3.0), at(20)));
    assert_eq!(lowest(&trail, 5).0, Some(1.0));
    let constant = MetricTrail::of_run(&run(&[(0, 4.0), (300, 4.0)]), &LIMITS);
    assert_eq!(constant.since(&LIMITS, |(min, _)| min > 3.0), Some(at(0)));
}

#[test]
fn what_the_store_knows_completes_a_trail() {
    let mut known = trail(&[(200, 9.0), (260, 9.0)]);
    assert_eq!(lowest(&known, 30), (Some(9.0), false));
    let runs = [run(&[(0, 2.0)]), run(&[(60, 8.0), (70, 7.0)]), run(&[(190, 9.0), (250, 9.0)])];
    known.recall(&runs, (at(-1_000), at(260)), &LIMITS);
    assert_eq!(lowest(&known, 30), (Some(2.0), true));
    assert_eq!(known.since(&LIMITS, |(min, _)| min >= 7.0), Some(at(60)));
    assert_eq!((known.until(), known.needs_recall(at(260))), (at(260), false));
    known.recall(&[run(&[(300, 1.0)])], (at(-1_000), at(300)), &LIMITS);
    assert_eq!(known.number(), Some(1.0), "another replica received a newer value");
}

#[test]
fn an_older_run_is_put_in_front() {
    let mut known = trail(&[(200, 9.0)]);
    known.precede(&run(&[(0, 2.0), (60, 2.0)]));
    known.precede(&run(&[(180, 1.0), (190, 1.0)]));
    assert_eq!(lowest(&known, 100), (Some(2.0), true));
}

#[test]
fn after_a_gap_the_values_are_unknown_until_the_store_is_asked_or_a_sample_arrives() {
    let mut known = trail(&[(0, 2.0), (60, 3.0)]);
    known.recall([], (at(-1_000), at(60)), &LIMITS);
    assert!(lowest(&known, -500).1 && !known.needs_recall(at(60)));
    known.note_gap(gap(100));
    assert!(known.is_outdated() && !lowest(&known, 30).1);
    assert!(!known.needs_recall(at(99)), "the store may not have its values yet");
    assert!(known.needs_recall(at(100)));
    let mut asked = known.clone();
    asked.recall([], (at(-1_000), at(99)), &LIMITS);
    assert!(asked.is_outdated(), "too early");
    asked.recall([], (at(-1_000), at(100)), &LIMITS);
    assert!(!asked.is_outdated() && lowest(&asked, 30).1 && asked.missed_until().is_none());
    assert!(known.observe(&sample(110, 3.0), &LIMITS), "a repeated value is news");
    assert!(!known.is_outdated() && !lowest(&known, 30).1);
    assert!(lowest(&known, 101).1, "the gap is older");
    assert_eq!(known.missed_until(), Some(at(100)));
}

#[test]
fn an_absence_is_measured_by_arrivals() {
    let mut known = trail(&[(0, 2.0)]);
    // A value that was observed long before it arrived.
    let late = TrailSample { at: at(10), ..sample(500, 3.0) };
    known.observe(&late, &LIMITS);
    assert_eq!((known.quiet_since(), known.arriving_since()), (at(500), Some(at(0))));
    known.note_arrival(at(1_100), &LIMITS);
    known.note_arrival(at(1_200), &LIMITS);
    assert_eq!((known.quiet_since(), known.arriving_since()), (at(1_200), Some(at(1_100))));
    known.note_gap(gap(1_500));
    assert_eq!((known.quiet_since(), known.arriving_since()), (at(1_500), None));
    known.observe(&sample(1_900, 3.0), &LIMITS);
    assert_eq!((known.quiet_since(), known.arriving_since()), (at(1_900), Some(at(1_900))));
    known.note_gap(SampleGap { from: at(2_000), until: at(2_000), is_start: true });
    assert!(known.is_outdated());
    assert_eq!((known.quiet_since(), known.arriving_since()), (at(1_900), Some(at(1_900))));
}
