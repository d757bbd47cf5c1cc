//! Selection of the keys of a project.

use federation_domain::InvalidValue;

/// A set of keys of a project, never empty. The default is all keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields(u16);

impl Default for Fields {
    fn default() -> Self {
        Self((1 << Self::KEYS.len()) - 1)
    }
}

impl Fields {
    /// The keys of a project, in the order of the JSON.
    pub(crate) const KEYS: [&str; 14] = [
        "id",
        "slug",
        "name",
        "hub_url",
        "mesh_namespace",
        "status",
        "tags",
        "last_heartbeat_at",
        "created_at",
        "updated_at",
        "heartbeat_interval_seconds",
        "allow_fanout",
        "degraded_reasons",
        "status_known",
    ];

    /// Parses comma-separated keys.
    ///
    /// # Errors
    /// Fails if a key is unknown or duplicate.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidValue> {
        let mut fields = Self(0);
        for name in text.split(',') {
            let invalid = |allowed| InvalidValue::new("fields", name, allowed);
            let at = Self::KEYS.iter().position(|key| *key == name);
            let bit = at.map(|at| 1 << at).ok_or_else(|| {
                invalid(format!("one or more of {}, comma-separated", Self::KEYS.join(", ")))
            })?;
            if fields.0 & bit != 0 {
                return Err(invalid("each value once".to_owned()));
            }
            fields.0 |= bit;
        }
        Ok(fields)
    }

    /// Returns whether the set contains the key at this index.
    pub(super) const fn has(self, index: usize) -> bool {
        self.0 & (1 << index) != 0
    }

    /// Returns the keys, comma-separated, or `None` if the set contains all keys.
    pub(crate) fn names(self) -> Option<String> {
        let names = (0..Self::KEYS.len()).filter(|&at| self.has(at)).map(|at| Self::KEYS[at]);
        (self != Self::default()).then(|| names.collect::<Vec<_>>().join(","))
    }
}

/// Returns the index of a key. Evaluated at compile time, where an unknown key is an error.
pub(super) const fn index_of(key: &str) -> usize {
    let mut index = 0;
    while !is_same(Fields::KEYS[index].as_bytes(), key.as_bytes()) {
        index += 1;
    }
    index
}

/// Compares byte strings. `==` is not a `const fn`.
const fn is_same(one: &[u8], other: &[u8]) -> bool {
    let mut same = 0;
    while same < one.len() && same < other.len() && one[same] == other[same] {
        same += 1;
    }
    same == one.len() && same == other.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_formatted_in_the_order_of_the_json() {
        assert_eq!(Fields::parse("status,slug").unwrap().names().unwrap(), "slug,status");
        assert_eq!(Fields::parse(&Fields::KEYS.join(",")).unwrap(), Fields::default());
        assert_eq!(Fields::default().names(), None);
    }

    #[test]
    fn unknown_duplicate_and_empty_keys_are_rejected() {
        for bad in ["", ",", "slug,", "Slug", "slug, status", "slug;status", "nonsense"] {
            let fault = Fields::parse(bad).unwrap_err();
            assert!(fault.allowed.starts_with("one or more of id, slug, "), "{bad}: {fault}");
        }
        let fault = Fields::parse("slug,status,slug").unwrap_err();
        assert_eq!(fault.to_string(), "fields: expected each value once, got \"slug\"");
    }
}
