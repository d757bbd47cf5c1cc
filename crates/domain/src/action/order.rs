//! Orders: what a client asks for.

use std::fmt;
use std::time::Duration;

use super::{ActionName, ActionParams};
use crate::InvalidValue;

/// Maximum number of targets, over all runs, that were asked and have no outcome yet.
pub const MAX_IN_FLIGHT: usize = 1_000;

/// Action that a run requests of each target, with its parameters and limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionOrder {
    /// The action.
    pub action: ActionName,
    /// Its parameters.
    pub params: ActionParams,
    /// Time for which a project may take to send its result.
    pub timeout: ActionTimeout,
    /// Maximum number of targets of this run that are asked at the same time.
    pub max_concurrency: MaxConcurrency,
    /// The action may be requested twice.
    pub idempotent: bool,
    /// Projects that are known to be offline are asked too.
    pub include_offline: bool,
}

/// An order before it is parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ActionOrderDraft {
    /// See [`ActionName`].
    pub action: String,
    /// See [`ActionParams`].
    pub params: Option<String>,
    /// See [`ActionTimeout`].
    pub timeout: Option<String>,
    /// See [`MaxConcurrency`].
    pub max_concurrency: Option<f64>,
    /// See [`ActionOrder::idempotent`].
    pub idempotent: bool,
    /// See [`ActionOrder::include_offline`].
    pub include_offline: bool,
}

impl ActionOrderDraft {
    /// Parses all fields.
    ///
    /// # Errors
    /// Returns one error for each invalid field.
    pub fn parse(&self) -> Result<ActionOrder, Vec<InvalidValue>> {
        let mut faults = Vec::new();
        let mut note = |fault| faults.push(fault);
        let action = ActionName::parse(&self.action).map_err(&mut note).ok();
        let params = self.params.as_deref().map_or_else(
            || Some(ActionParams::default()),
            |text| ActionParams::from_json(text).map_err(&mut note).ok(),
        );
        let timeout = self.timeout.as_deref().map_or(Some(ActionTimeout::default()), |text| {
            ActionTimeout::parse(text).map_err(&mut note).ok()
        });
        let max_concurrency =
            self.max_concurrency.map_or(Some(MaxConcurrency::default()), |given| {
                MaxConcurrency::new(given).map_err(&mut note).ok()
            });
        let (idempotent, include_offline) = (self.idempotent, self.include_offline);
        match (action, params, timeout, max_concurrency) {
            (Some(action), Some(params), Some(timeout), Some(max_concurrency)) => Ok(ActionOrder {
                action,
                params,
                timeout,
                max_concurrency,
                idempotent,
                include_offline,
            }),
            _ => Err(faults),
        }
    }
}

/// Time for which a project may take to send its result: 1 s to 1 h, 30 s by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ActionTimeout(Duration);

impl ActionTimeout {
    /// Shortest timeout.
    pub const MIN: Duration = Duration::from_secs(1);
    /// Longest timeout.
    pub const MAX: Duration = Duration::from_secs(60 * 60);

    /// Parses a number with a unit: `1500ms`, `30s`, `5m`, `1h`. A number alone is in seconds.
    ///
    /// # Errors
    /// Fails on any other text, and if the time is out of range.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let invalid = || InvalidValue::new("timeout", text, "1s to 1h, such as 30s");
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "" | "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return Err(invalid()),
        };
        let number: u64 = number.parse().map_err(|_| invalid())?;
        number.checked_mul(unit_ms).and_then(Self::from_millis).ok_or_else(invalid)
    }

    /// Creates a timeout from milliseconds. Returns `None` if it is out of range.
    #[must_use]
    pub fn from_millis(millis: u64) -> Option<Self> {
        let timeout = Duration::from_millis(millis);
        (Self::MIN..=Self::MAX).contains(&timeout).then_some(Self(timeout))
    }

    /// Returns the duration.
    #[must_use]
    pub fn get(self) -> Duration {
        self.0
    }
}

impl Default for ActionTimeout {
    fn default() -> Self {
        Self(Duration::from_secs(30))
    }
}

impl fmt::Display for ActionTimeout {
    /// Writes the largest unit that leaves no rest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let units = [(3_600_000, "h"), (60_000, "m"), (1_000, "s")];
        let unit =
            units.into_iter().find(|(unit, _)| millis.is_multiple_of(*unit)).unwrap_or((1, "ms"));
        write!(f, "{}{}", millis / unit.0, unit.1)
    }
}

/// Maximum number of targets of a run that are asked at the same time: 1 to 1,000, 50 by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MaxConcurrency(u16);

impl MaxConcurrency {
    /// Creates a limit.
    ///
    /// # Errors
    /// Fails if the number is not whole or is out of range.
    pub fn new(number: f64) -> Result<Self, InvalidValue> {
        let allowed = "a whole number from 1 to 1000";
        if number.fract() != 0.0 || !(1.0..=1_000.0).contains(&number) {
            return Err(InvalidValue::new("max_concurrency", &number.to_string(), allowed));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "is 1 to 1000")]
        Ok(Self(number as u16))
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> usize {
        usize::from(self.0)
    }
}

impl Default for MaxConcurrency {
    fn default() -> Self {
        Self(50)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_timeout_is_one_second_to_one_hour() {
        for (text, millis) in
            [("1s", 1_000), ("1500ms", 1_500), ("30", 30_000), ("5m", 300_000), ("1h", 3_600_000)]
        {
            assert_eq!(ActionTimeout::parse(text).unwrap().get().as_millis(), millis, "{text}");
        }
        for bad in ["", "0s", "999ms", "61m", "2h", "-1s", "1 s", "1.5s", "s", "99999999999999h"] {
            assert_eq!(ActionTimeout::parse(bad).unwrap_err().field, "timeout", "{bad:?}");
        }
    }

    #[test]
    fn concurrency_is_one_to_a_thousand() {
        assert_eq!(MaxConcurrency::new(1_000.0).unwrap().get(), 1_000);
        for bad in [0.0, 1.5, -1.0, 1_001.0, f64::NAN, f64::INFINITY] {
            assert!(MaxConcurrency::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_invalid_field_is_reported() {
        let draft = ActionOrderDraft {
            action: "A".to_owned(),
            params: Some("[]".to_owned()),
            timeout: Some("2h".to_owned()),
            max_concurrency: Some(0.0),
            ..ActionOrderDraft::default()
        };
        let faults = draft.parse().unwrap_err();
        let fields: Vec<_> = faults.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["action", "params", "timeout", "max_concurrency"]);
    }

    proptest! {
        #[test]
        fn a_timeout_is_parsed_as_written(millis in 1_000_u64..=3_600_000) {
            let timeout = ActionTimeout::from_millis(millis).unwrap();
            prop_assert_eq!(ActionTimeout::parse(&timeout.to_string()), Ok(timeout));
        }
    }
}
