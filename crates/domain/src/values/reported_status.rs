use crate::{Condition, InvalidValue};

/// Words for a project that is well.
const WELL: [&str; 6] = ["online", "ok", "up", "healthy", "pass", "passing"];

/// Words for a project that is not well. They are more specific than `degraded`.
const UNWELL: [&str; 8] =
    ["warn", "warning", "down", "unhealthy", "critical", "fail", "error", "offline"];

const DEGRADED: &str = "degraded";

const ALLOWED: &str = "online, ok, up, healthy, pass or passing, or else degraded, warn, warning, \
                       down, unhealthy, critical, fail, error or offline";

/// Status that a project reports about itself, in the words that monitoring tools use.
///
/// A project that reports `offline` is alive, so it counts as degraded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportedStatus {
    /// The project is well.
    Well,
    /// The project works, but not well.
    Degraded {
        /// The reported word, unless it is `degraded`, in lower case.
        word: Option<&'static str>,
    },
}

impl ReportedStatus {
    /// Parses a word in any case.
    ///
    /// # Errors
    /// Fails if the word is not known.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let is_text = |word: &&str| word.eq_ignore_ascii_case(text);
        if WELL.iter().any(is_text) {
            Ok(Self::Well)
        } else if is_text(&DEGRADED) {
            Ok(Self::Degraded { word: None })
        } else if let Some(word) = UNWELL.into_iter().find(is_text) {
            Ok(Self::Degraded { word: Some(word) })
        } else {
            Err(InvalidValue::new("status", text, ALLOWED))
        }
    }

    /// Error for a status that is not a string.
    #[must_use]
    pub fn not_a_string() -> InvalidValue {
        InvalidValue {
            field: "status".to_owned(),
            given: "a value that is not a string".to_owned(),
            allowed: ALLOWED.to_owned(),
        }
    }

    /// Returns all words that [`parse`](Self::parse) knows, in lower case.
    pub fn words() -> impl Iterator<Item = &'static str> {
        WELL.into_iter().chain([DEGRADED]).chain(UNWELL)
    }

    /// Combines the reported status, if any, with the reported reasons.
    ///
    /// Reasons without a status mean that the project is degraded. The word of a status is the first
    /// reason. Returns `None` if nothing is reported.
    #[must_use]
    pub fn condition(status: Option<Self>, mut reasons: Vec<String>) -> Option<Condition> {
        match status {
            None if reasons.is_empty() => None,
            None => Some(Condition::Degraded { reasons }),
            Some(Self::Well) => Some(Condition::Online),
            Some(Self::Degraded { word }) => {
                if let Some(word) = word.filter(|word| !reasons.iter().any(|one| one == word)) {
                    reasons.insert(0, word.to_owned());
                }
                Some(Condition::Degraded { reasons })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(status: &str, reasons: &[&str]) -> Option<Condition> {
        let reasons = reasons.iter().map(ToString::to_string).collect();
        ReportedStatus::condition(Some(ReportedStatus::parse(status).unwrap()), reasons)
    }

    fn degraded(reasons: &[&str]) -> Option<Condition> {
        Some(Condition::Degraded { reasons: reasons.iter().map(ToString::to_string).collect() })
    }

    #[test]
    fn a_status_is_parsed_in_any_case() {
        for word in WELL {
            for text in [word.to_owned(), word.to_ascii_uppercase()] {
                assert_eq!(condition(&text, &[]), Some(Condition::Online), "{text}");
            }
        }
        for text in ["degraded", "Degraded", "DEGRADED"] {
            assert_eq!(condition(text, &[]), degraded(&[]), "{text}");
        }
        for word in UNWELL {
            for text in [word.to_owned(), word.to_ascii_uppercase()] {
                assert_eq!(condition(&text, &[]), degraded(&[word]), "{text}");
            }
        }
    }

    #[test]
    fn every_listed_word_is_parsed() {
        assert_eq!(ReportedStatus::words().count(), WELL.len() + 1 + UNWELL.len());
        for word in ReportedStatus::words() {
            assert!(ReportedStatus::parse(word).is_ok(), "{word}");
        }
    }

    #[test]
    fn a_word_is_the_first_reason_and_stands_once() {
        assert_eq!(condition("Down", &["disk full"]), degraded(&["down", "disk full"]));
        assert_eq!(condition("down", &["disk full", "down"]), degraded(&["disk full", "down"]));
        assert_eq!(condition("degraded", &["disk full"]), degraded(&["disk full"]));
    }

    #[test]
    fn reasons_without_a_status_mean_degraded() {
        let reported = |reasons| ReportedStatus::condition(None, reasons);
        assert_eq!(reported(vec!["slow".to_owned()]), degraded(&["slow"]));
        assert_eq!(reported(Vec::new()), None);
    }

    #[test]
    fn an_unknown_word_is_rejected_with_the_known_ones() {
        for text in ["", "asleep", "0", "false", "on line", " ok"] {
            let error = ReportedStatus::parse(text).unwrap_err().to_string();
            assert!(error.starts_with("status: expected online, ok, "), "{error}");
            assert!(error.ends_with(&format!("got {text:?}")), "{error}");
        }
    }
}
