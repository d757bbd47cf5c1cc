//! One API key, as far as the service knows it.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use federation_domain::Slug;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use super::scope::Scopes;

/// What every key that this service made begins with, so that people and scanners of leaked secrets
/// know it for one.
const PREFIX: &str = "fed_";

/// A key, of which only the digest is kept.
#[derive(Debug, Clone)]
pub struct Key {
    /// What names it in logs and lists; no secret.
    pub id: String,
    /// The digest of its text.
    pub digest: KeyDigest,
    /// What it allows.
    pub scopes: Scopes,
    /// The only projects for which it may send heartbeats; none: for all.
    pub slugs: Option<BTreeSet<Slug>>,
    /// When it ends.
    pub expires: Option<OffsetDateTime>,
    /// Whether it was taken back.
    pub revoked: bool,
}

impl Key {
    /// Whether it may send heartbeats for the project of this slug, as far as it is bound.
    pub(super) fn reaches(&self, slug: &str) -> bool {
        self.slugs.as_ref().is_none_or(|slugs| slugs.iter().any(|bound| bound.as_str() == slug))
    }
}

/// The text of a key with this id and this secret: `fed_1a2b3c4d_…`. The id is in it so that a key
/// is found without comparing it with all others, and so that whoever finds a key somewhere can tell
/// which one is to be revoked.
#[must_use]
pub fn spell(id: &str, secret: &[u8]) -> String {
    format!("{PREFIX}{id}_{}", hex(secret))
}

/// The id in the text of a key, if it has that form.
pub(super) fn id_in(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)?.split_once('_').map(|(id, _)| id)
}

/// The SHA-256 of a key. A slow hash would add nothing: the secret of a key has 192 random bits.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// The digest of a key's text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Reads a digest from 64 hexadecimal digits.
    ///
    /// # Errors
    /// When they are anything else; without repeating them.
    pub fn from_hex(text: &str) -> Result<Self, InvalidDigest> {
        let mut digest = [0; 32];
        if text.len() != 64 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidDigest);
        }
        for (byte, at) in digest.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| InvalidDigest)?;
        }
        Ok(Self(digest))
    }

    /// As 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Whether both are of the same key; takes the same time whether they are or not.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Not shown: where a key was chosen by a person, its digest lets others try what it may be.
impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// A text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected the SHA-256 of a key as 64 hexadecimal digits")]
pub struct InvalidDigest;

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_bears_its_id() {
        let text = spell("1a2b3c4d", &[0, 255, 16]);
        assert_eq!(text, "fed_1a2b3c4d_00ff10");
        assert_eq!(id_in(&text), Some("1a2b3c4d"));
        for other in ["", "fed_", "fed_a", "FED_a_b", "a_b", "xfed_a_b"] {
            assert_eq!(id_in(other), None, "{other}");
        }
    }

    #[test]
    fn a_digest_is_that_of_the_standard_and_survives_its_text() {
        // FIPS 180-4, the example of one block.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyDigest::of("abc").to_hex(), hex);
        assert!(KeyDigest::from_hex(hex).unwrap().is(&KeyDigest::of("abc")));
        assert!(!KeyDigest::from_hex(hex).unwrap().is(&KeyDigest::of("abd")));
        for bad in ["", "ba", &hex[1..], &format!("{hex}0"), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(KeyDigest::from_hex(bad).unwrap_err(), InvalidDigest, "{bad}");
        }
    }

    #[test]
    fn neither_a_key_nor_its_digest_shows_itself() {
        assert_eq!(format!("{:?}", KeyDigest::of("hunter2")), "[redacted]");
    }
}
