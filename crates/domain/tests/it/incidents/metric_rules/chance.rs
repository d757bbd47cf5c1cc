//! Simulates metric rules: values that arrive late, gaps, a killed process, and another replica whose
//! values are known only through the store. A model keeps every value and says what is true.

use std::collections::BTreeMap;

use super::*;

/// Time after which the store has the samples of a window.
const STORED_AFTER: u64 = 70;

const STEPS: usize = 300;

/// A value in truth.
#[derive(Debug, Clone, Copy)]
struct Sample {
    observed: u64,
    arrived: u64,
    number: f64,
    to: Receiver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Receiver {
    /// The replica that evaluates.
    Own,
    /// Another replica.
    Other,
    /// None, because the replica had no connection.
    Lost,
}

struct Chance {
    random: fastrand::Rng,
    watch: Watch,
    samples: Vec<Sample>,
    now: u64,
    /// End of the current gap, in which the replica hears nothing.
    deaf_until: u64,
    /// Start of the process. What it had not stored before is lost.
    started: u64,
    /// End of the time in which another replica receives everything.
    elsewhere_until: u64,
    was_open: bool,
}

impl Chance {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let drafts = [
            rule("a", "x > 2", None),
            rule("a", "x > 2", Some("5m")),
            MetricRuleDraft { increase: Some("3 within 10m".to_owned()), ..rule("a", "x", None) },
            MetricRuleDraft { absent_for: Some("5m".to_owned()), ..rule("a", "x", None) },
        ];
        let mut watch = Watch::of(&drafts[random.usize(0..drafts.len())]);
        watch.listening_since = at(1_000);
        Self {
            random,
            watch,
            samples: Vec::new(),
            now: 1_000,
            deaf_until: 0,
            started: 1_000,
            elsewhere_until: 0,
            was_open: false,
        }
    }

    fn happens(&mut self, percent: f64) -> bool {
        self.random.f64() * 100.0 < percent
    }

    /// Lets some seconds pass, and things happen.
    fn step(&mut self) {
        let before = self.now;
        self.now += self.random.u64(1..30);
        if self.deaf_until > before && self.now >= self.deaf_until {
            self.watch.listening_since = at(self.now);
        }
        if self.happens(1.0) && self.hears() {
            self.deaf_until = self.now + self.random.u64(1..200);
        }
        if self.happens(0.7) {
            // Killed with all that it had not stored, and started again.
            self.started = self.now;
            (self.watch.heard, self.watch.streak, self.watch.elsewhere) = (None, None, None);
            self.watch.listening_since = at(self.now);
        }
        if self.happens(0.7) {
            self.elsewhere_until = self.now + self.random.u64(60..400);
        }
        let is_quiet = self.now % 3_000 > 2_200;
        if self.happens(40.0) && !is_quiet {
            self.report();
        }
    }

    fn hears(&self) -> bool {
        self.now >= self.deaf_until
    }

    fn report(&mut self) {
        let number = f64::from(self.random.u8(0..10)) / 2.0;
        let number = if self.happens(70.0) { 4.0 } else { number };
        let age = if self.happens(10.0) { self.random.u64(0..900) } else { 0 };
        let to = match (self.now < self.elsewhere_until, self.hears()) {
            (true, _) => Receiver::Other,
            (false, true) => Receiver::Own,
            (false, false) => Receiver::Lost,
        };
        let observed = self.now - age.min(self.now - 1);
        self.send(Sample { observed, arrived: self.now, number, to });
    }

    fn send(&mut self, sample: Sample) {
        self.samples.push(sample);
        if sample.to == Receiver::Own {
            self.watch.hear(at(sample.observed), at(sample.arrived), sample.number);
        }
    }

    /// Returns `true` if the store has a sample, unless the run of another replica took its place.
    fn is_stored(&self, sample: &Sample) -> bool {
        let window_end = sample.arrived / 60 * 60;
        let is_due = |until: u64| window_end + STORED_AFTER <= until;
        let was_killed = sample.arrived < self.started && !is_due(self.started);
        match sample.to {
            Receiver::Own => is_due(self.now) && !was_killed,
            Receiver::Other => is_due(self.now),
            Receiver::Lost => false,
        }
    }

    /// The runs in the store: for each window, the one of the replica with more samples.
    fn stored(&self) -> Vec<Run> {
        let mut windows: BTreeMap<(u64, bool), Run> = BTreeMap::new();
        for sample in self.samples.iter().filter(|one| self.is_stored(one)) {
            let key = (sample.observed / 60, sample.to == Receiver::Own);
            let value = SampleValue::number("v", sample.number).unwrap();
            let add = |run: &mut Run| {
                run.add(Resolution::default(), &value, at(sample.observed), Source::Nats);
            };
            let new = || run(at(sample.observed), sample.number);
            windows.entry(key).and_modify(add).or_insert_with(new);
        }
        let mut runs: BTreeMap<u64, Run> = BTreeMap::new();
        for ((window, _), run) in windows {
            let known = runs.entry(window).or_insert_with(|| run.clone());
            if run.samples > known.samples {
                *known = run;
            }
        }
        runs.into_values().collect()
    }

    fn decide(&mut self) {
        self.watch.runs = self.stored();
        let own = self.samples.iter().filter(|one| {
            one.to == Receiver::Own && one.arrived >= self.started && !self.is_stored(one)
        });
        let own: Vec<Run> = own.map(|one| run(at(one.observed), one.number)).collect();
        self.watch.runs.extend(own);
        let is_open =
            if self.hears() { !self.watch.at(self.now).is_empty() } else { self.was_open };
        match (self.was_open, is_open) {
            (false, true) => self.check_opened(),
            (true, false) => self.check_resolved(),
            _ => {}
        }
        self.was_open = is_open;
    }

