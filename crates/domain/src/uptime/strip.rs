//! Status of a project in equal parts of a span of time.

use time::OffsetDateTime;

use super::{TimeByStatus, heard_us, micros, spent};
use crate::log::StatusStep;
use crate::ports::ListeningPeriod;
use crate::project::ProjectStatus;

/// A part is unobserved if no replica listened for more than a tenth of it.
const OBSERVED_TENTHS: i64 = 9;

/// Equal parts of a span of time, with the time for which a source listened in each.
#[derive(Debug, Clone)]
pub struct UptimeParts<'a> {
    /// Beginning of each part and the end of the last one, in order.
    bounds: Vec<OffsetDateTime>,
    heard_us: Vec<i64>,
    periods: &'a [ListeningPeriod],
}

/// Status of a project in one part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartStatus {
    /// The project did not exist.
    Absent,
    /// It was online all the time.
    Online,
    /// It was degraded for some time.
    Degraded,
    /// It was offline for some time.
    Offline,
    /// No replica listened for a considerable time.
    Unobserved,
}

impl<'a> UptimeParts<'a> {
    /// Divides a span at these times, which are in order. `periods` are the listening periods of a
    /// source.
    #[must_use]
    pub fn new(bounds: Vec<OffsetDateTime>, periods: &'a [ListeningPeriod]) -> Self {
        let heard = bounds.windows(2).map(|bounds| heard_us(bounds[0], bounds[1], periods));
        Self { heard_us: heard.collect(), bounds, periods }
    }

    /// Returns how a project spent each part, in order.
    ///
    /// `status` is its status now. `steps` are its changes since the beginning of the first part,
    /// newest first.
    #[must_use]
    pub fn spent(
        &self,
        status: ProjectStatus,
        steps: &[(OffsetDateTime, StatusStep)],
    ) -> Vec<TimeByStatus> {
        let mut parts = Vec::with_capacity(self.heard_us.len());
        let (mut status, mut steps) = (Some(status), steps);
        for (bounds, heard_us) in self.bounds.windows(2).zip(&self.heard_us).rev() {
            let (from, until) = (bounds[0], bounds[1]);
            let (inside, earlier) = steps.split_at(steps.partition_point(|(at, _)| *at >= from));
            steps = earlier;
            if inside.is_empty() {
                let mut part = TimeByStatus::default();
                if let Some(status) = status {
                    part.count(status, micros(until, from), *heard_us);
                }
                parts.push(part);
            } else {
                let (part, before) = spent((from, until), status, inside, self.periods);
                status = before;
                parts.push(part);
            }
        }
        parts.reverse();
        parts
    }
}

impl TimeByStatus {
    /// Returns the worst status in the time. A status counts if the project had it for any time;
    /// time in which no replica listened counts if it is more than a tenth.
    #[must_use]
    pub fn worst(&self) -> PartStatus {
        let Self { online_us, degraded_us, offline_us, unobserved_us } = *self;
        let observed_us = online_us + degraded_us + offline_us;
        if observed_us + unobserved_us == 0 {
            PartStatus::Absent
        } else if offline_us > 0 {
            PartStatus::Offline
        } else if degraded_us > 0 {
            PartStatus::Degraded
        } else if observed_us < unobserved_us * OBSERVED_TENTHS {
            PartStatus::Unobserved
        } else {
            PartStatus::Online
        }
    }

    /// Returns the sum of several times.
    #[must_use]
    pub fn sum(parts: &[Self]) -> Self {
        let mut whole = Self::default();
        parts.iter().for_each(|part| whole.add(*part));
        whole
    }
}

#[cfg(test)]
mod tests {
    use ProjectStatus::{Degraded, Offline, Online};
    use proptest::prelude::*;
    use time::Duration;

    use super::*;
    use crate::Source;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn period(from: i64, until: i64) -> ListeningPeriod {
        ListeningPeriod { source: Source::Nats, from: at(from), until: at(until) }
    }

    fn worst(
        status: ProjectStatus,
        steps: &[(i64, Option<ProjectStatus>, Option<ProjectStatus>)],
        periods: &[ListeningPeriod],
    ) -> String {
        let steps: Vec<_> = steps
            .iter()
            .map(|&(seconds, from, to)| (at(seconds), StatusStep { from, to }))
            .collect();
        let parts = UptimeParts::new((0..=5).map(|part| at(part * 10)).collect(), periods);
        let letter = |spent: &TimeByStatus| match spent.worst() {
            PartStatus::Absent => '-',
            PartStatus::Online => 'o',
            PartStatus::Degraded => 'd',
            PartStatus::Offline => 'x',
            PartStatus::Unobserved => 'u',
        };
        parts.spent(status, &steps).iter().map(letter).collect()
    }

    #[test]
    fn each_part_shows_the_worst_status() {
        let always = [period(-10, 100)];
        assert_eq!(worst(Online, &[], &always), "ooooo");
        let steps = [(35, Some(Offline), Some(Online)), (31, Some(Online), Some(Offline))];
        assert_eq!(worst(Online, &steps, &always), "oooxo");
        let steps = [(40, Some(Degraded), Some(Online)), (12, Some(Online), Some(Degraded))];
        assert_eq!(worst(Online, &steps, &always), "odddo");
    }

    #[test]
    fn time_without_listening_is_never_online() {
        assert_eq!(worst(Online, &[], &[]), "uuuuu");
        assert_eq!(worst(Online, &[], &[period(0, 21), period(29, 50)]), "oouoo");
        assert_eq!(worst(Online, &[], &[period(0, 24), period(25, 50)]), "ooooo", "a tenth");
        let steps = [(25, Some(Offline), Some(Online))];
        assert_eq!(worst(Online, &steps, &[period(20, 50)]), "uuxoo");
    }

    #[test]
    fn a_project_is_absent_before_its_registration() {
        let steps = [(25, Some(Offline), Some(Online)), (21, None, Some(Offline))];
        assert_eq!(worst(Online, &steps, &[period(0, 50)]), "--xoo");
    }

    proptest! {
        #[test]
        fn the_parts_together_equal_the_whole(
            times in prop::collection::btree_map(0_i64..50, 0_usize..3, 0..10),
            gaps in prop::collection::vec((1_i64..10, 1_i64..10), 0..6),
        ) {
            let mut status = Offline;
            let mut steps = Vec::new();
            for (seconds, to) in times {
                let to = ProjectStatus::ALL[to];
                steps.push((at(seconds), StatusStep { from: Some(status), to: Some(to) }));
                status = to;
            }
            steps.reverse();
            let mut from = 0;
            let periods: Vec<_> = gaps.into_iter().map(|(gap, length)| {
                let period = period(from + gap, from + gap + length);
                from += gap + length;
                period
            }).collect();
            let parts = UptimeParts::new((0..=5).map(|part| at(part * 10)).collect(), &periods);
            let (whole, _) = spent((at(0), at(50)), Some(status), &steps, &periods);
            prop_assert_eq!(TimeByStatus::sum(&parts.spent(status, &steps)), whole);
        }
    }
}
