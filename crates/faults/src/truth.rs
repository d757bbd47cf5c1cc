//! The model of the truth: the heartbeats that were sent, the replicas that could receive them, and
//! the changes that were acknowledged. It does not know the statements of the service.

mod beats;
mod disturbances;
mod ledger;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::clock::Moment;

pub(crate) use beats::{Beat, Beats, Reach};
pub(crate) use disturbances::{Disturbances, Part};
pub(crate) use ledger::{CatalogState, Ledger};

/// Time after a disturbance in which publishers reconnect. It does not count as silence.
pub(crate) const SETTLE: Duration = Duration::from_secs(5);

/// Largest step of a listening clock. A heartbeat that arrives before a replica notices that it is
/// deaf may count as received later by up to this time.
const MAX_STEP: Duration = Duration::from_secs(1);

/// Time for a replica to notice that it cannot forward heartbeats. It is deaf after 2 s without a
/// proof of hearing.
const NOTICES_WITHIN: Duration = Duration::from_millis(2_500);

/// Transport of the heartbeats of a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Publishes over NATS.
    Nats,
    /// Posts to a replica.
    Http,
}

/// The model.
#[derive(Debug)]
pub(crate) struct Truth {
    pub(crate) disturbances: Disturbances,
    pub(crate) ledger: Ledger,
    replicas: usize,
    projects: BTreeMap<String, Life>,
    /// The replicas that serve requests.
    serving: BTreeSet<usize>,
    /// Time up to which each replica has forgotten what it heard.
    forgotten: BTreeMap<usize, Moment>,
    /// Replicas that will have forgotten everything when they serve again.
    forgetting: BTreeSet<usize>,
}

/// Reason why a replica stops responding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fall {
    /// Paused. It remembers everything.
    Paused,
    /// Stopped cleanly. It stores what it knows.
    Ended,
    /// Killed. It loses whatever it has not stored.
    Killed,
}

/// Time at which a project has been silent for long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SilentSince {
    pub(crate) at: Moment,
    /// True if no heartbeat can have been lost. Otherwise a replica may report an unknown status.
    pub(crate) certain: bool,
}

/// One project.
#[derive(Debug)]
struct Life {
    source: Source,
    beats: Beats,
    /// Time until which a heartbeat over NATS (`None`) or to a replica may have been accepted.
    attempts: BTreeMap<Option<usize>, Moment>,
}

impl Truth {
    /// Creates a model without heartbeats, in which no replica serves.
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

    /// Adds a project that may send heartbeats.
    pub(crate) fn add(&mut self, slug: &str, source: Source) {
        let life = Life { source, beats: Beats::default(), attempts: BTreeMap::new() };
        self.projects.insert(slug.to_owned(), life);
    }

    /// Returns the projects that may send heartbeats.
    pub(crate) fn slugs(&self) -> impl Iterator<Item = &str> {
        self.projects.keys().map(String::as_str)
    }

    /// Records a heartbeat that was acknowledged by a replica or flushed by the NATS server.
    pub(crate) fn beat(&mut self, slug: &str, beat: Beat) {
        if let Some(life) = self.projects.get_mut(slug) {
            life.beats.push(beat);
        }
    }

    /// Records that the newest heartbeat to a replica (`None`: over NATS) may be accepted until
    /// this time, acknowledged or not.
    pub(crate) fn attempt(&mut self, slug: &str, to: Option<usize>, until: Moment) {
        if let Some(life) = self.projects.get_mut(slug) {
            life.attempts.insert(to, until);
        }
    }

    /// Records that a replica stops responding now.
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

    /// Returns the parts that a process needs to store how long it has listened when it stops.
    fn resumption(&self, replica: usize) -> Vec<Part> {
        let mut parts = self.hearing(Source::Nats, replica);
        parts.extend(storing(replica));
        parts
    }

    /// Records that a replica responds again, `earliest` at one time and `surely` at another.
    pub(crate) fn serves(&mut self, replica: usize, earliest: Moment, surely: Moment) {
        self.disturbances.end(Part::Process(replica), earliest, surely);
        self.disturbances.end(Part::Everyone, earliest, surely);
        self.serving.insert(replica);
        if self.forgetting.remove(&replica) {
            self.forgotten.insert(replica, surely);
        }
    }

    /// Returns whether a replica is known to respond.
    pub(crate) fn is_serving(&self, replica: usize) -> bool {
        self.serving.contains(&replica)
    }

    /// Returns the reach of a heartbeat that was sent to a replica over HTTP at `since` or later.
    ///
    /// A replica that has noticed that it cannot forward heartbeats writes them to the store.
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

    /// Returns the longest time in this window without a heartbeat that a listener (`None`: any)
    /// could receive, not counting the time in which no replica could hear. Returns `None` if there
    /// is no heartbeat before the window.
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

    /// Returns the time at which a replica has listened for `silence` since it may have heard of a
    /// project. Returns `None` while it is disturbed or a heartbeat may still reach it.
    ///
    /// If it was disturbed since, heartbeats may have been lost. Then `silence` counts from the end
    /// of the last disturbance, and so does the time in which publishers reconnect.
    pub(crate) fn silent_for(
        &self,
        slug: &str,
        replica: usize,
        silence: Duration,
    ) -> Option<SilentSince> {
        let life = self.projects.get(slug)?;
        let parts = self.hearing(life.source, replica);
        let calm = self.disturbances.calm_since(&parts)?;
        let mut heard = Moment::default();
        for (&to, &until) in &life.attempts {
            // A heartbeat held up by a disturbance may arrive when the disturbance ends.
            let mut ways = bus_of(replica).to_vec();
            ways.extend(to.iter().flat_map(|via| bus_of(*via)));
            heard = heard.max(self.disturbances.end_of(&ways, until)?);
        }
        let mut proven = !self.disturbances.is_near(&parts, heard);
        if !proven {
            heard = heard.after(MAX_STEP);
        }
        let forgotten = self.forgotten.get(&replica).copied().unwrap_or_default();
        if forgotten > heard {
            heard = forgotten;
            proven = !self.disturbances.is_near(&parts, heard);
        }
        let certain = proven && calm <= heard;
        let at =
            if certain { heard.after(silence) } else { calm.max(heard).after(SETTLE + silence) };
        Some(SilentSince { at, certain })
    }

