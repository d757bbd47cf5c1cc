//! Disturbances and their times.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;

/// Time by which a heartbeat may precede the disturbance that holds it up.
const NOTICE: Duration = Duration::from_millis(100);

/// Listening just before a disturbance that may not count, because it was not proven.
const UNPROVEN: Duration = Duration::from_millis(500);

/// A part that can be disturbed. A number is that of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The process: not running, stopped or starting.
    Process(usize),
    /// The speed of its process, which runs but gets little CPU time.
    Pace(usize),
    /// Its link to the bus.
    BusLink(usize),
    /// Its link to the store.
    StoreLink(usize),
    /// Its hearing, according to its metrics. How long it may report deafness is limited by
    /// [`unharmed_since`](super::Truth::unharmed_since).
    Deaf(usize),
    /// Its access to the store, according to its metrics.
    Waiting(usize),
    /// The NATS server.
    Bus,
    /// The Postgres server.
    Store,
    /// A flood is in progress.
    Flood,
    /// The whole machine is too busy to be judged.
    Machine,
    /// All processes at once.
    Everyone,
}

/// A period of disturbance. Its end is known as an interval.
#[derive(Debug, Clone, Copy)]
struct Disturbance {
    from: Moment,
    end: Option<(Moment, Moment)>,
}

/// The disturbances of all parts in order of time.
#[derive(Debug, Default)]
pub(crate) struct Disturbances(BTreeMap<Part, Vec<Disturbance>>);

impl Disturbances {
    /// Records that a part is disturbed from now on. Does nothing if it already is.
    pub(crate) fn begin(&mut self, part: Part, now: Moment) {
        let disturbances = self.0.entry(part).or_default();
        if disturbances.last().is_none_or(|disturbance| disturbance.end.is_some()) {
            disturbances.push(Disturbance { from: now, end: None });
        }
    }

    /// Records that the disturbance of a part ended between `earliest` and `surely`.
    pub(crate) fn end(&mut self, part: Part, earliest: Moment, surely: Moment) {
        if let Some(disturbance) = self.0.entry(part).or_default().last_mut() {
            disturbance.end.get_or_insert((earliest.max(disturbance.from), surely));
        }
    }

    /// Records a disturbance that has ended, merging it with an adjacent one.
    pub(crate) fn note(&mut self, part: Part, from: Moment, until: Moment) {
        let disturbances = self.0.entry(part).or_default();
        match disturbances.last_mut() {
            Some(Disturbance { end: None, .. }) => {}
            Some(Disturbance { end: Some(end), .. }) if from <= end.1 => *end = (until, until),
            _ => disturbances.push(Disturbance { from, end: Some((until, until)) }),
        }
    }

    /// Returns the time since which all parts are undisturbed, or `None` while one is not.
    pub(crate) fn calm_since(&self, parts: &[Part]) -> Option<Moment> {
        let mut ends =
            parts.iter().filter_map(|&part| self.last(part)).map(|disturbance| disturbance.end);
        ends.try_fold(Moment::default(), |calm, end| Some(calm.max(end?.1)))
    }

    /// Returns the end of the disturbances that hold up something sent at `at`. Returns `at` if
    /// there are none, or `None` while one lasts.
    pub(crate) fn end_of(&self, parts: &[Part], at: Moment) -> Option<Moment> {
        let disturbances = parts.iter().filter_map(|part| self.0.get(part)).flatten();
        let mut held = disturbances.filter(|disturbance| {
            let began_by = disturbance.from <= at.after(NOTICE);
            began_by && disturbance.end.is_none_or(|(_, surely)| at <= surely)
        });
        held.try_fold(at, |end, disturbance| Some(end.max(disturbance.end?.1)))
    }

    /// Returns whether a disturbance of these parts began at `since` or earlier and still lasts.
    pub(crate) fn is_lasting(&self, parts: &[Part], since: Moment) -> bool {
        let mut disturbances = parts.iter().filter_map(|&part| self.last(part));
        disturbances.any(|disturbance| disturbance.from <= since && disturbance.end.is_none())
    }

    /// Returns whether `at` is within a disturbance of these parts or so shortly after one that
    /// hearing is not proven yet.
    pub(crate) fn is_near(&self, parts: &[Part], at: Moment) -> bool {
        let mut disturbances = parts.iter().filter_map(|part| self.0.get(part)).flatten();
        disturbances.any(|disturbance| {
            disturbance.from <= at
                && disturbance.end.is_none_or(|(_, end)| at <= end.after(UNPROVEN))
        })
    }

    /// Returns the minimum time in a window for which any of these parts was disturbed.
    pub(crate) fn overlap(&self, parts: &[Part], (from, to): (Moment, Moment)) -> Duration {
        let disturbances = parts.iter().filter_map(|part| self.0.get(part)).flatten();
        let mut clipped: Vec<_> = disturbances
            .map(|disturbance| {
                (disturbance.from.max(from), disturbance.end.map_or(to, |end| end.0.min(to)))
            })
            .filter(|(begin, end)| begin < end)
            .collect();
        clipped.sort_unstable();
        let mut total = Duration::ZERO;
        let mut counted = from;
        for (begin, end) in clipped {
            total += end.since(begin.max(counted));
            counted = counted.max(end);
        }
        total
    }

    fn last(&self, part: Part) -> Option<&Disturbance> {
        self.0.get(&part)?.last()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    #[test]
    fn overlapping_disturbances_count_once_within_the_window() {
        let mut all = Disturbances::default();
        all.note(Part::Bus, at(100), at(300));
        all.note(Part::Everyone, at(200), at(400));
        all.begin(Part::Bus, at(900));
        let parts = [Part::Bus, Part::Everyone];
        assert_eq!(all.overlap(&parts, (at(0), at(1_000))), Duration::from_millis(400));
        assert_eq!(all.overlap(&parts, (at(250), at(350))), Duration::from_millis(100));
        assert_eq!(all.overlap(&[Part::Store], (at(0), at(1_000))), Duration::ZERO);
    }

    #[test]
    fn a_part_is_calm_since_the_latest_end() {
        let mut all = Disturbances::default();
        assert_eq!(all.calm_since(&[Part::Bus]), Some(at(0)));
        all.begin(Part::Bus, at(100));
        all.begin(Part::Bus, at(150));
        assert_eq!(all.calm_since(&[Part::Bus]), None);
        all.end(Part::Bus, at(200), at(250));
        assert_eq!(all.calm_since(&[Part::Bus, Part::Store]), Some(at(250)));
    }

    #[test]
    fn adjacent_disturbances_are_merged() {
        let mut all = Disturbances::default();
        all.note(Part::Deaf(0), at(0), at(100));
        all.note(Part::Deaf(0), at(90), at(200));
        assert_eq!(all.end_of(&[Part::Deaf(0)], at(50)), Some(at(200)));
        assert_eq!(all.end_of(&[Part::Deaf(0)], at(300)), Some(at(300)));
    }
}
