//! An entry of the file of API keys.

use std::fmt::{self, Write as _};
use std::marker::PhantomData;

use federation_domain::{ActionName, Actor, Slug};
use federation_http::{Key, KeyDigest, Scope, Scopes};
use serde::Deserialize;
use serde::de::value::SeqAccessDeserializer;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::files::yaml::scalar;

/// An API key in the file.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// Id in logs and lists, and part of the key.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Digest of the key.
    pub digest: KeyDigest,
    /// Allowed scopes, at least one.
    pub scopes: Scopes,
    /// Projects for which it may send heartbeats and request actions; empty means all.
    pub slugs: Vec<Slug>,
    /// Actions that it may request; empty means all.
    pub actions: Vec<ActionName>,
    /// Time of creation.
    pub created: OffsetDateTime,
    /// Time of expiry.
    pub expires: Option<OffsetDateTime>,
    /// Time of revocation.
    pub revoked: Option<OffsetDateTime>,
}

/// A field that contradicts another field of its key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct InvalidField {
    /// Name of the field.
    pub field: &'static str,
    /// The expected value.
    pub problem: &'static str,
}

impl KeyEntry {
    /// Checks that the fields are consistent.
    ///
    /// # Errors
    /// Returns the first inconsistent field.
    pub fn check(self) -> Result<Self, InvalidField> {
        if self.scopes.is_empty() {
            return Err(InvalidField { field: "scopes", problem: "expected at least one" });
        }
        let has = |wanted| self.scopes.iter().any(|scope| scope == wanted);
        let is_restrictable = has(Scope::Heartbeat) || has(Scope::Act);
        if !self.slugs.is_empty() && (!is_restrictable || has(Scope::Admin)) {
            let problem = "expected the scope heartbeat or act and not admin, because slugs \
                           restrict the scopes heartbeat and act";
            return Err(InvalidField { field: "slugs", problem });
        }
        if !self.actions.is_empty() && (!has(Scope::Act) || has(Scope::Admin)) {
            let problem = "expected the scope act and not admin, because actions restrict the \
                           scope act";
            return Err(InvalidField { field: "actions", problem });
        }
        Ok(self)
    }

    /// Appends the entry to the text of the file.
    pub(super) fn write(&self, text: &mut String) {
        let mut field = |name: &str, value: &str| {
            let start = if name == "id" { '-' } else { ' ' };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{start} {name}: {}", scalar(value));
        };
        field("id", &self.id);
        field("name", &self.name);
        field("sha256", &self.digest.to_hex());
        for (name, time) in
            [("created", Some(self.created)), ("expires", self.expires), ("revoked", self.revoked)]
        {
            if let Some(time) = time {
                field(name, &stamp(time));
            }
        }
        write_list(text, "scopes", self.scopes.iter().map(Scope::as_str));
        if !self.slugs.is_empty() {
            write_list(text, "slugs", self.slugs.iter().map(Slug::as_str));
        }
        if !self.actions.is_empty() {
            write_list(text, "actions", self.actions.iter().map(ActionName::as_str));
        }
    }
}

fn write_list<'a>(text: &mut String, name: &str, items: impl Iterator<Item = &'a str>) {
    let _ = writeln!(text, "  {name}:");
    for item in items {
        let _ = writeln!(text, "  - {}", scalar(item));
    }
}

impl From<&KeyEntry> for Key {
    fn from(entry: &KeyEntry) -> Self {
        Self {
            id: entry.id.clone(),
            digest: entry.digest,
            scopes: entry.scopes,
            slugs: (!entry.slugs.is_empty()).then(|| entry.slugs.iter().cloned().collect()),
            actions: (!entry.actions.is_empty()).then(|| entry.actions.iter().cloned().collect()),
            expires: entry.expires,
            revoked: entry.revoked.is_some(),
        }
    }
}

/// Checks the name of a key.
///
/// # Errors
/// Returns the expected form.
pub(crate) fn check_name(text: &str) -> Result<String, String> {
    const MAX_CHARS: usize = 64;
    let fits = (1..=MAX_CHARS).contains(&text.chars().count());
    if fits && !text.trim().is_empty() && !text.chars().any(char::is_control) {
        return Ok(text.to_owned());
    }
    Err("expected 1 to 64 characters, not blank and without control characters".to_owned())
}

