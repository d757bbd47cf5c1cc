//! Replies of projects.

use std::sync::Arc;

/// Maximum length of an error in characters. The rest is cut off.
const MAX_ERROR_CHARS: usize = 1_000;

/// A reply of a project to a request, or of the bus in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionReply {
    /// The project has received the request. More replies follow.
    Accepted,
    /// The project is working. More replies follow.
    Progress(Percent),
    /// The project is done.
    Done(ActionResult),
    /// The project failed.
    Failed(String),
    /// Nothing subscribes to the subject of the request.
    NoResponders,
}

impl ActionReply {
    /// Returns `true` if no further reply counts.
    #[must_use]
    pub fn is_final(&self) -> bool {
        !matches!(self, Self::Accepted | Self::Progress(_))
    }
}

/// Share of the work that is done, from 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Percent(u8);

impl Percent {
    /// Creates a share, rounded and limited to 0 to 100. Returns `None` if it is not a number.
    #[must_use]
    pub fn new(percent: f64) -> Option<Self> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "is 0 to 100")]
        (!percent.is_nan()).then(|| Self(percent.clamp(0.0, 100.0).round() as u8))
    }

    /// Returns the number.
    #[must_use]
    pub fn get(self) -> u8 {
        self.0
    }
}

/// The result that a project replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionResult {
    /// No result.
    None,
    /// JSON text.
    Json(Arc<str>),
    /// A result that is too large. It was left out.
    TooLarge {
        /// Its length.
        bytes: usize,
    },
}

impl ActionResult {
    /// Maximum length in bytes.
    pub const MAX_BYTES: usize = 64 * 1024;

    /// Wraps JSON text, which the caller has parsed and serialized again. Leaves it out if it is too
    /// large.
    #[must_use]
    pub fn from_json(text: &str) -> Self {
        match text {
            "null" => Self::None,
            _ if text.len() > Self::MAX_BYTES => Self::TooLarge { bytes: text.len() },
            _ => Self::Json(text.into()),
        }
    }
}

/// Returns an error of a project in a form that is safe to store and to show.
pub(super) fn shown_error(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut shown: String = plain.take(MAX_ERROR_CHARS).collect();
    if text.chars().nth(MAX_ERROR_CHARS).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentage_is_limited() {
        let percent = |number| Percent::new(number).map(Percent::get);
        assert_eq!(percent(39.5), Some(40));
        assert_eq!((percent(-1.0), percent(1e300)), (Some(0), Some(100)));
        assert_eq!(percent(f64::NAN), None);
    }

    #[test]
    fn a_result_of_more_than_64_kibibytes_is_left_out() {
        let fits = "x".repeat(ActionResult::MAX_BYTES);
        assert!(matches!(ActionResult::from_json(&fits), ActionResult::Json(_)));
        let bytes = fits.len() + 1;
        assert_eq!(ActionResult::from_json(&format!("{fits}x")), ActionResult::TooLarge { bytes });
        assert_eq!(ActionResult::from_json("null"), ActionResult::None);
    }

    #[test]
    fn an_error_is_short_and_on_one_line() {
        assert_eq!(shown_error("a\nb\0"), "a b ");
        assert_eq!(shown_error(&"é".repeat(2_000)).chars().count(), MAX_ERROR_CHARS + 1);
    }
}
