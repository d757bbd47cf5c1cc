//! The series of one project in memory.

use federation_domain::{MAX_SAMPLE_LEAD, MAX_SERIES, MetricType, Resolution, Run, Sample, Source};
use time::OffsetDateTime;

use super::Completed;

/// A series with the run that its newest sample belongs to.
pub(super) struct LiveSeries {
    pub(super) metric: MetricType,
    pub(super) run: Run,
    /// The store does not have the run as it is.
    pub(super) is_unstored: bool,
    /// The run was read from the store. Samples after it may have been missed, so it is not extended
    /// beyond its last window.
    is_restored: bool,
}

/// The series of a project, in order of type.
#[derive(Default)]
pub(super) struct ProjectSeries {
    pub(super) series: Vec<LiveSeries>,
    /// The project is in the queue of projects with unstored runs.
    pub(super) is_queued: bool,
}

/// Time of the samples of a batch.
#[derive(Clone, Copy)]
pub(super) struct SampledAt {
    pub(super) at: OffsetDateTime,
    /// The sender gave the time. Otherwise the sample is the newest, whatever the clock says.
    pub(super) is_given: bool,
    pub(super) source: Source,
}

impl SampledAt {
    /// Returns a time that a small step of the clock, or a sender that is ahead of it, does not
    /// move before the newest sample.
    fn after(self, newest: Option<OffsetDateTime>) -> Self {
        let is_just_after = |newest: &OffsetDateTime| {
            !self.is_given && *newest > self.at && *newest - self.at <= MAX_SAMPLE_LEAD
        };
        Self { at: newest.filter(is_just_after).unwrap_or(self.at), ..self }
    }
}

impl ProjectSeries {
    /// Returns the types of the samples that belong to new series for which there is no room.
    pub(super) fn without_room<'a>(&self, samples: &'a [Sample<'_>]) -> Vec<&'a str> {
        let is_new = |sample: &&Sample<'_>| self.position(sample.metric()).is_err();
        let room = MAX_SERIES.saturating_sub(self.series.len());
        samples.iter().filter(is_new).skip(room).map(Sample::metric).collect()
    }

    /// Adds a sample. Returns `false` if there is no room for another series. Appends runs that the
    /// sample completes, or that it forms by itself because it is late.
    pub(super) fn add(
        &mut self,
        resolution: Resolution,
        sample: &Sample<'_>,
        time: SampledAt,
        intern: impl FnOnce(&str) -> Option<MetricType>,
        completed: &mut Completed,
    ) -> bool {
        let place = self.position(sample.metric());
        let newest = place.ok().map(|known| self.series[known].run.until_at);
        let SampledAt { at, is_given, source } = time.after(newest);
        let begin = || Run::begin(resolution, sample.value(), at, source);
        match place {
            Ok(known) => {
                let known = &mut self.series[known];
                let is_late = is_given && at < known.run.until_at;
                let is_set_back = !is_given && at < known.run.until_at;
                let may_extend = !known.is_restored
                    || resolution.window_of(at) <= resolution.window_of(known.run.until_at);
                if !is_set_back
                    && may_extend
                    && known.run.add(resolution, sample.value(), at, source)
                {
                    known.is_unstored = true;
                } else if is_late {
                    completed.push((known.metric.clone(), begin()));
                } else {
                    known.is_restored = false;
                    let ended = std::mem::replace(&mut known.run, begin());
                    if std::mem::replace(&mut known.is_unstored, true) {
                        completed.push((known.metric.clone(), ended));
                    }
                }
                true
            }
            Err(_) if self.series.len() >= MAX_SERIES => false,
            Err(place) => {
                let Some(metric) = intern(sample.metric()) else { return false };
                let new =
                    LiveSeries { metric, run: begin(), is_unstored: true, is_restored: false };
                self.series.insert(place, new);
                true
            }
        }
    }

    /// Adds a series read from the store, unless a newer sample arrived. Returns `true` if it is
    /// new.
    pub(super) fn restore(&mut self, metric: MetricType, run: Run) -> bool {
        match self.position(metric.as_str()) {
            Err(place) if self.series.len() < MAX_SERIES => {
                let restored = LiveSeries { metric, run, is_unstored: false, is_restored: true };
                self.series.insert(place, restored);
                true
            }
            _ => false,
        }
    }

    /// Returns the run of the newest sample of a series.
    pub(super) fn run(&self, metric: &str) -> Option<&Run> {
        self.position(metric).ok().map(|known| &self.series[known].run)
    }

    fn position(&self, metric: &str) -> Result<usize, usize> {
        self.series.binary_search_by(|known| known.metric.as_str().cmp(metric))
    }

    /// Marks a run as unstored again. Returns `false` if the series has another run by now.
    pub(super) fn keep_unstored(&mut self, metric: &str, window_at: OffsetDateTime) -> bool {
        let Ok(known) = self.position(metric) else { return false };
        let known = &mut self.series[known];
        let is_same = known.run.window_at == window_at;
        known.is_unstored |= is_same;
        is_same
    }
}
