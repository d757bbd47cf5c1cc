//! Causes of changes.

use crate::heartbeat::{Reports, Source};
use crate::log::Actor;

/// Origin of a registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum Origin {
    /// A call of the API.
    Api,
    /// The projects file.
    File,
    /// A heartbeat of an unknown project, if auto-registration is on.
    Heartbeat,
}

impl Origin {
    /// Returns the actor of registrations whose request says nothing else.
    #[must_use]
    pub fn actor(self) -> Actor {
        match self {
            Self::Api => Actor::API,
            Self::File => Actor::FILE,
            Self::Heartbeat => Actor::NATS,
        }
    }
}

/// Outcome of pinging a silent project before it is reported offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Probe {
    /// The project answered, so it is alive.
    Answered,
    /// No subscriber listens on its ping subject.
    NoResponders,
    /// A subscriber did not answer in time.
    NoAnswer,
    /// No ping was sent, because NATS is unavailable or the subject is unknown.
    NotAsked,
}

impl std::fmt::Display for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Answered => "it answered a ping",
            Self::NoResponders => "nothing listens on its ping subject",
            Self::NoAnswer => "it did not answer a ping",
            Self::NotAsked => "it could not be pinged",
        })
    }
}

/// Reason for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(tag = "kind", rename_all = "snake_case")
)]
pub enum Cause {
    /// A heartbeat arrived.
    Heartbeat {
        /// Source of the heartbeat.
        source: Source,
    },
    /// No heartbeat arrived for too long.
    Silence {
        /// Listened time without a heartbeat, in ms.
        silence_ms: u64,
        /// Deaf time that was not counted, in ms.
        deaf_ms: u64,
        /// Outcome of the ping, if one was due.
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
        probe: Option<Probe>,
    },
    /// The project reported its status.
    Reported {
        /// Reasons in its own words.
        reasons: Vec<String>,
    },
    /// It was registered, or its registration was replaced.
    Registered {
        /// Origin of the registration.
        by: Origin,
    },
    /// An API call requested it.
    Operator,
    /// The project had registered itself and was silent for too long.
    Expired,
    /// Several changes of a flapping project, of which only the net change is logged.
    Merged {
        /// Number of changes.
        changes: u32,
        /// Cause of the last one.
        last: Box<Cause>,
    },
}

impl Cause {
    /// Returns the cause of a status that the project reported.
    #[must_use]
    pub fn reported(reports: &Reports) -> Self {
        Self::Reported { reasons: reports.reasons().map(str::to_owned).collect() }
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Heartbeat { source } => write!(f, "heartbeat over {source}"),
            Self::Silence { silence_ms, deaf_ms, probe } => {
                write!(f, "no heartbeat for {}", Seconds(*silence_ms))?;
                if *deaf_ms > 0 {
                    write!(f, ", not counting {} of interruptions", Seconds(*deaf_ms))?;
                }
                probe.map_or(Ok(()), |probe| write!(f, "; {probe}"))
            }
            Self::Reported { reasons } if reasons.is_empty() => {
                f.write_str("reported by the project")
            }
            Self::Reported { reasons } => {
                write!(f, "reported by the project: {}", reasons.join("; "))
            }
            Self::Registered { by: Origin::Api } => f.write_str("registered through the API"),
            Self::Registered { by: Origin::File } => {
                f.write_str("registered from the projects file")
            }
            Self::Registered { by: Origin::Heartbeat } => f.write_str("registered by a heartbeat"),
            Self::Operator => f.write_str("requested by an operator"),
            Self::Expired => f.write_str("registered itself and was silent for too long"),
            Self::Merged { changes, last } => {
                write!(f, "{changes} changes in quick succession, the last one: {last}")
            }
        }
    }
}

/// Displays a second or more as seconds with at most one decimal, rounded down.
struct Seconds(u64);

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.0 / 1_000, self.0 % 1_000 / 100) {
            (0, _) => write!(f, "{} ms", self.0),
            (seconds, 0) => write!(f, "{seconds} s"),
            (seconds, tenths) => write!(f, "{seconds}.{tenths} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_displays_silence_in_seconds() {
        let silence = |silence_ms, deaf_ms| Cause::Silence { silence_ms, deaf_ms, probe: None };
        assert_eq!(silence(90_000, 0).to_string(), "no heartbeat for 90 s");
        assert_eq!(
            silence(2_099, 250).to_string(),
            "no heartbeat for 2 s, not counting 250 ms of interruptions"
        );
        assert_eq!(silence(2_100, 0).to_string(), "no heartbeat for 2.1 s");
    }
}
