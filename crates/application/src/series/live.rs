//! The series of one project in memory.

use std::num::NonZeroI64;

use federation_domain::{MAX_SAMPLE_LEAD, MAX_SERIES, MetricType, Resolution, Run, Sample, Source};
use time::OffsetDateTime;

use super::Completed;
use super::open_run::OpenRun;

/// Number of entries by which the list of series grows. Projects have few series and rarely add one.
const GROWTH: usize = 4;

/// A series with the run that its newest sample belongs to.
pub(super) struct LiveSeries {
    pub(super) metric: MetricType,
    pub(super) open: OpenRun,
    /// Time at which the last sample arrived, in nanoseconds; `None` if none has since the start.
    arrived_at: Option<NonZeroI64>,
}

/// The series of a project, in order of type.
#[derive(Default)]
pub(super) struct ProjectSeries {
    pub(super) series: Vec<LiveSeries>,
    /// The project is in the queue of projects with unstored runs.
    pub(super) is_queued: bool,
    /// Latest time of arrival by the clock of the service.
    latest_at: Option<OffsetDateTime>,
    /// The clock was set back and has not passed the window of `latest_at` since.
    is_set_back: bool,
}

/// Time of the samples of a batch.
#[derive(Clone, Copy)]
pub(super) struct SampledAt {
    pub(super) at: OffsetDateTime,
    /// Time of arrival by the clock of the service.
    pub(super) arrived_at: OffsetDateTime,
    /// The sender gave the time. Otherwise the sample is the newest, whatever the clock says.
    pub(super) is_given: bool,
    /// The clock was set back and shows this window for the second time.
    pub(super) is_repeated: bool,
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

    /// Begins a run with a sample.
    pub(super) fn begin(self, resolution: Resolution, sample: &Sample<'_>) -> Run {
        Run::begin(resolution, sample.value(), self.at, self.source)
    }
}

impl ProjectSeries {
    /// Returns the types of the samples that belong to new series for which there is no room.
    pub(super) fn without_room<'a>(&self, samples: &'a [Sample<'_>]) -> Vec<&'a str> {
        let is_new = |sample: &&Sample<'_>| self.position(sample.metric()).is_err();
        let room = MAX_SERIES.saturating_sub(self.series.len());
        samples.iter().filter(is_new).skip(room).map(Sample::metric).collect()
    }

    /// Notes the time of samples, and whether the clock shows their window for the second time.
    pub(super) fn note_time(&mut self, resolution: Resolution, time: &mut SampledAt) {
        if time.is_given {
            return;
        }
        let latest = self.latest_at.unwrap_or(time.at);
        if latest - time.at > MAX_SAMPLE_LEAD {
            self.is_set_back = true;
        } else if resolution.window_of(time.at) > resolution.window_of(latest) {
            self.is_set_back = false;
        }
        self.latest_at = Some(latest.max(time.at));
        time.is_repeated = self.is_set_back;
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
        let newest = place.ok().map(|known| self.series[known].open.run().until_at);
        let time = time.after(newest);
        match place {
            Ok(known) => {
                let LiveSeries { metric, open, arrived_at } = &mut self.series[known];
                *arrived_at = stamp(time.arrived_at);
                let is_behind = time.at < open.run().until_at;
                let mut ended = Vec::new();
                let may_fit = time.is_given || !is_behind;
                let is_added = may_fit && open.add(resolution, sample, time, &mut ended);
                if !is_added && time.is_given && is_behind {
                    ended.push(time.begin(resolution, sample));
                } else if !is_added {
                    ended.extend(open.replace(resolution, sample, time));
                }
                completed.extend(ended.into_iter().map(|run| (metric.clone(), run)));
            }
            Err(_) if self.series.len() >= MAX_SERIES => return false,
            Err(place) => {
                let Some(metric) = intern(sample.metric()) else { return false };
                let open = OpenRun::begin(resolution, sample, time);
                if self.series.len() == self.series.capacity() {
                    self.series.reserve_exact(GROWTH);
                }
                let arrived_at = stamp(time.arrived_at);
                self.series.insert(place, LiveSeries { metric, open, arrived_at });
            }
        }
        true
    }

    /// Adds a series read from the store, unless a newer sample arrived. Returns `true` if it is
    /// new.
    pub(super) fn restore(&mut self, metric: MetricType, run: Run) -> bool {
        match self.position(metric.as_str()) {
            Err(place) if self.series.len() < MAX_SERIES => {
                self.latest_at = self.latest_at.max(Some(run.until_at));
                let open = OpenRun::restored(run);
                self.series.insert(place, LiveSeries { metric, open, arrived_at: None });
                true
            }
            _ => false,
        }
    }

    /// Returns the run of the newest sample of a series, and the time at which the last one arrived since
    /// the start of the process.
    pub(super) fn held(&self, metric: &str) -> Option<(&Run, Option<OffsetDateTime>)> {
        let one = &self.series[self.position(metric).ok()?];
        Some((one.open.run(), one.arrived_at.and_then(time_of)))
    }

    fn position(&self, metric: &str) -> Result<usize, usize> {
        self.series.binary_search_by(|known| known.metric.as_str().cmp(metric))
    }

    /// Marks a run as unstored again. Returns `false` if the series has another run by now.
    pub(super) fn keep_unstored(&mut self, metric: &str, window_at: OffsetDateTime) -> bool {
        let Ok(known) = self.position(metric) else { return false };
        self.series[known].open.keep_unstored(window_at)
    }
}

fn stamp(at: OffsetDateTime) -> Option<NonZeroI64> {
    i64::try_from(at.unix_timestamp_nanos()).ok().and_then(NonZeroI64::new)
}

fn time_of(stamp: NonZeroI64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(stamp.get().into()).ok()
}
