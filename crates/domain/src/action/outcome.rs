//! Outcomes.

use crate::InvalidValue;

/// Outcome at a target. Each target ends in exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActionOutcome {
    /// The project replied that it is done.
    Done,
    /// The project accepted the request and sent no result in time.
    Accepted,
    /// The project replied that it failed, or it cannot be asked.
    Failed,
    /// The project did not reply in time.
    TimedOut,
    /// The project was not asked, because it must not be: its allowlist or the rights of the API key
    /// do not permit it, or the run was cancelled.
    NotAllowed,
    /// The project was not asked, because it is offline.
    Offline,
    /// The project was asked, and its reply may have been lost.
    Unknown,
}

impl ActionOutcome {
    /// All outcomes.
    pub const ALL: [Self; 7] = [
        Self::Done,
        Self::Accepted,
        Self::Failed,
        Self::TimedOut,
        Self::NotAllowed,
        Self::Offline,
        Self::Unknown,
    ];

    /// Returns the name in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Accepted => "accepted",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::NotAllowed => "not_allowed",
            Self::Offline => "offline",
            Self::Unknown => "unknown",
        }
    }

    /// Parses a name returned by [`as_str`](Self::as_str).
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let mut all = Self::ALL.into_iter();
        all.find(|outcome| outcome.as_str() == text).ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str).join(", ");
            InvalidValue::new("outcome", text, format!("one of {names}"))
        })
    }
}

impl std::fmt::Display for ActionOutcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Number of targets by outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// Targets that were not asked yet.
    pub waiting: usize,
    /// Targets that are recorded as asked and have no outcome yet.
    pub asked: usize,
    ended: [usize; ActionOutcome::ALL.len()],
}

impl OutcomeCounts {
    /// Adds targets that were not asked or, with `is_asked`, that were, with their outcome.
    pub fn add(&mut self, outcome: Option<ActionOutcome>, is_asked: bool, count: usize) {
        match (outcome, is_asked) {
            (Some(outcome), _) => self.ended[outcome as usize] += count,
            (None, true) => self.asked += count,
            (None, false) => self.waiting += count,
        }
    }

    /// Returns the number of targets with an outcome.
    #[must_use]
    pub fn of(&self, outcome: ActionOutcome) -> usize {
        self.ended[outcome as usize]
    }

    /// Returns the number of targets that have an outcome.
    #[must_use]
    pub fn ended(&self) -> usize {
        self.ended.iter().sum()
    }

    /// Returns the number of all targets.
    #[must_use]
    pub fn total(&self) -> usize {
        self.waiting + self.asked + self.ended()
    }

    /// Returns the counts as numbers joined by commas, for a store: waiting, asked, and each outcome.
    #[must_use]
    pub fn to_text(&self) -> String {
        let numbers = [self.waiting, self.asked].into_iter().chain(self.ended);
        numbers.map(|number| number.to_string()).collect::<Vec<_>>().join(",")
    }

    /// Parses a text returned by [`to_text`](Self::to_text).
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<usize> = text.split(',').map(str::parse).collect::<Result<_, _>>().ok()?;
        let (waiting, asked) = (*numbers.first()?, *numbers.get(1)?);
        let ended = numbers.get(2..)?.try_into().ok()?;
        Some(Self { waiting, asked, ended })
    }

    /// Returns the counts as a JSON object, without outcomes that no target has.
    #[must_use]
    pub fn to_json(&self) -> String {
        let given = [("total", self.total()), ("waiting", self.waiting), ("asked", self.asked)];
        let ended = ActionOutcome::ALL.map(|outcome| (outcome.as_str(), self.of(outcome)));
        let pairs = given.into_iter().chain(ended);
        let pairs = pairs.filter(|(name, count)| *name == "total" || *count > 0);
        let pairs: Vec<String> = pairs.map(|(name, count)| format!("\"{name}\":{count}")).collect();
        format!("{{{}}}", pairs.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parsed_as_written() {
        for outcome in ActionOutcome::ALL {
            assert_eq!(ActionOutcome::parse(outcome.as_str()), Ok(outcome));
        }
        assert_eq!(ActionOutcome::parse("ok").unwrap_err().field, "outcome");
    }

    #[test]
    fn counts_add_up() {
        let mut counts = OutcomeCounts::default();
        counts.add(None, false, 2);
        counts.add(None, true, 1);
        counts.add(Some(ActionOutcome::Offline), false, 3);
        assert_eq!((counts.total(), counts.ended(), counts.of(ActionOutcome::Offline)), (6, 3, 3));
        assert_eq!(OutcomeCounts::parse(&counts.to_text()), Some(counts));
        assert_eq!(OutcomeCounts::parse("1,2"), None);
        assert_eq!(counts.to_json(), r#"{"total":6,"waiting":2,"asked":1,"offline":3}"#);
    }
}
