//! Positions in the log.

use std::fmt;

use crate::change::Revision;

/// Identity of a log: a random number that the store draws when it creates the log, and again after
/// the log was replaced by another one.
///
/// Two logs may have different entries at the same revision. A revision therefore says something
/// only together with the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Epoch(u64);

/// Number of hexadecimal digits of an epoch.
const DIGITS: usize = 12;

impl Epoch {
    /// Creates an epoch from the lowest 48 bits of a number.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & ((1 << (DIGITS * 4)) - 1))
    }

    /// Parses the 12 lower-case hexadecimal digits of an epoch. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != DIGITS || !text.bytes().all(is_digit) {
            return None;
        }
        u64::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0DIGITS$x}", self.0)
    }
}

/// Position after an entry of one log, such as `8f3a9c01b2d4-17`. Opaque to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LogPosition {
    /// The log.
    pub epoch: Epoch,
    /// Revision of the entry, or 0 before the first one.
    pub revision: Revision,
}

impl LogPosition {
    /// Maximum number of digits of a revision. All numbers of that length fit.
    const MAX_DIGITS: usize = 18;

    /// Parses a position as displayed. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (epoch, revision) = text.split_once('-')?;
        let (epoch, revision) = (Epoch::parse(epoch)?, Self::parse_revision(revision)?);
        Some(Self { epoch, revision })
    }

    /// Parses a revision without an epoch, the form of positions before logs had epochs.
    #[must_use]
    pub fn parse_revision(text: &str) -> Option<Revision> {
        let is_number = (1..=Self::MAX_DIGITS).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse().ok().map(Revision)).flatten()
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.epoch, self.revision.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_position_parses_as_it_is_displayed(bits: u64, revision in 0_i64..1_000_000_000_000) {
            let position =
                LogPosition { epoch: Epoch::from_bits(bits), revision: Revision(revision) };
            prop_assert_eq!(LogPosition::parse(&position.to_string()), Some(position));
        }

        #[test]
        fn any_text_parses_or_not(text in "\\PC*") {
            let _ = (LogPosition::parse(&text), LogPosition::parse_revision(&text));
        }
    }

    #[test]
    fn other_texts_are_not_positions() {
        for bad in ["", "-", "17", "8f3a9c01b2d4", "8f3a9c01b2d4-", "8F3A9C01B2D4-1", "8f3-1"] {
            assert_eq!(LogPosition::parse(bad), None, "{bad}");
        }
        for bad in ["8f3a9c01b2d4--1", "8f3a9c01b2d4-+1", "8f3a9c01b2d4-1234567890123456789"] {
            assert_eq!(LogPosition::parse(bad), None, "{bad}");
        }
        assert_eq!(LogPosition::parse_revision("17"), Some(Revision(17)));
        assert_eq!(LogPosition::parse_revision("-17"), None);
    }
}
