//! The recent history of one series, in little memory.

use std::collections::VecDeque;

use time::{Duration, OffsetDateTime};

use crate::heartbeat::Source;
use crate::metric::Run;

/// Number of parts of the horizon in which older values are aggregated.
const PARTS: i32 = 64;

/// Longest gap in which a value counts as unchanged although no replica received one.
const BRIDGED: Duration = Duration::seconds(10);

/// Smallest and largest number of some samples, or `None` if one of them is a text.
type Extremes = Option<(f64, f64)>;

/// Consecutive samples.
#[derive(Debug, Clone, Copy, PartialEq)]
struct TrailStep {
    /// Time of the first sample.
    from: OffsetDateTime,
    /// Time of the last sample.
    until: OffsetDateTime,
    extremes: Extremes,
}

/// Times that bound a trail. All trails of a metric have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrailLimits {
    /// Time for which values are kept.
    pub horizon: Duration,
    /// Age at which a value counts as stale.
    pub fresh_for: Duration,
    /// Shortest time without a sample that a rule counts as an absence.
    pub absent_after: Duration,
}

/// A sample of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrailSample {
    /// Time at which it was observed.
    pub at: OffsetDateTime,
    /// Time at which it arrived, by the clock of the service.
    pub arrived_at: OffsetDateTime,
    /// Value, or `None` for a text.
    pub number: Option<f64>,
    /// Transport over which it arrived.
    pub source: Source,
}

/// A time in which samples may have been missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleGap {
    /// Its beginning, or its end if that is not known.
    pub from: OffsetDateTime,
    /// Its end.
    pub until: OffsetDateTime,
    /// It ended with the start of the service. The listening periods tell how much of it counts as an
    /// absence.
    pub is_start: bool,
}

/// A gap, and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq)]
struct TrailGap {
    from: OffsetDateTime,
    until: OffsetDateTime,
    is_start: bool,
    /// A sample has arrived since.
    is_over: bool,
    /// What the store knows of it was added.
    is_filled: bool,
    /// The store has a value that another replica received in it.
    is_covered: bool,
}

impl TrailGap {
    fn contains(&self, run: &Run) -> bool {
        run.until_at > self.from && run.observed_at <= self.until
    }
}

/// The recent history of one series. A value counts until the next one arrives or it is stale.
///
/// Older values that counted only for a short time are aggregated in parts of the horizon, so a time that
/// is derived from them may be late by a 64th of it.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricTrail {
    steps: VecDeque<TrailStep>,
    /// The newest value, with the time since which it repeats.
    newest: TrailStep,
    source: Source,
    /// Time at which the newest sample arrived.
    arrived_at: OffsetDateTime,
    /// Arrival of the first sample after the last absence.
    resumed_at: OffsetDateTime,
    /// The last gap.
    gap: Option<TrailGap>,
    /// Time since which no value is missing, as far as the store knows.
    complete_since: Option<OffsetDateTime>,
}

impl MetricTrail {
    /// Creates a trail that begins with a sample.
    #[must_use]
    pub fn begin(sample: &TrailSample) -> Self {
        let newest = TrailStep::at(sample.at, sample.number);
        Self::new(newest, sample.source, (sample.arrived_at, sample.arrived_at))
    }

    /// Creates a trail from a run. Its samples count as arrived when they were observed.
    #[must_use]
    pub fn of_run(run: &Run, limits: &TrailLimits) -> Self {
        let step = TrailStep::of(run);
        let mut trail = Self::new(step, run.source, (run.observed_at, run.until_at));
        trail.end_run(run, limits);
        trail
    }

    fn new(
        newest: TrailStep,
        source: Source,
        (resumed_at, arrived_at): (OffsetDateTime, OffsetDateTime),
    ) -> Self {
        let (steps, gap, complete_since) = (VecDeque::new(), None, None);
        Self { steps, newest, source, arrived_at, resumed_at, gap, complete_since }
    }

    /// Adds the newest sample. Returns `true` if the value differs from the one before, or is the first
    /// one after a gap.
    pub fn observe(&mut self, sample: &TrailSample, limits: &TrailLimits) -> bool {
        self.source = sample.source;
        let was_outdated = self.is_outdated();
        self.note_arrival(sample.arrived_at, limits);
        self.end_gap(sample.arrived_at);
        let step = TrailStep::at(sample.at.max(self.newest.until), sample.number);
        self.push(step, limits) || was_outdated
    }

    /// Notes that samples may have been missed. Until the next sample or until
    /// [`recall`](Self::recall), the newest value is not known.
    pub fn note_gap(&mut self, SampleGap { from, until, is_start }: SampleGap) {
        let (is_over, is_filled, is_covered) = (false, false, false);
        self.gap = Some(TrailGap { from, until, is_start, is_over, is_filled, is_covered });
        self.complete_since = None;
    }

