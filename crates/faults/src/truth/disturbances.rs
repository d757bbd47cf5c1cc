//! What was disturbed, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock::Moment;

/// A heartbeat may be taken so much before what holds it up is noticed.
const NOTICE: Duration = Duration::from_millis(100);

/// How much listening right before a disturbance may not count: up to the last proof of hearing.
const UNPROVEN: Duration = Duration::from_millis(500);

/// What can be disturbed. A number is that of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The process: not there, stopped, starting.
    Process(usize),
    /// The pace of its process: it runs, and has little time for anything.
    Pace(usize),
    /// Its link to the bus.
    BusLink(usize),
    /// Its link to the store.
    StoreLink(usize),
    /// Its hearing, by its own word. The word counts for as long as it may: see
    /// [`unharmed_since`](super::Truth::unharmed_since).
    Deaf(usize),
    /// Its store, by its own word.
    Waiting(usize),
    /// The NATS server.
    Bus,
    /// The Postgres server.
    Store,
    /// A flood is on its way.
    Flood,
    /// The whole machine is too busy to be judged.
    Machine,
    /// All processes at once.
    Everyone,
}

/// A time of disturbance. Its end is known as an interval.
#[derive(Debug, Clone, Copy)]
struct Disturbance {
    from: Moment,
    end: Option<(Moment, Moment)>,
}

/// The disturbances of all parts, in their order.
#[derive(Debug, Default)]
pub(crate) struct Disturbances(BTreeMap<Part, Vec<Disturbance>>);

impl Disturbances {
    /// Something disturbs the part from now on. Does nothing where something does already.
    pub(crate) fn begin(&mut self, part: Part, now: Moment) {
        let disturbances = self.0.entry(part).or_default();
        if disturbances.last().is_none_or(|disturbance| disturbance.end.is_some()) {
            disturbances.push(Disturbance { from: now, end: None });
        }
    }

    /// It is whole again: at the earliest since one moment, and surely since another.
    pub(crate) fn end(&mut self, part: Part, earliest: Moment, surely: Moment) {
        if let Some(disturbance) = self.0.entry(part).or_default().last_mut() {
            disturbance.end.get_or_insert((earliest.max(disturbance.from), surely));
        }
    }

    /// It was disturbed in this time, which joins with one that it follows.
    pub(crate) fn note(&mut self, part: Part, from: Moment, until: Moment) {
        let disturbances = self.0.entry(part).or_default();
        match disturbances.last_mut() {
            Some(Disturbance { end: None, .. }) => {}
            Some(Disturbance { end: Some(end), .. }) if from <= end.1 => *end = (until, until),
            _ => disturbances.push(Disturbance { from, end: Some((until, until)) }),
        }
    }

    /// Since when all of these parts are whole; none while one is not.
    pub(crate) fn calm_since(&self, parts: &[Part]) -> Option<Moment> {
        let mut ends =
            parts.iter().filter_map(|&part| self.last(part)).map(|disturbance| disturbance.end);
        ends.try_fold(Moment::default(), |calm, end| Some(calm.max(end?.1)))
    }

    /// When a disturbance of these parts ended that something sent at a moment ran into: that
    /// moment, if none; none while it lasts.
    pub(crate) fn end_of(&self, parts: &[Part], at: Moment) -> Option<Moment> {
        let disturbances = parts.iter().filter_map(|part| self.0.get(part)).flatten();
        let mut held = disturbances.filter(|disturbance| {
            let began_by = disturbance.from <= at.after(NOTICE);
            began_by && disturbance.end.is_none_or(|(_, surely)| at <= surely)
        });
        held.try_fold(at, |end, disturbance| Some(end.max(disturbance.end?.1)))
    }

    /// When these parts have been whole for so long in all, counted from a moment on.
    pub(crate) fn calm_for(&self, parts: &[Part], from: Moment, wanted: Duration) -> Moment {
        let disturbances = parts.iter().filter_map(|part| self.0.get(part)).flatten();
        let mut ahead: Vec<_> = disturbances
            .filter_map(|disturbance| Some((disturbance.from.before(UNPROVEN), disturbance.end?.1)))
            .filter(|(_, end)| *end > from)
            .collect();
        ahead.sort_unstable();
        let (mut at, mut missing) = (from, wanted);
        for (begin, end) in ahead {
            let calm = begin.since(at);
            if calm >= missing {
                break;
            }
            missing -= calm;
            at = at.max(end);
        }
        at.after(missing)
    }

    /// Whether something has disturbed one of these parts since a moment, or longer.
    pub(crate) fn is_lasting(&self, parts: &[Part], since: Moment) -> bool {
        let mut disturbances = parts.iter().filter_map(|&part| self.last(part));
        disturbances.any(|disturbance| disturbance.from <= since && disturbance.end.is_none())
    }

    /// Whether a moment lies in a disturbance of these parts, or so close behind one that hearing
    /// is not proven yet.
    pub(crate) fn is_near(&self, parts: &[Part], at: Moment) -> bool {
        let mut disturbances = parts.iter().filter_map(|part| self.0.get(part)).flatten();
        disturbances.any(|disturbance| {
            disturbance.from <= at
                && disturbance.end.is_none_or(|(_, end)| at <= end.after(UNPROVEN))
        })
    }

    /// How much of a time any of these parts was disturbed, at least.
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
    fn what_overlaps_counts_once_and_only_within_the_window() {
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
    fn a_part_is_calm_since_its_last_sure_end() {
        let mut all = Disturbances::default();
        assert_eq!(all.calm_since(&[Part::Bus]), Some(at(0)));
        all.begin(Part::Bus, at(100));
        all.begin(Part::Bus, at(150));
        assert_eq!(all.calm_since(&[Part::Bus]), None);
        all.end(Part::Bus, at(200), at(250));
        assert_eq!(all.calm_since(&[Part::Bus, Part::Store]), Some(at(250)));
    }

    #[test]
    fn calm_time_is_counted_around_disturbances() {
        let mut all = Disturbances::default();
        all.note(Part::Bus, at(1_500), at(2_000));
        all.note(Part::Store, at(1_800), at(2_500));
        let calm_for = |millis| {
            let parts = [Part::Bus, Part::Store];
            all.calm_for(&parts, at(100), Duration::from_millis(millis))
        };
        assert_eq!(calm_for(900), at(1_000));
        assert_eq!(calm_for(1_000), at(2_600));
        assert_eq!(all.calm_for(&[Part::Bus], at(3_000), Duration::ZERO), at(3_000));
    }

    #[test]
    fn notes_that_follow_each_other_are_one_spell() {
        let mut all = Disturbances::default();
        all.note(Part::Deaf(0), at(0), at(100));
        all.note(Part::Deaf(0), at(90), at(200));
        assert_eq!(all.end_of(&[Part::Deaf(0)], at(50)), Some(at(200)));
        assert_eq!(all.end_of(&[Part::Deaf(0)], at(300)), Some(at(300)));
    }
}
