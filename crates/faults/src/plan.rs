//! Which faults come when: all of it chosen from the seed.

use std::fmt;
use std::time::Duration;

/// How long a short fault lasts, and a long one; short ones let more of them come.
const SHORT_MS: std::ops::Range<u64> = 200..4_000;
const LONG_MS: std::ops::Range<u64> = 4_000..12_000;
/// Within which time the faults of one burst begin.
const SPREAD_MS: u64 = 3_000;
/// The longest rest after a burst. Without some, nobody would ever be undisturbed for long enough
/// to be missed.
const LONGEST_REST_MS: u64 = 8_000;
/// How many kinds of faults there are.
const KINDS: u8 = 16;
/// The kind that a gentle plan leaves out.
const CHOKE: u8 = 14;
/// The most faults at once.
const MOST_AT_ONCE: usize = 3;

/// What can go wrong. A number is that of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InjectedFault {
    /// SIGKILL, and a new process at the end.
    Kill(usize),
    /// SIGTERM, and a new process at the end.
    Terminate(usize),
    /// SIGTERM and a new process, one replica after the other.
    Roll,
    /// SIGTERM for all replicas at once, and new processes at the end.
    RestartAll,
    /// SIGSTOP, and SIGCONT at the end.
    Pause(usize),
    /// The link to the bus is closed and refused.
    CutBus(usize),
    /// The link to the bus stays open and moves no byte.
    StallBus(usize),
    /// The link to the store is closed and refused.
    CutStore(usize),
    /// The link to the store stays open and moves no byte.
    StallStore(usize),
    /// The NATS server is killed and started again.
    StopBus,
    /// The NATS server is stopped where it stands.
    PauseBus,
    /// Postgres is killed and started again.
    KillStore,
    /// Postgres is stopped where it stands.
    PauseStore,
    /// One project sends as fast as it can, and says something else each time.
    Flood,
    /// The same, many times as much, while the process gets little of its time.
    Choke(usize),
    /// Messages that are no heartbeats.
    Garbage,
}

/// What a fault takes for itself: two that share one are not in the same burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    Process(usize),
    AllProcesses,
    BusLink(usize),
    StoreLink(usize),
    Bus,
    Store,
    Flood,
    Garbage,
}

impl Claim {
    fn excludes(self, other: Self) -> bool {
        let all_and_one = |a, b| a == Self::AllProcesses && matches!(b, Self::Process(_));
        self == other || all_and_one(self, other) || all_and_one(other, self)
    }
}

impl InjectedFault {
    /// Its kind, for counting.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Kill(_) => "service killed",
            Self::Terminate(_) => "service terminated",
            Self::Roll => "rolling restart",
            Self::RestartAll => "all restarted",
            Self::Pause(_) => "service paused",
            Self::CutBus(_) => "NATS link cut",
            Self::StallBus(_) => "NATS link stalled",
            Self::CutStore(_) => "Postgres link cut",
            Self::StallStore(_) => "Postgres link stalled",
            Self::StopBus => "NATS stopped",
            Self::PauseBus => "NATS paused",
            Self::KillStore => "Postgres killed",
            Self::PauseStore => "Postgres paused",
            Self::Flood => "flood",
            Self::Choke(_) => "flood of a slow service",
            Self::Garbage => "garbage",
        }
    }

    fn claim(self) -> Claim {
        match self {
            Self::Kill(replica)
            | Self::Terminate(replica)
            | Self::Pause(replica)
            | Self::Choke(replica) => Claim::Process(replica),
            Self::Roll | Self::RestartAll => Claim::AllProcesses,
            Self::CutBus(replica) | Self::StallBus(replica) => Claim::BusLink(replica),
            Self::CutStore(replica) | Self::StallStore(replica) => Claim::StoreLink(replica),
            Self::StopBus | Self::PauseBus => Claim::Bus,
            Self::KillStore | Self::PauseStore => Claim::Store,
            Self::Flood => Claim::Flood,
            Self::Garbage => Claim::Garbage,
        }
    }

    fn replica(self) -> Option<usize> {
        match self.claim() {
            Claim::Process(replica) | Claim::BusLink(replica) | Claim::StoreLink(replica) => {
                Some(replica)
            }
            _ => None,
        }
    }
}

impl fmt::Display for InjectedFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.replica() {
            Some(replica) => write!(f, "{} ({replica})", self.kind()),
            None => f.write_str(self.kind()),
        }
    }
}

/// A fault with its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScheduledFault {
    pub(crate) fault: InjectedFault,
    /// How long after the beginning of the burst it begins.
    pub(crate) after: Duration,
    pub(crate) length: Duration,
}

