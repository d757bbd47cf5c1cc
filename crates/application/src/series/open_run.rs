//! The newest run of a series, which more samples may join.

use federation_domain::{Numbers, Resolution, Run, Sample, Source};
use time::OffsetDateTime;

use super::live::SampledAt;

/// The newest run of a series.
///
/// Of two rows with the same first window, the store keeps the one with more samples. This is only
/// right if a row has all samples of that window that its process received, and if a row with a
/// part of them is not longer than the window. Hence a window is not divided between two runs, and
/// a run whose first window may lack samples ends with it.
pub(super) struct OpenRun {
    run: Run,
    /// The part in the windows before the last one, if the run has several.
    earlier: Option<Box<Earlier>>,
    /// Number of samples that the store has.
    stored: u64,
    received: Received,
}

/// Part of a run before its last window.
struct Earlier {
    until_at: OffsetDateTime,
    samples: u64,
    source: Source,
    /// Time of the earliest sample in the last window.
    next_at: OffsetDateTime,
}

/// Samples of the first window that this process received.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Received {
    /// Unknown. The run was read from the store, or the process missed samples.
    Unknown,
    /// Perhaps not all, because the process may have started within the window.
    Part,
    /// All.
    All,
}

impl OpenRun {
    /// Begins the first run of a series since the start of the process.
    pub(super) fn begin(resolution: Resolution, sample: &Sample<'_>, time: SampledAt) -> Self {
        let run = time.begin(resolution, sample);
        Self { run, earlier: None, stored: 0, received: Received::Part }
    }

    /// Continues a run that was read from the store.
    pub(super) fn restored(run: Run) -> Self {
        Self { stored: run.samples, run, earlier: None, received: Received::Unknown }
    }

    pub(super) fn run(&self) -> &Run {
        &self.run
    }

    pub(super) fn is_unstored(&self) -> bool {
        self.stored < self.run.samples
    }

    /// Adds a sample and returns `true` if it belongs to the run.
    ///
    /// A sample of the last window with another value than before takes the window out of the run.
    /// The earlier windows are then complete. They are appended unless the store has them.
    pub(super) fn add(
        &mut self,
        resolution: Resolution,
        sample: &Sample<'_>,
        time: SampledAt,
        completed: &mut Vec<Run>,
    ) -> bool {
        let (window, last) = (resolution.window_of(time.at), self.last_window(resolution));
        let may_extend = self.received == Received::All && !time.is_repeated;
        if window > last && !may_extend {
            return false;
        }
        if window == last && self.run.last != *sample.value() {
            completed.extend(self.split(resolution));
        }
        let before = (self.run.until_at, self.run.samples, self.run.source);
        if !self.run.add(resolution, sample.value(), time.at, time.source) {
            return false;
        }
        if self.received == Received::Unknown {
            self.received = Received::Part;
        }
        if window > last {
            let (until_at, samples, source) = before;
            let earlier = Earlier { until_at, samples, source, next_at: time.at };
            self.earlier = Some(Box::new(earlier));
        } else if let Some(earlier) = &mut self.earlier {
            if window < last {
                earlier.samples += 1;
                earlier.until_at = earlier.until_at.max(time.at);
            } else {
                earlier.next_at = earlier.next_at.min(time.at);
            }
        }
        true
    }

    /// Begins another run and returns the ended one unless the store has it.
    pub(super) fn replace(
        &mut self,
        resolution: Resolution,
        sample: &Sample<'_>,
        time: SampledAt,
    ) -> Option<Run> {
        let new = time.begin(resolution, sample);
        let is_whole = self.received != Received::Unknown
            && !time.is_repeated
            && new.window_at != self.last_window(resolution);
        let received = if is_whole { Received::All } else { Received::Part };
        let new = Self { run: new, earlier: None, stored: 0, received };
        let ended = std::mem::replace(self, new);
        ended.is_unstored().then_some(ended.run)
    }

    /// Takes what the store does not have of the windows that are over, or of all if `now` is
    /// `None`. It counts as stored from now on.
    pub(super) fn take_unstored(
        &mut self,
        resolution: Resolution,
        now: Option<OffsetDateTime>,
    ) -> Option<Run> {
        let last = self.last_window(resolution);
        let run = if now.is_none_or(|now| resolution.is_over(last, now)) {
            self.is_unstored().then(|| self.run.clone())
        } else {
            let earlier = self.earlier.as_deref()?;
            (self.stored < earlier.samples).then(|| earlier.of(&self.run))
        }?;
        self.stored = run.samples;
        Some(run)
    }

    /// Marks the run as unstored if it begins in this window. Returns `false` if it does not.
    pub(super) fn keep_unstored(&mut self, window_at: OffsetDateTime) -> bool {
        let is_same = self.run.window_at == window_at;
        if is_same {
            self.stored = 0;
        }
        is_same
    }

    /// Notes that samples may have been missed. The run ends with its last window.
    pub(super) fn note_gap(&mut self) {
        self.received = Received::Unknown;
    }

    fn last_window(&self, resolution: Resolution) -> OffsetDateTime {
        resolution.window_of(self.run.until_at)
    }

    /// Makes the last window a run of its own, unless the store has it as a part of this run.
    /// Returns the part before it if that is not stored.
    fn split(&mut self, resolution: Resolution) -> Option<Run> {
        let earlier = self.earlier.take_if(|earlier| self.stored <= earlier.samples)?;
        let samples = self.run.samples - earlier.samples;
        let window = Run {
            window_at: self.last_window(resolution),
            observed_at: earlier.next_at,
            samples,
            numbers: repeated(&self.run, samples),
            ..self.run.clone()
        };
        let before = earlier.of(&self.run);
        let is_stored = self.stored == before.samples;
        *self = Self { run: window, earlier: None, stored: 0, received: self.received };
        (!is_stored).then_some(before)
    }
}

impl Earlier {
    /// Returns this part of a run.
    fn of(&self, run: &Run) -> Run {
        Run {
            until_at: self.until_at,
            samples: self.samples,
            source: self.source,
            numbers: repeated(run, self.samples),
            ..run.clone()
        }
    }
}

/// Returns the aggregates of a value that repeats so many times.
#[expect(clippy::cast_precision_loss, reason = "a count of samples")]
fn repeated(run: &Run, samples: u64) -> Option<Numbers> {
    let times = |numbers: Numbers| (numbers.min * samples as f64).clamp(f64::MIN, f64::MAX);
    run.numbers.map(|numbers| Numbers { sum: times(numbers), ..numbers })
}
