//! Names of channels.

use std::sync::Arc;

use crate::InvalidValue;
use crate::values::text_value;

/// Name of a channel: 1 to 50 of `a-z`, `0-9`, `-` and `_`.
///
/// Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChannelName(Arc<str>);

impl ChannelName {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 50;

    /// Parses a name.
    ///
    /// # Errors
    /// Fails if the text is empty, too long, or contains another character.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let allowed = text.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'));
        if text.is_empty() || text.len() > Self::MAX_CHARS || !allowed {
            return Err(InvalidValue::new("channel", text, "1 to 50 of a-z, 0-9, - and _"));
        }
        Ok(Self(text.into()))
    }
}

text_value!(ChannelName);
