//! Selection of targets.

use std::collections::BTreeSet;

use crate::InvalidValue;
use crate::project::{Project, ProjectStatus};
use crate::values::{Slug, Tags};

/// Projects that a run is about.
///
/// A project is selected if it meets each criterion that is given: it is one of the slugs, it has one
/// of the tags, and it has one of the statuses. Every criterion therefore makes the set smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TargetSelection {
    /// Every project.
    All,
    /// Projects that meet every criterion that is not empty. At least one is not empty.
    Matching {
        /// The project has one of these slugs.
        slugs: BTreeSet<Slug>,
        /// The project has one of these tags.
        tags: Tags,
        /// The project has one of these statuses.
        statuses: Vec<ProjectStatus>,
    },
}

/// A selection before it is parsed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TargetSelectionDraft {
    /// Every project.
    pub all: bool,
    /// Slugs.
    pub slugs: Vec<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Statuses.
    pub statuses: Vec<String>,
}

impl TargetSelectionDraft {
    /// Parses all fields.
    ///
    /// # Errors
    /// Returns one error for each invalid value. Also fails if nothing is selected, and if `all` is
    /// combined with other criteria.
    pub fn parse(&self) -> Result<TargetSelection, Vec<InvalidValue>> {
        let mut faults = Vec::new();
        let mut slugs = BTreeSet::new();
        for (at, text) in self.slugs.iter().enumerate() {
            let renamed = |fault| InvalidValue { field: format!("targets.slugs[{at}]"), ..fault };
            match Slug::parse(text) {
                Ok(slug) => drop(slugs.insert(slug)),
                Err(fault) => faults.push(renamed(fault)),
            }
        }
        let tags = Tags::parse(&self.tags).unwrap_or_else(|fault| {
            faults.push(InvalidValue { field: format!("targets.{}", fault.field), ..fault });
            Tags::default()
        });
        let mut statuses = Vec::new();
        for (at, text) in self.statuses.iter().enumerate() {
            let renamed = |fault| InvalidValue { field: format!("targets.status[{at}]"), ..fault };
            match ProjectStatus::parse(text) {
                Ok(status) => statuses.push(status),
                Err(fault) => faults.push(renamed(fault)),
            }
        }
        let is_empty = self.slugs.is_empty() && self.tags.is_empty() && self.statuses.is_empty();
        if self.all != is_empty {
            let given = if self.all { "all with others" } else { "nothing" };
            faults.push(InvalidValue {
                field: "targets".to_owned(),
                given: given.to_owned(),
                allowed: "slugs, tags or status, or all alone".to_owned(),
            });
        }
        match (faults.is_empty(), self.all) {
            (false, _) => Err(faults),
            (true, true) => Ok(TargetSelection::All),
            (true, false) => Ok(TargetSelection::Matching { slugs, tags, statuses }),
        }
    }
}

impl TargetSelection {
    /// Returns the slugs that are named, which must all be registered.
    pub fn named(&self) -> impl Iterator<Item = &Slug> {
        let named = match self {
            Self::All => None,
            Self::Matching { slugs, .. } => Some(slugs),
        };
        named.into_iter().flatten()
    }

    /// Returns `true` if the project is selected.
    #[must_use]
    pub fn selects(&self, project: &Project) -> bool {
        match self {
            Self::All => true,
            Self::Matching { slugs, tags, statuses } => {
                let has_tag = || {
                    let mut wanted = tags.iter();
                    wanted.any(|tag| project.tags.iter().any(|given| given == tag))
                };
                (slugs.is_empty() || slugs.contains(&project.slug))
                    && (tags.iter().len() == 0 || has_tag())
                    && (statuses.is_empty() || statuses.contains(&project.status))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(all: bool, slugs: &[&str], tags: &[&str], statuses: &[&str]) -> TargetSelectionDraft {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let (slugs, tags, statuses) = (owned(slugs), owned(tags), owned(statuses));
        TargetSelectionDraft { all, slugs, tags, statuses }
    }

    fn fields(draft: &TargetSelectionDraft) -> Vec<String> {
        draft.parse().unwrap_err().into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn all_stands_alone_and_nothing_selects_nothing() {
        assert_eq!(draft(true, &[], &[], &[]).parse(), Ok(TargetSelection::All));
        assert!(draft(false, &[], &["a"], &[]).parse().is_ok());
        assert_eq!(fields(&draft(false, &[], &[], &[])), ["targets"]);
        for with_others in [
            draft(true, &["a"], &[], &[]),
            draft(true, &[], &["a"], &[]),
            draft(true, &[], &[], &["online"]),
        ] {
            assert_eq!(fields(&with_others), ["targets"]);
        }
    }

    #[test]
    fn every_invalid_value_is_reported() {
        let bad = draft(false, &["a", "B"], &["x", "x"], &["online", "up"]);
        assert_eq!(fields(&bad), ["targets.slugs[1]", "targets.tags[1]", "targets.status[1]"]);
    }
}
