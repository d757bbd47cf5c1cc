//! Simulates the liveness rule: one project, one source, and gaps of any kind, length and period.
//!
//! `LIVENESS_CASES=16000 cargo test --release -p federation-domain` runs more cases.

use std::time::Duration;

use fastrand::Rng;
use federation_domain::{
    HeartbeatInterval, ListeningClock, LivenessRule, Monotonic, ProjectStatus, Proof, Reading,
    SETTLE, Thresholds,
};

/// Minimum number of intervals per case.
const INTERVALS: f64 = 15.0;

/// Maximum number of proofs of hearing per case. Limits the run time of a case.
const MAX_PROOFS: usize = 400_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    /// The process is paused; the connection survives.
    Stall,
    /// The connection is lost, or the process restarts.
    Cut,
}

/// A value between the bounds whose logarithm is evenly distributed.
fn log_uniform(rng: &mut Rng, low: f64, high: f64) -> f64 {
    (low.ln() + rng.f64() * (high.ln() - low.ln())).exp()
}

/// Gaps that recur.
struct Gaps {
    cut_share: f64,
    period: f64,
    length: f64,
    is_regular: bool,
}

impl Gaps {
    fn draw(rng: &mut Rng, interval: f64) -> Self {
        let locked = interval * f64::from(rng.u32(1..=6)) / f64::from(rng.u32(1..=6));
        let free = log_uniform(rng, (interval / 20.0).max(0.3), interval * 10.0);
        Self {
            cut_share: [0.0, 0.5, 1.0][rng.usize(0..3)],
            period: if rng.f64() < 0.3 { locked.max(0.3) } else { free },
            length: log_uniform(rng, 0.01, (interval * 3.0).max(0.1)),
            is_regular: rng.bool(),
        }
    }

    fn kind(&self, rng: &mut Rng) -> Gap {
        if rng.f64() < self.cut_share { Gap::Cut } else { Gap::Stall }
    }

    fn vary(&self, rng: &mut Rng, value: f64) -> f64 {
        if self.is_regular { value } else { value * (0.3 + 1.4 * rng.f64()) }
    }
}

struct Case {
    rng: Rng,
    interval: f64,
    thresholds: Thresholds,
    clock: ListeningClock,
    heard: Reading,
    status: ProjectStatus,
    next_beat: f64,
    /// Time at which the project stops, if it does.
    dies_at: f64,
    /// Time from which the publisher's connection is up again.
    connected_from: f64,
}

/// Result of a case.
struct Outcome {
    /// Time at which a live project was reported offline.
    wrong_at: Option<f64>,
    /// Silence at which a dead project was reported offline, in intervals.
    found_after: Option<f64>,
    /// Silence at which a dead project was due but neither offline nor shown as unknown.
    missed: Option<Duration>,
}

impl Case {
    fn new(seed: u64, dies: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let own = HeartbeatInterval::from_seconds(log_uniform(&mut rng, 0.1, 86_400.0)).unwrap();
        let interval = own.get().as_secs_f64();
        let mut case = Self {
            interval,
            thresholds: LivenessRule::default().thresholds(Some(own)),
            clock: ListeningClock::default(),
            heard: Reading::default(),
            status: ProjectStatus::Online,
            next_beat: rng.f64() * interval,
            dies_at: if dies { interval * (2.0 + 3.0 * rng.f64()) } else { f64::INFINITY },
            connected_from: rng.f64() * SETTLE.as_secs_f64(),
            rng,
        };
        case.hear_through(0.0, true);
        case
    }

    fn hear_through(&mut self, at: f64, unbroken: bool) {
        let heard_through = Monotonic(Duration::from_secs_f64(at));
        self.clock.hear(Proof { heard_through, unbroken });
    }

    /// Sends the heartbeats that are due before `until`. They arrive when they are sent, or at
    /// the end of the stall `delivered_at`, or are lost.
    fn send_until(&mut self, until: f64, delivered_at: Option<f64>) {
        while self.next_beat < until {
            let sent = self.next_beat;
            self.next_beat += self.interval * (0.95 + 0.1 * self.rng.f64());
            if sent >= self.connected_from && sent < self.dies_at {
                let at = delivered_at.unwrap_or(sent);
                let reading = self.clock.reading_at(Monotonic(Duration::from_secs_f64(at)));
                self.heard = self.heard.max(reading);
                self.status = ProjectStatus::Online;
            }
        }
    }

    fn run(mut self) -> Outcome {
        let gaps = Gaps::draw(&mut self.rng, self.interval);
        let tick = if self.interval > 60.0 { 1.0 } else { 0.25 };
        let mut outcome = Outcome { wrong_at: None, found_after: None, missed: None };
        let mut now = 0.0;
        let mut next_gap = self.rng.f64() * gaps.period;
        for _ in 0..MAX_PROOFS {
            if now > INTERVALS * self.interval + 60.0 && self.dies_at.is_infinite() {
                break;
            }
            let mut unbroken = true;
            if now >= next_gap {
                let end = now + gaps.vary(&mut self.rng, gaps.length);
                next_gap = end + gaps.vary(&mut self.rng, gaps.period);
                unbroken = gaps.kind(&mut self.rng) == Gap::Stall;
                if !unbroken {
                    self.connected_from = end + SETTLE.as_secs_f64() * self.rng.f64();
                }
                now = end;
                self.send_until(now, Some(end));
            } else {
                now += tick;
                self.send_until(now, None);
            }
            self.hear_through(now, unbroken);
            self.judge(now, &mut outcome);
            if outcome.wrong_at.or(outcome.found_after).is_some() {
                break;
            }
        }
        outcome
    }

    fn judge(&mut self, now: f64, outcome: &mut Outcome) {
        let evidence = self.clock.evidence_since(self.heard);
        self.status = self.thresholds.after_silence(self.status, evidence);
        let thresholds = &self.thresholds;
        let due = thresholds.offline_after * if evidence.cuts == 0 { 1 } else { 2 };
        match self.status {
            ProjectStatus::Offline if now < self.dies_at => outcome.wrong_at = Some(now),
            ProjectStatus::Offline => {
                outcome.found_after = Some(evidence.silence.as_secs_f64() / self.interval);
            }
            _ if evidence.silence >= due && !evidence.is_dominated_by_cuts() => {
                outcome.missed = Some(evidence.silence);
            }
            _ => {}
        }
    }
}

fn cases() -> u64 {
    std::env::var("LIVENESS_CASES").map_or(64, |cases| cases.parse().expect("a number of cases"))
}

#[test]
fn a_live_project_is_never_offline_whatever_the_pattern_of_gaps() {
    let wrong: Vec<_> = (0..cases())
        .filter_map(|seed| Some((seed, Case::new(seed, false).run().wrong_at?)))
        .collect();
    assert!(wrong.is_empty(), "offline though alive, as (seed, seconds): {wrong:?}");
}

#[test]
fn a_dead_project_is_offline_in_time_or_not_known() {
    let mut found_after = Vec::new();
    for seed in 0..cases() {
        let outcome = Case::new(seed, true).run();
        assert_eq!(outcome.wrong_at, None, "seed {seed}: offline though alive");
        assert_eq!(outcome.missed, None, "seed {seed}: dead, but neither offline nor unknown");
        found_after.extend(outcome.found_after);
    }
    found_after.sort_by(f64::total_cmp);
    let median = found_after[found_after.len() / 2];
    println!("{} of {} found, median after {median:.2} intervals", found_after.len(), cases());
}
