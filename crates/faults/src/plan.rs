//! The schedule of faults, chosen from the seed.

use std::fmt;
use std::time::Duration;

/// Duration of a short fault. Short faults leave time for more of them.
const SHORT_MS: std::ops::Range<u64> = 200..4_000;
/// Duration of a long fault.
const LONG_MS: std::ops::Range<u64> = 4_000..12_000;
/// Time within which all faults of a burst begin.
const SPREAD_MS: u64 = 3_000;
/// Longest rest after a burst. Without rests, no silence would ever be undisturbed for long enough
/// to be reported.
const LONGEST_REST_MS: u64 = 14_000;
/// Number of kinds of faults.
const KINDS: u8 = 22;
/// Kind that a gentle plan skips.
const CHOKE: u8 = 14;
/// Maximum number of faults in a burst.
const MOST_AT_ONCE: usize = 3;

/// A fault. A number is that of a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InjectedFault {
    /// SIGKILL, followed by a new process at the end.
    Kill(usize),
    /// SIGTERM, followed by a new process at the end.
    Terminate(usize),
    /// SIGTERM and a new process, one replica after the other.
    Roll,
    /// SIGTERM for all replicas at once, and new processes at the end.
    RestartAll,
    /// SIGSTOP, followed by SIGCONT at the end.
    Pause(usize),
    /// Several short pauses in quick succession.
    Stutter(usize),
    /// SIGTERM and a new process, several times in quick succession.
    Flap(usize),
    /// The link to the bus closes and rejects connections.
    CutBus(usize),
    /// The link to the bus stays open but transfers no bytes.
    StallBus(usize),
    /// The link to the store closes and rejects connections.
    CutStore(usize),
    /// The link to the store stays open but transfers no bytes.
    StallStore(usize),
    /// The NATS server is killed and started again.
    StopBus,
    /// The NATS server is paused.
    PauseBus,
    /// Postgres is killed and started again.
    KillStore,
    /// Postgres is paused.
    PauseStore,
    /// One project publishes as fast as it can and changes its reported status each time.
    Flood,
    /// A larger flood while the process gets little CPU time.
    Choke(usize),
    /// Invalid heartbeats.
    Garbage,
    /// The store rejects every change of one project for good, while that project changes.
    Refuse,
    /// The log of the process is not read.
    Mute(usize),
    /// Postgres is paused while many clients write.
    HangStore,
    /// A newer version adds a column and writes log entries of an entity that this one does not know,
    /// and the replicas restart in turn.
    Upgrade,
}

/// The part that a fault needs exclusively. Two faults of a burst never share a part.
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
    Refusal,
    Log(usize),
}

impl Claim {
    fn excludes(self, other: Self) -> bool {
        let all_and_one = |a, b| a == Self::AllProcesses && matches!(b, Self::Process(_));
        self == other || all_and_one(self, other) || all_and_one(other, self)
    }
}

impl InjectedFault {
    /// Returns the name of its kind, for counting.
    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Kill(_) => "service killed",
            Self::Terminate(_) => "service terminated",
            Self::Roll => "rolling restart",
            Self::RestartAll => "all restarted",
            Self::Pause(_) => "service paused",
            Self::Stutter(_) => "frequent short pauses",
            Self::Flap(_) => "frequent restarts",
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
            Self::Refuse => "permanent refusals",
            Self::Mute(_) => "slow log reader",
            Self::HangStore => "Postgres paused under writes",
            Self::Upgrade => "rolling upgrade",
        }
    }

    fn claim(self) -> Claim {
        match self {
            Self::Kill(replica)
            | Self::Terminate(replica)
            | Self::Pause(replica)
            | Self::Stutter(replica)
            | Self::Flap(replica)
            | Self::Choke(replica) => Claim::Process(replica),
            Self::Roll | Self::RestartAll | Self::Upgrade => Claim::AllProcesses,
            Self::CutBus(replica) | Self::StallBus(replica) => Claim::BusLink(replica),
            Self::CutStore(replica) | Self::StallStore(replica) => Claim::StoreLink(replica),
            Self::StopBus | Self::PauseBus => Claim::Bus,
            Self::KillStore | Self::PauseStore | Self::HangStore => Claim::Store,
            Self::Flood => Claim::Flood,
            Self::Garbage => Claim::Garbage,
            Self::Refuse => Claim::Refusal,
            Self::Mute(replica) => Claim::Log(replica),
        }
    }

    fn replica(self) -> Option<usize> {
        match self.claim() {
            Claim::Process(replica)
            | Claim::BusLink(replica)
            | Claim::StoreLink(replica)
            | Claim::Log(replica) => Some(replica),
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

/// A fault with its start and duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ScheduledFault {
    pub(crate) fault: InjectedFault,
    /// Start, relative to the start of the burst.
    pub(crate) after: Duration,
    pub(crate) length: Duration,
}

/// Overlapping faults and the rest after them.
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

/// The faults of a run, as an endless sequence of bursts.
#[derive(Debug)]
pub(crate) struct Plan {
    rng: fastrand::Rng,
    replicas: usize,
    /// Skips [`InjectedFault::Choke`].
    gentle: bool,
    /// Kinds that come before any kind is repeated, so that a short run has many of them.
    deck: Vec<u8>,
}

impl Plan {
    pub(crate) fn new(seed: u64, replicas: usize) -> Self {
        Self { rng: fastrand::Rng::with_seed(seed), replicas, gentle: false, deck: Vec::new() }
    }

    /// Skips faults that a busy machine may cause by itself, if `gentle`.
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
            15 => InjectedFault::Stutter(replica),
            16 => InjectedFault::Flap(replica),
            17 => InjectedFault::Refuse,
            18 => InjectedFault::Mute(replica),
            19 => InjectedFault::HangStore,
            20 => InjectedFault::Upgrade,
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
    fn a_gentle_plan_skips_one_kind() {
        let is_choke = |planned: &ScheduledFault| matches!(planned.fault, InjectedFault::Choke(_));
        let has = |plan: Plan| plan.take(100).any(|burst| burst.faults.iter().any(is_choke));
        assert!(has(Plan::new(7, 2)));
        assert!(!has(Plan::new(7, 2).gentle(true)));
    }

    #[test]
    fn a_seed_always_gives_the_same_plan() {
        let of = |seed| Plan::new(seed, 2).take(50).collect::<Vec<_>>();
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn a_plan_has_every_kind_of_fault() {
        let bursts = Plan::new(1, 2).take(60);
        let kinds: BTreeSet<_> =
            bursts.flat_map(|burst| burst.faults).map(|planned| planned.fault.kind()).collect();
        assert_eq!(kinds.len(), usize::from(KINDS));
    }

    #[test]
    fn no_two_faults_of_a_burst_share_a_part() {
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
