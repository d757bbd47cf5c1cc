//! What a key allows.

use std::fmt;

/// A part of the API that a key may be allowed to use. None includes another but [`Admin`], which
/// includes all.
///
/// [`Admin`]: Self::Admin
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Asking: every `GET` under `/api/fed`; `/metrics` and `/docs`, where they are closed.
    Read,
    /// Sending heartbeats over HTTP, for those projects that the key is bound to, if it is.
    Heartbeat,
    /// Changing the catalog: registering, replacing and removing projects.
    Write,
    /// Everything.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Heartbeat, Self::Write, Self::Admin];

    /// Its name in files, settings and answers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Heartbeat => "heartbeat",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of this name.
    ///
    /// # Errors
    /// What is allowed, when there is no such scope. The text is not repeated: it may be a key that
    /// was put into the wrong place.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let named = Self::ALL.into_iter().find(|scope| scope.as_str() == text);
        named.ok_or("expected read, heartbeat, write or admin")
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

/// Several scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u8);

impl Scopes {
    /// Whether they allow what needs this scope.
    #[must_use]
    pub fn allow(self, needed: Scope) -> bool {
        self.0 & (needed.bit() | Scope::Admin.bit()) != 0
    }

    /// Those that were named, from read to admin.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }

    /// Whether there are none, so that a key of these allows nothing.
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
    fn a_scope_allows_itself_alone_and_admin_allows_all() {
        for held in Scope::ALL {
            for needed in Scope::ALL {
                let allowed = held == needed || held == Scope::Admin;
                assert_eq!(Scopes::from_iter([held]).allow(needed), allowed, "{held} {needed}");
                assert!(!Scopes::default().allow(needed));
            }
        }
    }

    #[test]
    fn scopes_are_told_in_one_order_by_names_that_parse() {
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