    /// Returns the parts that a replica needs to hear the projects of a source.
    fn hearing(&self, source: Source, replica: usize) -> Vec<Part> {
        let mut parts = vec![Part::Machine, Part::Process(replica), Part::Deaf(replica)];
        // HTTP heartbeats at other replicas are forwarded over NATS.
        if source == Source::Nats || self.replicas > 1 {
            parts.extend([Part::Bus, Part::BusLink(replica), Part::Flood]);
        }
        parts
    }

    /// Returns the time since which a replica can read all changes of the catalog.
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

    /// Returns the time since which a replica serves without a fault, whatever its metrics say.
    pub(crate) fn unharmed_since(&self, replica: usize) -> Option<Moment> {
        let serves = self.disturbances.calm_since(&[Part::Process(replica)])?;
        Some(serves.max(self.untouched_since(replica)?))
    }

    /// Returns the time since which the process runs at full speed, whatever its servers do.
    pub(crate) fn runs_freely_since(&self, replica: usize) -> Option<Moment> {
        let parts = [Part::Machine, Part::Process(replica), Part::Pace(replica), Part::Flood];
        self.disturbances.calm_since(&parts)
    }

    /// Returns the time since which no fault affects the speed and the links of a replica, or its
    /// servers. A process with little CPU time is deaf during the whole flood, even if another
    /// flood ends earlier.
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

/// Returns the parts that a replica needs to write to the store.
fn storing(replica: usize) -> [Part; 4] {
    [Part::Machine, Part::Store, Part::StoreLink(replica), Part::Waiting(replica)]
}

/// Returns the parts that a replica needs to forward HTTP heartbeats.
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
    fn an_outage_of_the_bus_counts_as_silence_only_over_http() {
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
    fn a_heartbeat_during_a_restart_is_not_certain_to_be_heard() {
        let mut truth = truth();
        truth.attempt("n", None, at(10_000));
        // The restart takes less than `MAX_STEP`.
        truth.falls_silent(0, Fall::Killed, at(9_900));
        truth.serves(0, at(10_100), at(10_200));
        let silence = truth.silent_for("n", 0, Duration::from_secs(3)).unwrap();
        assert!(!silence.certain);
        assert_eq!(silence.at, at(19_200));
    }

    #[test]
    fn silence_is_excused_only_while_no_replica_serves() {
        let mut truth = truth();
        truth.beat("h", beat(1_000));
        truth.falls_silent(0, Fall::Killed, at(1_000));
        truth.falls_silent(1, Fall::Killed, at(3_000));
        truth.serves(0, at(8_000), at(8_200));
        let silence = truth.longest_silence("h", None, (at(1_000), at(9_000)));
        assert_eq!(silence, Some(Duration::from_millis(3_000)));
    }

    /// Returns the time at which 3 s of silence are over.
    fn silent(truth: &Truth, slug: &str, replica: usize) -> Option<Moment> {
        Some(truth.silent_for(slug, replica, Duration::from_secs(3))?.at)
    }

    #[test]
    fn a_replica_cut_off_from_the_bus_gives_publishers_time_to_reconnect() {
        let mut truth = truth();
        truth.attempt("n", None, at(1_000));
        assert_eq!(silent(&truth, "n", 1), Some(at(4_000)));
        truth.disturbances.begin(Part::BusLink(1), at(2_500));
        assert_eq!(silent(&truth, "n", 1), None);
        assert_eq!(silent(&truth, "n", 0), Some(at(4_000)));
        truth.disturbances.end(Part::BusLink(1), at(6_000), at(6_000));
        assert_eq!(silent(&truth, "n", 1), Some(at(14_000)));
        truth.disturbances.note(Part::Deaf(1), at(6_900), at(7_000));
        assert_eq!(silent(&truth, "n", 1), Some(at(15_000)));
    }

    #[test]
    fn a_restarted_replica_gives_publishers_time_to_reconnect() {
        for how in [Fall::Ended, Fall::Killed] {
            let mut truth = truth();
            truth.attempt("n", None, at(1_000));
            truth.falls_silent(0, how, at(2_500));
            truth.serves(0, at(4_900), at(5_000));
            assert_eq!(silent(&truth, "n", 0), Some(at(13_000)), "{how:?}");
        }
    }

    #[test]
    fn a_heartbeat_in_the_socket_of_a_paused_replica_arrives_when_it_resumes() {
        let mut truth = truth();
        truth.falls_silent(0, Fall::Paused, at(900));
        truth.attempt("h", Some(0), at(1_000));
        assert_eq!(silent(&truth, "h", 1), None);
        truth.serves(0, at(5_000), at(5_100));
        assert_eq!(silent(&truth, "h", 1), Some(at(8_100)));
    }

    #[test]
    fn a_heartbeat_at_a_replica_cut_off_from_the_bus_reaches_no_other() {
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
