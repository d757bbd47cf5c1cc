//! Scopes of API keys.

use std::fmt;

/// A part of the API that a key may use. No scope includes another, except [`Admin`], which
/// includes all.
///
/// [`Admin`]: Self::Admin
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Reads: every `GET` under `/api/fed`, and `/metrics` and `/docs` if they require a key.
    Read,
    /// Heartbeats over HTTP, only for the projects of the key if it is restricted.
    Heartbeat,
    /// Changes of the catalog: registering, replacing and removing projects.
    Write,
    /// Actions: requesting them of projects, and cancelling runs, only for the projects and actions of
    /// the key if it is restricted.
    Act,
    /// Everything.
    Admin,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 5] = [Self::Read, Self::Heartbeat, Self::Write, Self::Act, Self::Admin];

    /// Returns the name used in files, settings and responses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Heartbeat => "heartbeat",
            Self::Write => "write",
            Self::Act => "act",
            Self::Admin => "admin",
        }
    }

    /// Parses the name of a scope.
    ///
    /// # Errors
    /// Returns the expected names. The error does not repeat the text, which may be a misplaced key.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let named = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        named.ok_or("expected read, heartbeat, write, act or admin")
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Returns whether the set permits operations that require this scope.
    #[must_use]
    pub fn allow(self, needed: Scope) -> bool {
        self.0 & (needed.bit() | Scope::Admin.bit()) != 0
    }

    /// Returns the scopes in the set, from read to admin.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// Returns whether the set is empty and permits nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, scope) in self.iter().enumerate() {
            write!(f, "{}{scope}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{self}]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_permits_only_itself_and_admin_permits_all() {
        for held in Scope::ALL {
            for needed in Scope::ALL {
                let allowed = held == needed || held == Scope::Admin;
                assert_eq!(Scopes::from_iter([held]).allow(needed), allowed, "{held} {needed}");
                assert!(!Scopes::default().allow(needed));
            }
        }
    }

    #[test]
    fn scopes_are_formatted_in_order_by_parsable_names() {
        let scopes = Scopes::from_iter([Scope::Write, Scope::Read, Scope::Write]);
        assert_eq!(scopes.to_string(), "read, write");
        for scope in Scope::ALL {
            assert_eq!(Scope::parse(scope.as_str()), Ok(scope));
        }
        for bad in ["", "Read", "root", " read"] {
            assert!(Scope::parse(bad).is_err(), "{bad}");
        }
    }
}