    /// Adds a run that may be newer than all that is known. It is ignored if it is not.
    pub fn follow(&mut self, run: &Run, limits: &TrailLimits) {
        let step = TrailStep::of(run);
        if step.until > self.newest.until {
            self.push(TrailStep { from: step.from.max(self.newest.until), ..step }, limits);
            self.source = run.source;
            self.end_run(run, limits);
            self.note_arrival(run.until_at, limits);
            self.end_gap(run.until_at);
        }
    }

    /// Notes that a sample arrived, which need not be the newest one.
    pub fn note_arrival(&mut self, at: OffsetDateTime, limits: &TrailLimits) {
        if at - self.arrived_at >= limits.absent_after {
            self.resumed_at = at;
        }
        self.arrived_at = self.arrived_at.max(at);
    }

    fn end_gap(&mut self, at: OffsetDateTime) {
        if let Some(gap) = self.gap.as_mut().filter(|gap| at >= gap.until) {
            gap.is_over = true;
        }
    }

    /// Adds a run that may be older than all that is known. It is ignored if it is not.
    pub fn precede(&mut self, run: &Run) {
        let step = TrailStep::of(run);
        if step.until <= self.first().from {
            self.steps.push_front(step);
        }
    }

    /// Adds what the store knows: all runs since `from`, in order. The store has all samples that
    /// arrived until `settled_at`.
    pub fn recall<'a>(
        &mut self,
        runs: impl IntoIterator<Item = &'a Run>,
        (from, settled_at): (OffsetDateTime, OffsetDateTime),
        limits: &TrailLimits,
    ) {
        let (gap, mut is_covered) = (self.gap, false);
        let mut runs = runs.into_iter().inspect(|run| {
            is_covered |= gap.is_some_and(|gap| gap.contains(run));
        });
        if let Some(first) = runs.next() {
            let mut stored = Self::of_run(first, limits);
            for run in runs {
                stored.follow(run, limits);
            }
            if stored.newest.until > self.newest.until {
                self.note_arrival(stored.newest.until, limits);
                self.end_gap(stored.newest.until);
            }
            for step in self.steps.iter().chain([&self.newest]) {
                stored.push_later(*step, limits);
            }
            if self.newest.until < stored.newest.until {
                self.source = stored.source;
            }
            (self.steps, self.newest) = (stored.steps, stored.newest);
        }
        self.complete_since = Some(from);
        if let Some(gap) = self.gap.as_mut().filter(|gap| gap.until <= settled_at) {
            gap.is_filled = true;
            gap.is_covered = is_covered;
        }
    }

    /// Returns `true` if the store may know values that this trail lacks, and has all samples that
    /// arrived until `settled_at`.
    #[must_use]
    pub fn needs_recall(&self, settled_at: OffsetDateTime) -> bool {
        match self.gap.filter(|gap| !gap.is_filled) {
            Some(gap) => gap.until <= settled_at,
            None => self.complete_since.is_none(),
        }
    }

    /// Returns `true` if newer values than the newest one may have been missed.
    pub(super) fn is_outdated(&self) -> bool {
        self.gap.is_some_and(|gap| !gap.is_over && !gap.is_filled)
    }

    /// Returns the end of the last gap whose values are not known.
    pub(super) fn missed_until(&self) -> Option<OffsetDateTime> {
        self.gap.filter(|gap| !gap.is_filled).map(|gap| gap.until)
    }

    /// Returns the end of the last gap, if the time before it does not count. That is so if its values are
    /// not known, or if it was long and no replica received one in it.
    pub(super) fn unheard_until(&self) -> Option<OffsetDateTime> {
        let is_long = |gap: &TrailGap| gap.until - gap.from > BRIDGED;
        let is_unheard = |gap: &TrailGap| !gap.is_filled || (is_long(gap) && !gap.is_covered);
        self.gap.filter(is_unheard).map(|gap| gap.until)
    }

    /// Returns the time since which no sample arrived, although one could have.
    pub(super) fn quiet_since(&self) -> OffsetDateTime {
        let gap = self.gap.filter(|gap| !gap.is_over && !gap.is_start);
        gap.map_or(self.arrived_at, |gap| gap.until.max(self.arrived_at))
    }

    /// Returns the time since which samples have arrived without an absence, or `None` if that is not
    /// known since the last gap.
    pub(super) fn arriving_since(&self) -> Option<OffsetDateTime> {
        self.gap.is_none_or(|gap| gap.is_over || gap.is_start).then_some(self.resumed_at)
    }

    /// Returns the newest number.
    #[must_use]
    pub fn number(&self) -> Option<f64> {
        self.newest.extremes.map(|(number, _)| number)
    }

    /// Returns the time of the newest sample.
    #[must_use]
    pub fn until(&self) -> OffsetDateTime {
        self.newest.until
    }

    /// Returns the transport of the newest sample.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// Returns the time since which all values fit, without a time in which the newest one was stale.
    /// Returns `None` if the newest value does not fit.
    pub(super) fn since(
        &self,
        limits: &TrailLimits,
        fits: impl Fn((f64, f64)) -> bool,
    ) -> Option<OffsetDateTime> {
        let is_fit = |step: &TrailStep| step.extremes.is_some_and(&fits);
        if !is_fit(&self.newest) {
            return None;
        }
        let mut since = self.newest.from;
        for step in self.steps.iter().rev() {
            if !is_fit(step) || since - step.until > limits.fresh_for {
                break;
            }
            since = step.from;
        }
        Some(since)
    }

    /// Returns the smallest known number that counted at some time since `start`.
    pub(super) fn lowest_since(&self, start: OffsetDateTime, limits: &TrailLimits) -> Option<f64> {
        let mut lowest: Option<f64> = None;
        let mut next = OffsetDateTime::new_utc(time::Date::MAX, time::Time::MIDNIGHT);
        for step in [&self.newest].into_iter().chain(self.steps.iter().rev()) {
            let counted_until = next.min(step.until + limits.fresh_for);
            if let (Some((min, _)), true) = (step.extremes, counted_until > start) {
                lowest = Some(lowest.map_or(min, |lowest: f64| lowest.min(min)));
            }
            if step.from <= start {
                break;
            }
            next = step.from;
        }
        lowest
    }

    /// Returns `true` if all values that counted since `start` are known.
    pub(super) fn is_known_since(&self, start: OffsetDateTime) -> bool {
        let reaches_back = self.first().from <= start;
        self.missed_until().is_none_or(|until| until < start)
            && (reaches_back || self.complete_since.is_some_and(|since| since <= start))
    }

    fn first(&self) -> &TrailStep {
        self.steps.front().unwrap_or(&self.newest)
    }

    /// Adds a step that ends later than the newest sample, without its part before that.
    fn push_later(&mut self, step: TrailStep, limits: &TrailLimits) {
        if step.until > self.newest.until {
            self.push(TrailStep { from: step.from.max(self.newest.until), ..step }, limits);
        }
    }

    /// Makes the last value of a run with several values the newest one.
    fn end_run(&mut self, run: &Run, limits: &TrailLimits) {
        if !run.is_constant {
            self.push(TrailStep::at(run.until_at, run.last.as_number()), limits);
        }
    }

    /// Adds a step that begins after all others. Returns `true` unless it repeats the newest value.
    fn push(&mut self, step: TrailStep, limits: &TrailLimits) -> bool {
        let is_fresh = step.from - self.newest.until <= limits.fresh_for;
        if is_fresh && step.is_constant() && step.extremes == self.newest.extremes {
            self.newest.until = step.until;
            return false;
        }
        let older = std::mem::replace(&mut self.newest, step);
        let width = (limits.horizon / PARTS).max(Duration::SECOND);
        match self.steps.back_mut() {
            // Values that counted for long stay by themselves.
            Some(last)
                if step.from - last.from <= width
                    && older.from - last.until <= limits.fresh_for =>
            {
                last.until = older.until;
                last.extremes = last
                    .extremes
                    .zip(older.extremes)
                    .map(|(one, other)| (one.0.min(other.0), one.1.max(other.1)));
            }
            _ => self.steps.push_back(older),
        }
        self.drop_old(limits);
        true
    }

    /// Drops the steps that counted only before the horizon.
    fn drop_old(&mut self, limits: &TrailLimits) {
        let start = self.newest.until - limits.horizon;
        while !self.steps.is_empty() {
            let next = self.steps.get(1).unwrap_or(&self.newest);
            if next.from > start {
                break;
            }
            self.steps.pop_front();
        }
    }
}

impl TrailStep {
    fn at(at: OffsetDateTime, number: Option<f64>) -> Self {
        Self { from: at, until: at, extremes: number.map(|number| (number, number)) }
    }

    fn of(run: &Run) -> Self {
        let extremes = run.numbers.map(|numbers| (numbers.min, numbers.max));
        Self { from: run.observed_at, until: run.until_at, extremes }
    }

    fn is_constant(&self) -> bool {
        self.extremes.is_none_or(|(min, max)| min == max)
    }
}

#[cfg(test)]
mod tests;
