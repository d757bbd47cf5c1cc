//! Writes to edges.

use time::OffsetDateTime;

use super::{EdgeAge, EdgeDetails, EdgeKey, EdgeKind, EdgePrecondition, EdgeSource, Strength};
use crate::InvalidValue;
use crate::values::Slug;

/// A write to the claim of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeWrite {
    /// The edge.
    pub key: EdgeKey,
    /// The source whose claim is written.
    pub source: EdgeSource,
    /// The change.
    pub action: EdgeAction,
    /// Precondition of the write.
    pub only_if: EdgePrecondition,
    /// Time of the declaration, observation or other change.
    pub at: OffsetDateTime,
}

/// A change of a claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EdgeAction {
    /// The source claims the edge. An observation older than the stored one changes nothing.
    Declare {
        /// Strength of the edge.
        strength: Strength,
        /// Details of the edge.
        details: Option<EdgeDetails>,
    },
    /// The source no longer claims the edge.
    Withdraw,
    /// The edge has gone unobserved for long enough to reach an age. Applies only if the stored
    /// observation is not newer than `seen_at`.
    Age {
        /// Newest observation that the writer knows.
        seen_at: OffsetDateTime,
        /// The age that was reached.
        age: EdgeAge,
    },
}

impl EdgeWrite {
    /// Creates a declaration without a precondition.
    #[must_use]
    pub fn declare(
        key: EdgeKey,
        source: EdgeSource,
        strength: Strength,
        details: Option<EdgeDetails>,
        at: OffsetDateTime,
    ) -> Self {
        let action = EdgeAction::Declare { strength, details };
        Self { key, source, action, only_if: EdgePrecondition::Always, at }
    }

    /// Creates a withdrawal without a precondition.
    #[must_use]
    pub fn withdraw(key: EdgeKey, source: EdgeSource, at: OffsetDateTime) -> Self {
        let (action, only_if) = (EdgeAction::Withdraw, EdgePrecondition::Always);
        Self { key, source, action, only_if, at }
    }

    /// Creates a change of age of an observed edge.
    #[must_use]
    pub fn age(key: EdgeKey, age: EdgeAge, seen_at: OffsetDateTime, at: OffsetDateTime) -> Self {
        let action = EdgeAction::Age { seen_at, age };
        let (source, only_if) = (EdgeSource::Observed, EdgePrecondition::Always);
        Self { key, source, action, only_if, at }
    }
}

/// An edge before it is parsed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct EdgeDraft {
    /// Slug of the project that uses the other one.
    pub from: String,
    /// Slug of the project that is used.
    pub to: String,
    /// See [`EdgeKind`]. `None` means `api`.
    pub kind: Option<String>,
    /// See [`Strength`]. `None` means 0.5.
    pub strength: Option<f64>,
    /// See [`EdgeDetails`].
    pub details: Option<String>,
}

/// A parsed edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredEdge {
    /// The edge.
    pub key: EdgeKey,
    /// Its strength.
    pub strength: Strength,
    /// Its details.
    pub details: Option<EdgeDetails>,
}

impl EdgeDraft {
    /// Parses all fields.
    ///
    /// # Errors
    /// Returns one error for each invalid field, in the order of the fields.
    pub fn parse(&self) -> Result<DeclaredEdge, Vec<InvalidValue>> {
        let mut faults = Vec::new();
        let slug = |field: &str, text: &str, faults: &mut Vec<InvalidValue>| {
            let renamed = |fault| InvalidValue { field: field.to_owned(), ..fault };
            Slug::parse(text).map_err(|fault| faults.push(renamed(fault))).ok()
        };
        let from = slug("from", &self.from, &mut faults);
        let to = slug("to", &self.to, &mut faults);
        let mut note = |fault| faults.push(fault);
        let kind = self.kind.as_deref().map_or(Ok(EdgeKind::Api), EdgeKind::parse);
        let kind = kind.map_err(&mut note).ok();
        let strength = self.strength.map_or(Ok(Strength::default()), Strength::new);
        let strength = strength.map_err(&mut note).ok();
        let details = self.details.as_deref().map(EdgeDetails::from_json).transpose();
        let details = details.map_err(&mut note).unwrap_or_default();
        let key = match (from, to, kind) {
            (Some(from), Some(to), Some(kind)) => {
                EdgeKey::new(from, to, kind).map_err(&mut note).ok()
            }
            _ => None,
        };
        match (key, strength) {
            (Some(key), Some(strength)) if faults.is_empty() => {
                Ok(DeclaredEdge { key, strength, details })
            }
            _ => Err(faults),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(from: &str, to: &str) -> EdgeDraft {
        EdgeDraft { from: from.into(), to: to.into(), ..EdgeDraft::default() }
    }

    #[test]
    fn a_draft_without_kind_and_strength_has_the_defaults() {
        let edge = draft("a", "b").parse().unwrap();
        assert_eq!(edge.key.to_string(), "a/b/api");
        assert_eq!((edge.strength, edge.details), (Strength::default(), None));
    }

    #[test]
    fn a_draft_reports_all_invalid_fields() {
        let draft = EdgeDraft {
            kind: Some("A B".into()),
            strength: Some(2.0),
            details: Some("7".into()),
            ..draft("A", "")
        };
        let fields: Vec<_> = draft.parse().unwrap_err().into_iter().map(|one| one.field).collect();
        assert_eq!(fields, ["from", "to", "kind", "strength", "details"]);
        let to_itself = self::draft("a", "a").parse().unwrap_err();
        assert_eq!(to_itself[0].field, "to");
    }
}
