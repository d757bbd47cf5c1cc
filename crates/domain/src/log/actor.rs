//! Actors.

use std::borrow::Cow;
use std::fmt;

/// Cause of an entry in terms of who asked for it: the id of an API key, or one of a few names.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(transparent))]
pub struct Actor(Cow<'static, str>);

impl Actor {
    /// A request to the API without a key, or whose key is not known.
    pub const API: Self = Self(Cow::Borrowed("api"));
    /// The projects file.
    pub const FILE: Self = Self(Cow::Borrowed("file"));
    /// A message over NATS.
    pub const NATS: Self = Self(Cow::Borrowed("nats"));
    /// The service itself, for example because a project was silent for too long.
    pub const SERVICE: Self = Self(Cow::Borrowed("service"));
    /// A command that writes to the store directly.
    pub const CLI: Self = Self(Cow::Borrowed("cli"));

    /// Actors that are not keys.
    const NAMED: [Self; 5] = [Self::API, Self::FILE, Self::NATS, Self::SERVICE, Self::CLI];

    /// Maximum number of characters. Longer ids are truncated.
    pub const MAX_CHARS: usize = 100;

    /// Returns the actor with the API key of this id, or [`API`](Self::API) without a key.
    #[must_use]
    pub fn of_key(id: Option<&str>) -> Self {
        id.map_or(Self::API, Self::parse)
    }

    /// Returns the actor of this name: the id of a key, unless it is [reserved](Self::is_reserved).
    #[must_use]
    pub fn parse(name: &str) -> Self {
        let named = Self::NAMED.into_iter().find(|named| named.0 == name);
        named.unwrap_or_else(|| Self(name.chars().take(Self::MAX_CHARS).collect()))
    }

    /// Returns `true` if the name is not the id of a key. No key may have such an id.
    #[must_use]
    pub fn is_reserved(name: &str) -> bool {
        Self::NAMED.iter().any(|named| named.0 == name)
    }

    /// Returns the name in the log and in responses.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_actor_is_a_key_or_one_of_the_reserved_names() {
        assert_eq!(Actor::parse("file"), Actor::FILE);
        assert!(Actor::is_reserved("service") && !Actor::is_reserved("env-1"));
        assert_eq!(Actor::of_key(Some("env-1")).as_str(), "env-1");
        assert_eq!(Actor::of_key(None), Actor::API);
        assert_eq!(Actor::parse(&"é".repeat(200)).as_str().chars().count(), Actor::MAX_CHARS);
    }
}
