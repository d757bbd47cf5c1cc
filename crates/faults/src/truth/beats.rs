//! The accepted heartbeats of one project.

use std::time::Duration;

use crate::clock::Moment;

/// Replicas that can have received a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// All replicas that listened.
    All,
    /// One replica, which accepted it over HTTP and could not forward it. Other replicas can read
    /// it from the store if it was `stored`.
    Only { replica: usize, stored: bool },
}

/// An accepted heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Beat {
    /// Earliest time at which it was accepted.
    pub(crate) sent: Moment,
    /// Latest time at which it was accepted.
    pub(crate) taken: Moment,
    pub(crate) reach: Reach,
}

/// The heartbeats of a project in order of time.
#[derive(Debug, Default)]
pub(crate) struct Beats(Vec<Beat>);

impl Beats {
    pub(crate) fn push(&mut self, beat: Beat) {
        let at = self.0.partition_point(|other| other.taken <= beat.taken);
        self.0.insert(at, beat);
    }

    /// Returns the longest gap that overlaps with the window, for a listener (`None`: for all,
    /// through the store). A gap lasts from the sending of a heartbeat to the acceptance of the
    /// next, measured by `audible`. Returns `None` if there is no heartbeat before the window.
    pub(crate) fn longest_gap(
        &self,
        listener: Option<usize>,
        (from, to): (Moment, Moment),
        audible: impl Fn(Moment, Moment) -> Duration,
    ) -> Option<Duration> {
        let before = self.0.partition_point(|beat| beat.taken <= from);
        let audible_beat = |beat: &&Beat| match (beat.reach, listener) {
            (Reach::All, _) => true,
            (Reach::Only { stored, .. }, None) => stored,
            (Reach::Only { replica, .. }, Some(listener)) => replica == listener,
        };
        let mut last = self.0[..before].iter().rev().find(audible_beat)?.sent;
        let mut longest = Duration::ZERO;
        for beat in self.0[before..].iter().filter(audible_beat) {
            if beat.taken >= to {
                break;
            }
            longest = longest.max(audible(last, beat.taken));
            last = beat.sent.max(last);
        }
        Some(longest.max(audible(last, to)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    fn beats(of: &[(u64, Reach)]) -> Beats {
        let mut beats = Beats::default();
        for &(millis, reach) in of {
            beats.push(Beat { sent: at(millis), taken: at(millis + 10), reach });
        }
        beats
    }

    fn gap(beats: &Beats, listener: Option<usize>, from: u64, to: u64) -> Option<u128> {
        let audible = |from: Moment, to: Moment| to.since(from);
        Some(beats.longest_gap(listener, (at(from), at(to)), audible)?.as_millis())
    }

    #[test]
    fn a_gap_lasts_from_sending_to_acceptance_or_to_the_end() {
        let beats = beats(&[(0, Reach::All), (1_000, Reach::All), (3_000, Reach::All)]);
        assert_eq!(gap(&beats, None, 100, 3_500), Some(2_010));
        assert_eq!(gap(&beats, None, 100, 2_500), Some(1_500));
        assert_eq!(gap(&beats, None, 3_100, 7_000), Some(4_000));
    }

    #[test]
    fn a_project_without_an_earlier_heartbeat_is_not_judged() {
        assert_eq!(gap(&beats(&[]), None, 0, 1_000), None);
        assert_eq!(gap(&beats(&[(500, Reach::All)]), None, 100, 1_000), None);
    }

    #[test]
    fn a_heartbeat_at_one_replica_does_not_end_silence_at_others() {
        for stored in [true, false] {
            let only = Reach::Only { replica: 1, stored };
            let beats = beats(&[(0, Reach::All), (1_000, only), (2_000, Reach::All)]);
            assert_eq!(gap(&beats, Some(0), 500, 2_500), Some(2_010));
            assert_eq!(gap(&beats, Some(1), 500, 2_500), Some(1_010));
            let in_the_log = if stored { 1_010 } else { 2_010 };
            assert_eq!(gap(&beats, None, 500, 2_500), Some(in_the_log));
        }
    }
}
