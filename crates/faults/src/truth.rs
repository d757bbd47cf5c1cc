//! The model of the truth: who really sent heartbeats and when, who could hear them, what was
//! acknowledged. It knows nothing of what the service says.

mod beats;
mod disturbances;
mod ledger;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Moment;

pub(crate) use beats::{Beat, Beats, Reach};
pub(crate) use disturbances::{Disturbances, Part};
pub(crate) use ledger::{CatalogState, Ledger};

/// A heartbeat that is heard in deafness, before that is found, may count as heard so much later: a
/// listening clock advances by at most this at once.
const MAX_STEP: Duration = Duration::from_secs(1);

/// How long a replica may take to notice that it cannot hand on what it hears: it is deaf after 2 s
/// without a proof of hearing.
const NOTICES_WITHIN: Duration = Duration::from_millis(2_500);

/// How a project speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// It publishes heartbeats.
    Nats,
    /// It posts them to a replica.
    Http,
}

/// All that is true.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) disturbances: Disturbances,
    pub(crate) ledger: Ledger,
    replicas: usize,
    projects: BTreeMap<String, Life>,
    /// The replicas that serve requests.
    serving: BTreeSet<usize>,
    /// What each replica heard up to a moment, it has forgotten.
    forgotten: BTreeMap<usize, Moment>,
    /// The replicas that will have forgotten everything when they serve again.
    forgetting: BTreeSet<usize>,
}

/// Why a replica answers no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fall {
    /// It was stopped where it stands, and remembers everything.
    Paused,
    /// It ends as it should, and stores what it knows.
    Ended,
    /// It was killed: what it did not store by chance is lost.
    Killed,
}

/// One project.
#[derive(Debug)]
struct Life {
    source: Source,
    beats: Beats,
    /// Up to when a heartbeat over NATS, or one to each replica, may have been taken by anybody.
    attempts: BTreeMap<Option<usize>, Moment>,
}

impl Truth {
    /// Nobody has spoken yet, no replica serves.
    pub(crate) fn new(replicas: usize) -> Self {
        let mut disturbances = Disturbances::default();
        disturbances.begin(Part::Everyone, Moment::default());
        for replica in 0..replicas {
            disturbances.begin(Part::Process(replica), Moment::default());
        }
        Self {
            disturbances,
            ledger: Ledger::default(),
            replicas,
            projects: BTreeMap::new(),
            serving: BTreeSet::new(),
            forgotten: BTreeMap::new(),
            forgetting: BTreeSet::new(),
        }
    }

    /// There is a project that may speak.
    pub(crate) fn add(&mut self, slug: &str, source: Source) {
        let life = Life { source, beats: Beats::default(), attempts: BTreeMap::new() };
        self.projects.insert(slug.to_owned(), life);
    }