    /// The samples that can be known, and those that were lost. A sample that only another replica
    /// received is missing until the store has it.
    fn truth(&self) -> Vec<Sample> {
        let runs = &self.watch.runs;
        let is_seen = |one: &&Sample| {
            let observed = at(one.observed);
            let holds = |run: &Run| {
                run.observed_at <= observed
                    && observed <= run.until_at
                    && run.numbers.is_some_and(|all| all.min <= one.number && one.number <= all.max)
            };
            one.to != Receiver::Other || runs.iter().any(holds)
        };
        self.samples.iter().filter(is_seen).copied().collect()
    }

    fn check_opened(&self) {
        let (truth, now, rule) = (self.truth(), self.now, &self.watch.rule);
        let Some(newest) = truth.iter().max_by_key(|one| (one.observed, one.arrived)) else {
            panic!("opened at {now} without a value");
        };
        let is_newest = |one: &&Sample| {
            let earlier = truth.iter().filter(|other| other.arrived < one.arrived);
            earlier.map(|other| other.observed).max().is_none_or(|at| one.observed >= at)
        };
        match rule.condition {
            MetricCondition::Compare { .. } => {
                let hold = rule.hold.as_secs();
                let counted: Vec<&Sample> = truth.iter().filter(is_newest).collect();
                let recent = counted.iter().filter(|one| one.arrived + hold > now);
                let before = counted.iter().filter(|one| one.arrived + hold <= now);
                assert!(newest.number > 2.0, "opened at {now} although {newest:?}");
                assert!(recent.clone().all(|one| one.number > 2.0), "opened at {now}: {truth:?}");
                let before = before.max_by_key(|one| (one.observed, one.arrived));
                let is_held = before.is_some_and(|one| one.number > 2.0);
                assert!(is_held, "opened too early at {now}: {:?}", self.recent());
            }
            MetricCondition::Increase { by, within } => {
                let start = now - within.as_secs();
                let low = truth.iter().filter(|one| one.observed >= start).map(|one| one.number);
                let low = low.fold(f64::INFINITY, f64::min);
                assert!(newest.number - low >= by, "opened at {now}: {newest:?} after {low}");
            }
            MetricCondition::Absent { after } => {
                let arrivals =
                    truth.iter().filter(|one| one.to == Receiver::Other).filter(is_newest);
                let others = arrivals.map(|one| one.arrived).max().unwrap_or(0);
                let heard = self.samples.iter().filter(|one| one.to != Receiver::Other);
                let heard = heard.map(|one| one.arrived).max().unwrap_or(0);
                assert!(now - heard.max(others) >= after.as_secs(), "opened at {now}: {truth:?}");
            }
        }
    }

    /// The samples of the last minutes.
    fn recent(&self) -> Vec<Sample> {
        self.samples.iter().filter(|one| one.arrived + 900 > self.now).copied().collect()
    }

    fn check_resolved(&self) {
        if let (MetricCondition::Compare { .. }, false) =
            (&self.watch.rule.condition, self.watch.events.contains(&"metric_gone"))
        {
            let truth = self.truth();
            let newest = truth.iter().max_by_key(|one| (one.observed, one.arrived)).unwrap();
            assert!(newest.number <= 2.0, "resolved at {} although {newest:?}", self.now);
        }
    }

    /// Reports the same value without disturbances, for as long as any rule needs.
    fn calm(&mut self, number: Option<f64>) {
        (self.deaf_until, self.elsewhere_until) = (0, 0);
        self.watch.listening_since = self.watch.listening_since.max(at(self.now));
        for _ in 0..60 {
            self.now += 15;
            if let Some(number) = number {
                let (observed, arrived, to) = (self.now, self.now, Receiver::Own);
                self.send(Sample { observed, arrived, number, to });
            }
            self.decide();
        }
    }
}

#[test]
fn an_incident_of_a_rule_opens_and_resolves_only_by_what_is_true() {
    let mut opened = [0; 4];
    for seed in 0..120 {
        let mut chance = Chance::new(seed);
        for _ in 0..STEPS {
            chance.step();
            chance.decide();
        }
        // Whatever happened before, the rule is right in the end.
        let (good, bad) = match chance.watch.rule.condition {
            MetricCondition::Absent { .. } => (Some(1.0), None),
            _ => (Some(1.0), Some(9.0)),
        };
        chance.calm(good);
        assert!(!chance.was_open, "seed {seed}: {:?}", chance.watch.rule);
        chance.calm(bad);
        let stays = !matches!(chance.watch.rule.condition, MetricCondition::Increase { .. });
        assert!(chance.was_open || !stays, "seed {seed}: {:?}", chance.watch.rule);
        let mut open = 0;
        for (_, notice) in &chance.watch.notices {
            open += if *notice == Resolved { -1 } else { 1 };
            assert!(open == 0 || open == 1, "seed {seed}: {:?}", chance.watch.notices);
        }
        let kind = match (&chance.watch.rule.condition, chance.watch.rule.hold.is_zero()) {
            (MetricCondition::Compare { .. }, true) => 0,
            (MetricCondition::Compare { .. }, false) => 1,
            (MetricCondition::Increase { .. }, _) => 2,
            (MetricCondition::Absent { .. }, _) => 3,
        };
        opened[kind] += chance.watch.notices.iter().filter(|(_, one)| *one == Opened).count();
    }
    assert!(opened.iter().all(|count| *count > 10), "{opened:?}");
}
