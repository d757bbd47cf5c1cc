use std::sync::Arc;

use crate::InvalidValue;

/// Maximum number of labels in a list.
const MAX_LABELS: usize = 50;

/// Defines a list of at most 50 distinct labels of 1 to `$max` characters.
macro_rules! labels {
    ($(#[$doc:meta])* $name:ident, $field:literal, $max:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct $name(Arc<[Box<str>]>);

        impl $name {
            /// Maximum number of entries.
            pub const MAX_ITEMS: usize = MAX_LABELS;
            /// Maximum length of an entry in characters.
            pub const MAX_CHARS: usize = $max;

            /// Parses a list and keeps its order.
            ///
            /// # Errors
            /// Fails if there are too many entries, or if one is blank, too long, a duplicate, or
            /// contains a control character.
            pub fn parse<T: AsRef<str>>(items: &[T]) -> Result<Self, InvalidValue> {
                parse_labels($field, $max, items).map(Self)
            }

            /// Iterates over the entries in their original order.
            pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
                self.0.iter().map(AsRef::as_ref)
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_seq(self.iter())
            }
        }

        #[cfg(feature = "serde")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let items = <Vec<String>>::deserialize(deserializer)?;
                Self::parse(&items).map_err(serde::de::Error::custom)
            }
        }
    };
}

labels!(
    /// Tags of a project: at most 50 distinct labels of 1 to 50 characters.
    Tags,
    "tags",
    50
);
labels!(
    /// Actions that may be fanned out to a project: at most 50 distinct names of 1 to 100
    /// characters. An empty list allows none.
    FanoutAllowlist,
    "allow_fanout",
    100
);

fn parse_labels<T: AsRef<str>>(
    field: &str,
    max_chars: usize,
    items: &[T],
) -> Result<Arc<[Box<str>]>, InvalidValue> {
    if items.len() > MAX_LABELS {
        let given = format!("{} of them", items.len());
        return Err(InvalidValue::new(field, &given, format!("at most {MAX_LABELS}")));
    }
    for (at, item) in items.iter().map(AsRef::as_ref).enumerate() {
        let refuse = |allowed: String| InvalidValue::new(format!("{field}[{at}]"), item, allowed);
        let fits = item.chars().nth(max_chars).is_none();
        if item.trim().is_empty() || !fits || item.chars().any(char::is_control) {
            return Err(refuse(format!(
                "1 to {max_chars} characters, not blank and without control characters"
            )));
        }
        if items[..at].iter().any(|earlier| earlier.as_ref() == item) {
            return Err(refuse("each value once".to_owned()));
        }
    }
    if items.is_empty() {
        // Most lists are empty, and this does not allocate.
        return Ok(Arc::default());
    }
    Ok(items.iter().map(|item| item.as_ref().into()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_is_kept_and_doubles_are_refused_by_position() {
        let tags = Tags::parse(&["rag", "python"]).unwrap();
        assert_eq!(tags.iter().collect::<Vec<_>>(), ["rag", "python"]);
        assert_eq!(Tags::parse(&["a", "b", "a"]).unwrap_err().field, "tags[2]");
    }

    #[test]
    fn limits_are_fifty_by_fifty_characters() {
        let many: Vec<_> = (0..51).map(|n| n.to_string()).collect();
        assert!(Tags::parse(&many[..50]).is_ok());
        assert_eq!(Tags::parse(&many).unwrap_err().field, "tags");
        assert!(Tags::parse(&["ä".repeat(50)]).is_ok());
        assert!(Tags::parse(&["ä".repeat(51)]).is_err());
        assert!(Tags::parse(&[""]).is_err());
        assert!(Tags::parse(&["a\0"]).is_err());
    }
}