    /// The projects that may speak.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &str> {
        self.projects.keys().map(String::as_str)
    }

    /// A heartbeat was taken: acknowledged by a replica, or flushed through the NATS server.
    pub(crate) fn beat(&mut self, slug: &str, beat: Beat) {
        if let Some(life) = self.projects.get_mut(slug) {
            life.beats.push(beat);
        }
    }

    /// The newest heartbeat that was sent to a replica (none: over NATS) may be taken up to this
    /// moment, acknowledged or not.
    pub(crate) fn attempt(&mut self, slug: &str, to: Option<usize>, until: Moment) {
        if let Some(life) = self.projects.get_mut(slug) {
            life.attempts.insert(to, until);
        }
    }

    /// A replica answers no more, from now on.
    pub(crate) fn falls_silent(&mut self, replica: usize, how: Fall, now: Moment) {
        let forgets = match how {
            Fall::Paused => None,
            Fall::Ended => Some(self.disturbances.calm_since(&self.resumption(replica))),
            Fall::Killed => Some(None),
        };
        match forgets {
            None => {}
            Some(Some(until)) => {
                self.forgotten.insert(replica, until);
            }
            Some(None) => {
                self.forgetting.insert(replica);
            }
        }
        self.serving.remove(&replica);
        self.disturbances.begin(Part::Process(replica), now);
        if self.serving.is_empty() {
            self.disturbances.begin(Part::Everyone, now);
        }
    }

    /// What must be whole for a process that ends to leave behind what it knows of silence: it
    /// stores how long it listened since its last deafness.
    fn resumption(&self, replica: usize) -> Vec<Part> {
        let mut parts = self.hearing(Source::Nats, replica);
        parts.extend(storing(replica));
        parts
    }

    /// A replica answers again: at the earliest since one moment, and surely since another.
    pub(crate) fn serves(&mut self, replica: usize, earliest: Moment, surely: Moment) {
        self.disturbances.end(Part::Process(replica), earliest, surely);
        self.disturbances.end(Part::Everyone, earliest, surely);
        self.serving.insert(replica);
        if self.forgetting.remove(&replica) {
            self.forgotten.insert(replica, surely);
        }
    }

    /// Whether a replica answers, as far as is known.
    pub(crate) fn is_serving(&self, replica: usize) -> bool {
        self.serving.contains(&replica)
    }

    /// Whom a heartbeat reaches that this replica took over HTTP, sent since a moment.
    ///
    /// A replica that cannot hand heartbeats on writes them to the store, once it has noticed.
    pub(crate) fn reach(&self, replica: usize, since: Moment) -> Reach {
        let calm = self.disturbances.calm_since(&bus_of(replica));
        if self.replicas == 1 || calm.is_some_and(|calm| calm <= since) {
            return Reach::All;
        }
        let noticed = since.before(NOTICES_WITHIN);
        let broken = self.disturbances.is_lasting(&bus_of(replica), noticed);
        let store = self.disturbances.calm_since(&storing(replica));
        Reach::Only { replica, stored: broken && store.is_some_and(|calm| calm <= noticed) }
    }

    /// The longest time without a heartbeat of the project that a listener (none: any) could have
    /// heard in this window, time in which nobody could hear left out. None when it is not known to
    /// have spoken before the window.
    pub(crate) fn longest_silence(
        &self,
        slug: &str,
        listener: Option<usize>,
        window: (Moment, Moment),
    ) -> Option<Duration> {
        let life = self.projects.get(slug)?;
        let deaf: &[Part] = match life.source {
            Source::Nats => &[Part::Bus, Part::Everyone],
            Source::Http => &[Part::Everyone],
        };
        let audible = |from: Moment, to: Moment| {
            to.since(from).saturating_sub(self.disturbances.overlap(deaf, (from, to)))
        };
        life.beats.longest_gap(listener, window, audible)
    }

    /// When a replica has listened for so long, undisturbed, since it can have heard a project or
    /// of it, and for at least `chance` since it was last disturbed. None while something disturbs
    /// it, or may still reach it.
    pub(crate) fn silent_for(
        &self,
        slug: &str,
        replica: usize,
        (silence, chance): (Duration, Duration),
    ) -> Option<Moment> {
        let life = self.projects.get(slug)?;
        let parts = self.hearing(life.source, replica);
        let calm = self.disturbances.calm_since(&parts)?;
        let mut heard = Moment::default();
        for (&to, &until) in &life.attempts {
            // What is on its way through something disturbed may arrive when that ends.
            let mut ways = bus_of(replica).to_vec();
            ways.extend(to.iter().flat_map(|via| bus_of(*via)));
            heard = heard.max(self.disturbances.end_of(&ways, until)?);
        }
        if self.disturbances.is_near(&parts, heard) {
            heard = heard.after(MAX_STEP);
        }
        let forgotten = self.forgotten.get(&replica).copied().unwrap_or_default();
        let silent = self.disturbances.calm_for(&parts, heard.max(forgotten), silence);
        Some(silent.max(calm.after(chance)))
    }

    /// What must be whole for a replica to hear projects of a source.
    fn hearing(&self, source: Source, replica: usize) -> Vec<Part> {
        let mut parts = vec![Part::Machine, Part::Process(replica), Part::Deaf(replica)];
        // What comes to the other replicas over HTTP is heard over NATS.
        if source == Source::Nats || self.replicas > 1 {
            parts.extend([Part::Bus, Part::BusLink(replica), Part::Flood]);
        }
        parts
    }

    /// Since when nothing keeps a replica from knowing the newest of the catalog.
    pub(crate) fn informed_since(&self, replica: usize) -> Option<Moment> {
        self.disturbances.calm_since(&[
            Part::Machine,
            Part::Process(replica),
            Part::Pace(replica),
            Part::StoreLink(replica),
            Part::Store,
            Part::Waiting(replica),
        ])
    }

    /// Since when no fault touches a replica that serves, whatever it says of itself.
    pub(crate) fn unharmed_since(&self, replica: usize) -> Option<Moment> {
        let serves = self.disturbances.calm_since(&[Part::Process(replica)])?;
        Some(serves.max(self.untouched_since(replica)?))
    }

    /// Since when no fault touches the pace and the links of a replica and its servers. A process that
    /// gets little time in a flood is deaf for as long as it lasts: another flood may end before.
    pub(crate) fn untouched_since(&self, replica: usize) -> Option<Moment> {
        self.disturbances.calm_since(&[
            Part::Machine,
            Part::Pace(replica),
            Part::StoreLink(replica),
            Part::BusLink(replica),
            Part::Store,
            Part::Bus,
            Part::Flood,
        ])
    }
}