/// Faults that overlap, and the rest after them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Burst {
    pub(crate) faults: Vec<ScheduledFault>,
    pub(crate) rest: Duration,
}

impl fmt::Display for Burst {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ScheduledFault { fault, after, length } in &self.faults {
            let (after, length) = (after.as_secs_f64(), length.as_secs_f64());
            write!(f, "{fault} at +{after:.1} s for {length:.1} s; ")?;
        }
        write!(f, "rest {:.1} s", self.rest.as_secs_f64())
    }
}

/// The faults of a run, one burst after the other, for ever.
#[derive(Debug)]
pub(crate) struct Plan {
    rng: fastrand::Rng,
    replicas: usize,
    /// Whether [`InjectedFault::Choke`] is left out.
    gentle: bool,
    /// The kinds that are still to come before any comes again, so that a short run sees many.
    deck: Vec<u8>,
}

impl Plan {
    pub(crate) fn new(seed: u64, replicas: usize) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), replicas, gentle: false, deck: Vec::new() }
    }

    /// The same without what a busy machine may do by itself, if so.
    pub(crate) fn gentle(self, gentle: bool) -> Self {
        Self { gentle, ..self }
    }

    fn burst(&mut self) -> Burst {
        let count = 1 + self.rng.usize(..MOST_AT_ONCE);
        let mut faults: Vec<ScheduledFault> = Vec::new();
        for _ in 0..count {
            let fault = self.fault();
            if faults.iter().all(|other| !fault.claim().excludes(other.fault.claim())) {
                let after = Duration::from_millis(self.rng.u64(..SPREAD_MS));
                let lengths = if self.rng.u8(..3) == 0 { LONG_MS } else { SHORT_MS };
                let length = Duration::from_millis(self.rng.u64(lengths));
                faults.push(ScheduledFault { fault, after, length });
            }
        }
        Burst { faults, rest: Duration::from_millis(self.rng.u64(..LONGEST_REST_MS)) }
    }

    fn fault(&mut self) -> InjectedFault {
        let replica = self.rng.usize(..self.replicas);
        if self.deck.is_empty() {
            let all = (0..KINDS).filter(|&kind| !(self.gentle && kind == CHOKE));
            self.deck.extend(all);
            self.rng.shuffle(&mut self.deck);
        }
        match self.deck.pop().unwrap_or_default() {
            0 => InjectedFault::Kill(replica),
            1 => InjectedFault::Terminate(replica),
            2 => InjectedFault::Roll,
            3 => InjectedFault::Pause(replica),
            4 => InjectedFault::CutBus(replica),
            5 => InjectedFault::StallBus(replica),
            6 => InjectedFault::CutStore(replica),
            7 => InjectedFault::StallStore(replica),
            8 => InjectedFault::StopBus,
            9 => InjectedFault::PauseBus,
            10 => InjectedFault::KillStore,
            11 => InjectedFault::PauseStore,
            12 => InjectedFault::Flood,
            13 => InjectedFault::RestartAll,
            CHOKE => InjectedFault::Choke(replica),
            _ => InjectedFault::Garbage,
        }
    }
}

impl Iterator for Plan {
    type Item = Burst;

    fn next(&mut self) -> Option<Burst> {
        Some(self.burst())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_gentle_plan_leaves_one_kind_out() {
        let is_choke = |planned: &ScheduledFault| matches!(planned.fault, InjectedFault::Choke(_));
        let has = |plan: Plan| plan.take(100).any(|burst| burst.faults.iter().any(is_choke));
        assert!(has(Plan::new(7, 2)));
        assert!(!has(Plan::new(7, 2).gentle(true)));
    }

    #[test]
    fn a_seed_repeats_exactly() {
        let of = |seed| Plan::new(seed, 2).take(50).collect::<Vec<_>>();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn every_kind_of_fault_comes() {
        let bursts = Plan::new(1, 2).take(50);
        let kinds: BTreeSet<_> =
            bursts.flat_map(|burst| burst.faults).map(|planned| planned.fault.kind()).collect();
        assert_eq!(kinds.len(), usize::from(KINDS));
    }

    #[test]
    fn no_two_faults_of_a_burst_want_the_same() {
        for burst in Plan::new(2, 3).take(1_000) {
            assert!(!burst.faults.is_empty());
            for (n, one) in burst.faults.iter().enumerate() {
                for other in &burst.faults[..n] {
                    assert!(!one.fault.claim().excludes(other.fault.claim()), "{burst}");
                }
            }
        }
        assert!(Claim::Process(1).excludes(Claim::AllProcesses));
    }
}