/// An entry whose fields are parsed and not compared with each other yet.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with the fields of a key")]
pub(super) struct RawEntry {
    id: Parsed<Id>,
    name: Parsed<Name>,
    sha256: Parsed<KeyDigest>,
    scopes: Vec<Parsed<Scope>>,
    slugs: Option<Vec<Parsed<Slug>>>,
    actions: Option<Vec<Parsed<ActionName>>>,
    created: Parsed<OffsetDateTime>,
    expires: Option<Parsed<OffsetDateTime>>,
    revoked: Option<Parsed<OffsetDateTime>>,
}

impl TryFrom<RawEntry> for KeyEntry {
    type Error = InvalidField;

    fn try_from(raw: RawEntry) -> Result<Self, InvalidField> {
        // An empty list could be read as one that allows no project.
        if raw.slugs.as_ref().is_some_and(Vec::is_empty) {
            let problem =
                "expected at least one, got an empty list; remove the field to allow all projects";
            return Err(InvalidField { field: "slugs", problem });
        }
        if raw.actions.as_ref().is_some_and(Vec::is_empty) {
            let problem =
                "expected at least one, got an empty list; remove the field to allow all actions";
            return Err(InvalidField { field: "actions", problem });
        }
        let entry = Self {
            id: raw.id.0.0,
            name: raw.name.0.0,
            digest: raw.sha256.0,
            scopes: raw.scopes.into_iter().map(|scope| scope.0).collect(),
            slugs: raw.slugs.unwrap_or_default().into_iter().map(|slug| slug.0).collect(),
            actions: raw.actions.unwrap_or_default().into_iter().map(|one| one.0).collect(),
            created: raw.created.0,
            expires: raw.expires.map(|expires| expires.0),
            revoked: raw.revoked.map(|revoked| revoked.0),
        };
        entry.check()
    }
}

/// Deserializes the list of keys. Rejects `keys:` without a value, as in a half-written file, because
/// an empty list would lock out every client.
pub(super) fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<RawEntry>, D::Error> {
    struct ListVisitor;
    impl<'de> Visitor<'de> for ListVisitor {
        type Value = Vec<RawEntry>;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of keys")
        }
        fn visit_seq<A: SeqAccess<'de>>(self, keys: A) -> Result<Vec<RawEntry>, A::Error> {
            Deserialize::deserialize(SeqAccessDeserializer::new(keys))
        }
    }
    deserializer.deserialize_any(ListVisitor)
}

/// A value parsed from text, with errors that do not repeat it.
trait FromText: Sized {
    fn from_text(text: &str) -> Result<Self, String>;
}

struct Parsed<T>(T);

impl<'de, T: FromText> Deserialize<'de> for Parsed<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);
        impl<T: FromText> Visitor<'_> for Text<T> {
            type Value = Parsed<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string (in quotes if it looks like a number or a boolean)")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Parsed<T>, E> {
                T::from_text(text).map(Parsed).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Text(PhantomData))
    }
}

struct Id(String);

impl FromText for Id {
    fn from_text(text: &str) -> Result<Self, String> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !fits {
            return Err("expected 1 to 32 characters of a-z and 0-9".to_owned());
        }
        if Actor::is_reserved(text) {
            return Err(format!(
                "expected another id: {text} is reserved as an actor in the change log"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

struct Name(String);

impl FromText for Name {
    fn from_text(text: &str) -> Result<Self, String> {
        check_name(text).map(Self)
    }
}

impl FromText for KeyDigest {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::from_hex(text).map_err(|error| error.to_string())
    }
}

impl FromText for Scope {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(str::to_owned)
    }
}

impl FromText for Slug {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|fault| format!("expected {}", fault.allowed))
    }
}

impl FromText for ActionName {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text).map_err(|fault| format!("expected {}", fault.allowed))
    }
}

impl FromText for OffsetDateTime {
    fn from_text(text: &str) -> Result<Self, String> {
        Self::parse(text, &Rfc3339)
            .map_err(|_| "expected a time such as 2026-11-24T12:00:00Z".to_owned())
    }
}

/// Formats a time as RFC 3339.
pub(crate) fn stamp(time: OffsetDateTime) -> String {
    // Formatting fails only for years beyond 9999, which a file cannot contain.
    time.format(&Rfc3339).unwrap_or_default()
}
