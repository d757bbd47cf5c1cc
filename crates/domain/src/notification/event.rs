//! Events of incidents that channels are told about.

use std::fmt;
use std::str::FromStr;

use crate::InvalidValue;

/// Event of an incident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "lowercase")
)]
pub enum NotificationEvent {
    /// The incident opened, or opened again.
    Opened,
    /// The incident is still open and not acknowledged.
    Repeated,
    /// The incident ended.
    Resolved,
}

impl NotificationEvent {
    /// All events.
    pub const ALL: [Self; 3] = [Self::Opened, Self::Repeated, Self::Resolved];

    /// Returns the name in messages, in files and in the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Repeated => "repeated",
            Self::Resolved => "resolved",
        }
    }

    /// Parses a name returned by [`as_str`](Self::as_str).
    ///
    /// # Errors
    /// Returns an error for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        Self::ALL
            .into_iter()
            .find(|event| event.as_str() == text)
            .ok_or_else(|| InvalidValue::new("event", text, "opened, repeated or resolved"))
    }
}

impl fmt::Display for NotificationEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for NotificationEvent {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}
