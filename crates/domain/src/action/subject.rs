//! Subjects of requests.

use std::collections::BTreeMap;

use super::ActionName;
use crate::InvalidValue;

/// Subjects that the plan of the federation names for its two actions.
const PLANNED: [(&str, &str); 2] =
    [("audit.security", "audit.requested.security"), ("graph.refresh", "graph.summary.requested")];

/// Mapping from actions to the subjects of their requests, without the namespace of the project.
///
/// Without an entry of its own, an action `a.b` is requested on `a.requested.b`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionSubjects(BTreeMap<ActionName, Box<str>>);

impl ActionSubjects {
    /// Maximum number of entries.
    pub const MAX_ITEMS: usize = 100;
    /// Maximum length of a subject in characters.
    pub const MAX_CHARS: usize = 150;

    /// Parses entries of the form `action=subject`.
    ///
    /// # Errors
    /// Fails if there are too many entries, if an action is invalid or appears twice, or if a subject
    /// is not tokens of `A-Z`, `a-z`, `0-9`, `_` and `-` joined by dots.
    pub fn parse<T: AsRef<str>>(entries: &[T]) -> Result<Self, InvalidValue> {
        const FIELD: &str = "subjects";
        if entries.len() > Self::MAX_ITEMS {
            let given = format!("{} of them", entries.len());
            return Err(InvalidValue::new(FIELD, &given, format!("at most {}", Self::MAX_ITEMS)));
        }
        let mut subjects = BTreeMap::new();
        for entry in entries.iter().map(AsRef::as_ref) {
            let parsed = entry.split_once('=').and_then(|(action, subject)| {
                let action = ActionName::parse(action.trim()).ok()?;
                is_subject(subject.trim()).then(|| (action, Box::from(subject.trim())))
            });
            let (action, subject) = parsed.ok_or_else(|| {
                let allowed = "action=subject, such as cache.clear=cache.clear.requested";
                InvalidValue::new(FIELD, entry, allowed)
            })?;
            if subjects.insert(action, subject).is_some() {
                return Err(InvalidValue::new(FIELD, entry, "each action once"));
            }
        }
        Ok(Self(subjects))
    }

    /// Returns the subject of an action, or `None` if the action is unknown: it has no entry, and its
    /// name is a single word.
    #[must_use]
    pub fn subject_of(&self, action: &ActionName) -> Option<String> {
        let planned = || PLANNED.iter().find(|(name, _)| *name == action.as_str());
        let given = self.0.get(action).map(AsRef::as_ref);
        if let Some(subject) = given.or_else(|| planned().map(|(_, subject)| *subject)) {
            return Some(subject.to_owned());
        }
        let (first, rest) = action.as_str().split_once('.')?;
        Some(format!("{first}.requested.{rest}"))
    }
}

fn is_subject(text: &str) -> bool {
    let is_token = |token: &str| {
        !token.is_empty()
            && token.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    text.len() <= ActionSubjects::MAX_CHARS && text.split('.').all(is_token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn subject(subjects: &ActionSubjects, action: &str) -> Option<String> {
        subjects.subject_of(&ActionName::parse(action).unwrap())
    }

    #[test]
    fn the_actions_of_the_plan_have_its_subjects() {
        let subjects = ActionSubjects::default();
        for (action, expected) in [
            ("audit.security", "audit.requested.security"),
            ("graph.refresh", "graph.summary.requested"),
            ("cache.clear", "cache.requested.clear"),
            ("a.b.c", "a.requested.b.c"),
        ] {
            assert_eq!(subject(&subjects, action).as_deref(), Some(expected));
        }
        assert_eq!(subject(&subjects, "deploy"), None);
    }

    #[test]
    fn a_setting_maps_further_actions() {
        let subjects = ActionSubjects::parse(&["deploy=Deploy.now", "a.b = x"]).unwrap();
        assert_eq!(subject(&subjects, "deploy").as_deref(), Some("Deploy.now"));
        assert_eq!(subject(&subjects, "a.b").as_deref(), Some("x"));
        for bad in ["", "deploy", "deploy=", "deploy=a.*", "deploy=>", "D=a", "deploy=a b"] {
            assert!(ActionSubjects::parse(&[bad]).is_err(), "{bad:?}");
        }
        assert!(ActionSubjects::parse(&["a.b=c", "a.b=d"]).is_err());
    }

    proptest! {
        #[test]
        fn no_action_has_a_subject_with_a_wildcard(name in "[a-z0-9_.*> -]{0,40}") {
            if let Ok(action) = ActionName::parse(&name)
                && let Some(subject) = ActionSubjects::default().subject_of(&action)
            {
                prop_assert!(is_subject(&subject), "{subject}");
            }
        }
    }
}
