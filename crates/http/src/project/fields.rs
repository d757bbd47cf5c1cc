//! A project cut down to some of its keys.

use federation_domain::InvalidValue;

/// Which keys of a project are written: at least one. The default is all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fields(u16);

impl Default for Fields {
    fn default() -> Self {
        Self((1 << Self::KEYS.len()) - 1)
    }
}

impl Fields {
    /// The keys of a project, in the order in which they are written.
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

    /// Parses names with commas between them.
    ///
    /// # Errors
    /// When a name is no key, or stands twice.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidValue> {
        let mut fields = Self(0);
        for name in text.split(',') {
            let refused = |allowed| InvalidValue::new("fields", name, allowed);
            let at = Self::KEYS.iter().position(|key| *key == name);
            let bit = at.map(|at| 1 << at).ok_or_else(|| {
                refused(format!(
                    "one or more of {}, with commas between them",
                    Self::KEYS.join(", ")
                ))
            })?;
            if fields.0 & bit != 0 {
                return Err(refused("each value once".to_owned()));
            }
            fields.0 |= bit;
        }
        Ok(fields)
    }

    /// Whether the key at this place is written.
    pub(super) const fn has(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    /// The names with commas between them; none for all keys.
    pub(crate) fn names(self) -> Option<String> {
        let names = (0..Self::KEYS.len()).filter(|&at| self.has(at)).map(|at| Self::KEYS[at]);
        (self != Self::default()).then(|| names.collect::<Vec<_>>().join(","))
    }
}

/// The place of a key; to be asked while compiling, which ends where there is no such key.
pub(super) const fn place(key: &str) -> usize {
    let mut place = 0;
    while !is_same(Fields::KEYS[place].as_bytes(), key.as_bytes()) {
        place += 1;
    }
    place
}

/// `==`, which cannot be used while compiling.
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
    fn names_are_given_back_in_the_order_of_the_body() {
        assert_eq!(Fields::parse("status,slug").unwrap().names().unwrap(), "slug,status");
        assert_eq!(Fields::parse(&Fields::KEYS.join(",")).unwrap(), Fields::default());
        assert_eq!(Fields::default().names(), None);
    }

    #[test]
    fn unknown_doubled_and_empty_names_are_refused() {
        for bad in ["", ",", "slug,", "Slug", "slug, status", "slug;status", "nonsense"] {
            let fault = Fields::parse(bad).unwrap_err();
            assert!(fault.allowed.starts_with("one or more of id, slug, "), "{bad}: {fault}");
        }
        let fault = Fields::parse("slug,status,slug").unwrap_err();
        assert_eq!(fault.to_string(), "fields: expected each value once, got \"slug\"");
    }
}
