//! Runs.

use std::fmt;

use time::OffsetDateTime;

use super::{ActionOrder, OutcomeCounts};
use crate::InvalidValue;
use crate::log::Actor;
use crate::values::text_value;

/// Identifies a run: 32 lower-case hexadecimal digits. Ids sort by the time of creation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(u128);

impl RunId {
    /// Number of digits.
    pub const DIGITS: usize = 32;

    /// Creates an id from the time of creation and a random number, of which 80 bits are used.
    #[must_use]
    pub fn new(created_at: OffsetDateTime, random: u128) -> Self {
        let millis = u128::try_from(created_at.unix_timestamp_nanos() / 1_000_000).unwrap_or(0);
        Self((millis << 80) | (random >> 48))
    }

    /// Parses the digits.
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let invalid = || InvalidValue::new("id", text, "32 hexadecimal digits");
        if text.len() != Self::DIGITS || !text.bytes().all(is_digit) {
            return Err(invalid());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| invalid())
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// Status of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RunStatus {
    /// Targets are being asked, or replies are awaited.
    Running,
    /// The run was cancelled. It asks no further targets, and replies are still awaited.
    Cancelling,
    /// Every target has an outcome.
    Ended,
    /// The run was cancelled, and every target has an outcome.
    Cancelled,
}

impl RunStatus {
    /// All statuses.
    pub const ALL: [Self; 4] = [Self::Running, Self::Cancelling, Self::Ended, Self::Cancelled];

    /// Returns the name in the API and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Ended => "ended",
            Self::Cancelled => "cancelled",
        }
    }

    /// Parses a name returned by [`as_str`](Self::as_str).
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let mut all = Self::ALL.into_iter();
        all.find(|status| status.as_str() == text).ok_or_else(|| {
            InvalidValue::new("status", text, "running, cancelling, ended or cancelled")
        })
    }

    /// Returns `true` if every target has an outcome.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Ended | Self::Cancelled)
    }

    /// Returns the status once every target has an outcome.
    #[must_use]
    pub fn at_the_end(self) -> Self {
        match self {
            Self::Running | Self::Ended => Self::Ended,
            Self::Cancelling | Self::Cancelled => Self::Cancelled,
        }
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An order on its way through its targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionRun {
    /// Id.
    pub id: RunId,
    /// Action, parameters and limits.
    pub order: ActionOrder,
    /// Status.
    pub status: RunStatus,
    /// The API key that created the run, or `api`.
    pub actor: Actor,
    /// Time of creation.
    pub created_at: OffsetDateTime,
    /// Time at which the last target ended.
    pub ended_at: Option<OffsetDateTime>,
    /// Targets by outcome.
    pub counts: OutcomeCounts,
}

/// Key by which a client recognizes its own request: 1 to 255 visible ASCII characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct IdempotencyKey(Box<str>);

impl IdempotencyKey {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 255;

    /// Parses a key.
    ///
    /// # Errors
    /// Fails if the text is empty, too long, or has another character.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let fits = (1..=Self::MAX_CHARS).contains(&text.len());
        if !fits || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let allowed = "1 to 255 visible ASCII characters, such as a UUID";
            return Err(InvalidValue::new("Idempotency-Key", text, allowed));
        }
        Ok(Self(text.into()))
    }
}

text_value!(IdempotencyKey);

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn ids_are_parsed_as_written_and_sort_by_time() {
        let id = RunId::new(datetime!(2026-11-29 01:00 UTC), u128::MAX);
        assert_eq!(RunId::parse(&id.to_string()), Ok(id));
        assert!(RunId::new(datetime!(2026-11-29 01:00:00.001 UTC), 0) > id);
        for bad in ["", "1", &id.to_string().to_uppercase(), &"+".repeat(32), &"a".repeat(33)] {
            assert!(RunId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn statuses_are_parsed_as_written() {
        for status in RunStatus::ALL {
            assert_eq!(RunStatus::parse(status.as_str()), Ok(status));
            assert!(status.at_the_end().is_final());
        }
        assert!(RunStatus::parse("done").is_err());
    }

    #[test]
    fn an_idempotency_key_is_visible_ascii() {
        assert!(IdempotencyKey::parse("7c1e-01").is_ok());
        for bad in ["", "a b", "ä", "a\n", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(bad).is_err(), "{bad:?}");
        }
    }
}
