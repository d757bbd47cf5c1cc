use std::sync::Arc;

use federation_domain::{InvalidValue, Tags};

/// Tags to filter by: at most 10, each of 1 to 50 characters, without duplicates. Compared exactly.
/// The limit is low because each of them is looked up in every project.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WantedTags(Arc<[Box<str>]>);

impl WantedTags {
    /// Maximum number of tags.
    pub const MAX_ITEMS: usize = 10;

    /// Parses tags in any order.
    ///
    /// # Errors
    /// If there are too many, or one is not a valid tag.
    pub fn parse<T: AsRef<str>>(items: &[T]) -> Result<Self, InvalidValue> {
        if items.len() > Self::MAX_ITEMS {
            let given = format!("{} of them", items.len());
            let allowed = format!("at most {}", Self::MAX_ITEMS);
            return Err(InvalidValue::new("tags", &given, allowed));
        }
        let tags = Tags::parse(items)?;
        let mut sorted: Vec<&str> = tags.iter().collect();
        sorted.sort_unstable();
        Ok(Self(sorted.into_iter().map(Into::into).collect()))
    }

    /// Returns `true` if no tag is wanted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if all wanted tags are among `tags`, or none is wanted.
    #[must_use]
    pub fn are_all_in(&self, tags: &Tags) -> bool {
        // Neither side has duplicates.
        self.is_empty() || tags.iter().filter(|tag| self.have(tag)).count() == self.0.len()
    }

    /// Returns `true` if any wanted tag is among `tags`.
    #[must_use]
    pub fn is_any_in(&self, tags: &Tags) -> bool {
        !self.is_empty() && tags.iter().any(|tag| self.have(tag))
    }

    fn have(&self, tag: &str) -> bool {
        self.0.binary_search_by(|wanted| (**wanted).cmp(tag)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn at_most_ten_tags_may_be_wanted() {
        let many: Vec<_> = (0..11).map(|number| number.to_string()).collect();
        assert!(WantedTags::parse(&many[..10]).is_ok());
        let fault = WantedTags::parse(&many).unwrap_err();
        assert_eq!(fault.to_string(), "tags: expected at most 10, got \"11 of them\"");
    }

    proptest! {
        #[test]
        fn matching_equals_comparing_each_tag_with_each(
            wanted in proptest::collection::hash_set("[a-e]{1,2}", 0..6),
            own in proptest::collection::hash_set("[a-e]{1,2}", 0..9),
        ) {
            let list = |tags: &std::collections::HashSet<String>| tags.iter().cloned().collect::<Vec<_>>();
            let (asked, tags) = (WantedTags::parse(&list(&wanted)).unwrap(), Tags::parse(&list(&own)).unwrap());
            prop_assert_eq!(asked.are_all_in(&tags), wanted.is_subset(&own));
            prop_assert_eq!(asked.is_any_in(&tags), !wanted.is_disjoint(&own));
        }
    }
}