/// What must be whole for a replica to write to the store.
fn storing(replica: usize) -> [Part; 4] {
    [Part::Machine, Part::Store, Part::StoreLink(replica), Part::Waiting(replica)]
}

/// What must be whole for a replica to hand on what it hears over HTTP.
fn bus_of(replica: usize) -> [Part; 4] {
    [Part::Process(replica), Part::BusLink(replica), Part::Bus, Part::Deaf(replica)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Moment {
        Moment(Duration::from_millis(millis))
    }

    fn truth() -> Truth {
        let mut truth = Truth::new(2);
        truth.add("n", Source::Nats);
        truth.add("h", Source::Http);
        truth.serves(0, at(0), at(0));
        truth.serves(1, at(0), at(0));
        truth
    }

    fn beat(millis: u64) -> Beat {
        Beat { sent: at(millis), taken: at(millis), reach: Reach::All }
    }

    #[test]
    fn an_outage_of_the_bus_is_silence_only_of_those_who_speak_over_http() {
        let mut truth = truth();
        truth.beat("n", beat(1_000));
        truth.beat("h", beat(1_000));
        truth.disturbances.begin(Part::Bus, at(1_500));
        truth.disturbances.end(Part::Bus, at(9_500), at(9_600));
        let silence = |slug| truth.longest_silence(slug, None, (at(2_000), at(10_000)));
        assert_eq!(silence("n"), Some(Duration::from_millis(1_000)));
        assert_eq!(silence("h"), Some(Duration::from_millis(9_000)));
    }

    #[test]
    fn nobody_hears_only_while_no_replica_serves() {
        let mut truth = truth();
        truth.beat("h", beat(1_000));
        truth.falls_silent(0, Fall::Killed, at(1_000));
        truth.falls_silent(1, Fall::Killed, at(3_000));
        truth.serves(0, at(8_000), at(8_200));
        let silence = truth.longest_silence("h", None, (at(1_000), at(9_000)));
        assert_eq!(silence, Some(Duration::from_millis(3_000)));
    }

    /// When 3 s of silence are over, with a chance of 1.5 s.
    fn silent(truth: &Truth, slug: &str, replica: usize) -> Option<Moment> {
        truth.silent_for(slug, replica, (Duration::from_secs(3), Duration::from_millis(1_500)))
    }

    #[test]
    fn a_replica_that_is_cut_off_from_the_bus_goes_on_counting_when_it_is_back() {
        let mut truth = truth();
        truth.attempt("n", None, at(1_000));
        assert_eq!(silent(&truth, "n", 1), Some(at(4_000)));
        truth.disturbances.begin(Part::BusLink(1), at(2_500));
        assert_eq!(silent(&truth, "n", 1), None);
        assert_eq!(silent(&truth, "n", 0), Some(at(4_000)));
        truth.disturbances.end(Part::BusLink(1), at(6_000), at(6_000));
        // 1 s of silence counted before, half a second is not sure.
        assert_eq!(silent(&truth, "n", 1), Some(at(8_000)));
        truth.disturbances.note(Part::Deaf(1), at(6_900), at(7_000));
        assert_eq!(silent(&truth, "n", 1), Some(at(8_600)));
    }

    #[test]
    fn a_restart_goes_on_counting_and_a_kill_begins_anew() {
        for (how, expected) in [(Fall::Ended, 7_000), (Fall::Killed, 8_000)] {
            let mut truth = truth();
            truth.attempt("n", None, at(1_000));
            truth.falls_silent(0, how, at(2_500));
            truth.serves(0, at(4_900), at(5_000));
            assert_eq!(silent(&truth, "n", 0), Some(at(expected)), "{how:?}");
        }
    }

    #[test]
    fn what_a_paused_replica_has_in_its_socket_arrives_when_it_goes_on() {
        let mut truth = truth();
        truth.falls_silent(0, Fall::Paused, at(900));
        truth.attempt("h", Some(0), at(1_000));
        assert_eq!(silent(&truth, "h", 1), None);
        truth.serves(0, at(5_000), at(5_100));
        assert_eq!(silent(&truth, "h", 1), Some(at(8_100)));
    }

    #[test]
    fn what_one_replica_takes_while_it_is_cut_off_reaches_it_alone() {
        let mut truth = truth();
        assert_eq!(truth.reach(0, at(500)), Reach::All);
        truth.disturbances.begin(Part::BusLink(0), at(1_000));
        assert_eq!(truth.reach(0, at(1_500)), Reach::Only { replica: 0, stored: false });
        assert_eq!(truth.reach(1, at(1_500)), Reach::All);
        assert_eq!(truth.reach(0, at(3_600)), Reach::Only { replica: 0, stored: true });
        truth.disturbances.begin(Part::Store, at(4_000));
        assert_eq!(truth.reach(0, at(4_600)), Reach::Only { replica: 0, stored: false });
    }
}
