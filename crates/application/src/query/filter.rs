use federation_domain::{InvalidValue, Project, ProjectStatus};
use time::OffsetDateTime;

use super::WantedTags;

/// Filter for projects. A project is selected if it meets every condition set. The default sets
/// none and selects all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProjectFilter {
    /// The project has one of these statuses; empty allows any.
    pub statuses: Vec<ProjectStatus>,
    /// The project has all of these tags.
    pub all_tags: WantedTags,
    /// The project has at least one of these tags; empty allows any.
    pub any_tags: WantedTags,
    /// The slug or the name contains this text.
    pub text: Option<SearchText>,
    /// The registration or the status changed at this time or later.
    pub updated_since: Option<OffsetDateTime>,
}

impl ProjectFilter {
    /// Creates a filter for one status, or for all projects.
    #[must_use]
    pub fn of_status(status: Option<ProjectStatus>) -> Self {
        Self { statuses: status.into_iter().collect(), ..Self::default() }
    }

    /// Returns `true` if a project with this status may be selected, by the statuses alone.
    #[must_use]
    pub fn allows(&self, status: ProjectStatus) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    /// Returns `true` if the filter has no other condition than statuses, which are cheap to check.
    #[must_use]
    pub fn is_of_statuses(&self) -> bool {
        let statuses = self.statuses.clone();
        *self == Self { statuses, ..Self::default() }
    }

    /// Returns `true` if the project is selected.
    #[must_use]
    pub fn selects(&self, project: &Project) -> bool {
        self.allows(project.status)
            && self.updated_since.is_none_or(|since| project.updated_at >= since)
            && self.all_tags.are_all_in(&project.tags)
            && (self.any_tags.is_empty() || self.any_tags.is_any_in(&project.tags))
            && self.text.as_ref().is_none_or(|text| text.is_in(project))
    }
}

/// Text to search for, ignoring case: 1 to 100 characters, no control characters.
///
/// Each character is compared by its Unicode lower case, regardless of its neighbours. So every
/// part of a name is found in that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText(Box<str>);

impl SearchText {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 100;

    /// Parses a text. Whitespace is significant.
    ///
    /// # Errors
    /// If the text is empty, too long, or contains a control character.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let fits = !text.is_empty() && text.chars().nth(Self::MAX_CHARS).is_none();
        if !fits || text.chars().any(char::is_control) {
            let allowed = "1 to 100 characters without control characters";
            return Err(InvalidValue::new("text", text, allowed));
        }
        Ok(Self(lowercase(text).into()))
    }

    fn is_in(&self, project: &Project) -> bool {
        // A slug is lower case.
        project.slug.as_str().contains(&*self.0)
            || lowercase(project.name.as_str()).contains(&*self.0)
    }
}

/// Lower-cases each character by itself. `str::to_lowercase` maps a final sigma differently from
/// one in the middle, so a part of a name might not be found in the name.
fn lowercase(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use federation_domain::ProjectStatus::{Degraded, Offline, Online};
    use federation_domain::Tags;
    use proptest::prelude::*;
    use time::Duration;

    use super::*;
    use crate::testing::project;

    fn text(text: &str) -> ProjectFilter {
        ProjectFilter { text: Some(SearchText::parse(text).unwrap()), ..ProjectFilter::default() }
    }

    fn tags(tags: &[&str]) -> WantedTags {
        WantedTags::parse(tags).unwrap()
    }

    #[test]
    fn a_filter_without_conditions_selects_all_projects() {
        assert!(ProjectFilter::default().selects(&project(1)));
        assert!(ProjectFilter::of_status(None).selects(&project(1)));
    }

    #[test]
    fn a_project_needs_only_one_of_the_statuses() {
        let project = Project { status: Degraded, ..project(1) };
        let selects = |statuses: &[ProjectStatus]| {
            let statuses = statuses.to_vec();
            ProjectFilter { statuses, ..ProjectFilter::default() }.selects(&project)
        };
        assert!(selects(&[Degraded]) && selects(&[Online, Degraded]));
        assert!(!selects(&[Online]) && !selects(&[Online, Offline]));
    }

    #[test]
    fn a_project_needs_all_of_all_tags_and_one_of_any_tags() {
        let project = Project { tags: Tags::parse(&["a", "b"]).unwrap(), ..project(1) };
        let all = |all| ProjectFilter { all_tags: tags(all), ..ProjectFilter::default() };
        let any = |any| ProjectFilter { any_tags: tags(any), ..ProjectFilter::default() };
        assert!(all(&["a"]).selects(&project) && all(&["b", "a"]).selects(&project));
        assert!(!all(&["a", "c"]).selects(&project));
        assert!(any(&["c", "b"]).selects(&project) && !any(&["c"]).selects(&project));
        let both = ProjectFilter { any_tags: tags(&["c"]), ..all(&["a"]) };
        assert!(!both.selects(&project), "each condition has to hold");
        assert!(!all(&["A"]).selects(&project) && !any(&["aa"]).selects(&project));
    }

    #[test]
    fn updated_since_is_inclusive() {
        let project = project(1);
        let since = |at| {
            let filter = ProjectFilter { updated_since: Some(at), ..ProjectFilter::default() };
            filter.selects(&project)
        };
        assert!(since(project.updated_at) && since(project.updated_at - Duration::DAY));
        assert!(!since(project.updated_at + Duration::NANOSECOND));
    }

    #[test]
    fn a_text_is_found_in_slug_and_name_ignoring_case() {
        let project = Project {
            slug: "command-center".parse().unwrap(),
            name: "Zürich ΟΔΟΣ 1".parse().unwrap(),
            ..project(1)
        };
        for found in ["D-C", "ZÜR", "zürich ο", "ος", "ΔΟΣ 1", " "] {
            // The final sigma is a different lower-case letter.
            assert_eq!(text(found).selects(&project), found != "ος", "{found}");
        }
        assert!(!text("commandcenter").selects(&project));
    }

    #[test]
    fn a_text_has_1_to_100_characters_and_no_controls() {
        assert!(SearchText::parse(&"ü".repeat(100)).is_ok());
        for bad in ["", "a\0", "\n", "\u{85}", &"a".repeat(101)] {
            assert!(SearchText::parse(bad).is_err(), "{bad:?}");
        }
    }

    proptest! {
        #[test]
        fn every_part_of_a_name_is_found_in_it(name in "\\PC{1,30}", from in 0_usize..30, chars in 1_usize..30) {
            let Ok(parsed) = name.parse() else { return Ok(()) };
            let part: String = name.chars().skip(from).take(chars).collect();
            prop_assume!(!part.is_empty());
            let project = Project { name: parsed, ..project(1) };
            prop_assert!(text(&part).selects(&project));
        }
    }
}
