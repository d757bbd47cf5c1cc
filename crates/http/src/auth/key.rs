//! An API key as known to the service.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use federation_domain::{ActionName, Slug};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use time::OffsetDateTime;

use super::scope::Scopes;

/// Prefix of every key created by this service. It lets people and secret scanners recognize a key.
const PREFIX: &str = "fed_";

/// An API key. Only its digest is kept.
#[derive(Debug, Clone)]
pub struct Key {
    /// Identifies the key in logs and lists. Not secret.
    pub id: String,
    /// Digest of the text of the key.
    pub digest: KeyDigest,
    /// Scopes of the key.
    pub scopes: Scopes,
    /// Projects for which the key permits heartbeats and actions. `None` permits all.
    pub slugs: Option<BTreeSet<Slug>>,
    /// Actions that the key permits. `None` permits all.
    pub actions: Option<BTreeSet<ActionName>>,
    /// Time at which the key expires.
    pub expires: Option<OffsetDateTime>,
    /// True after the key was revoked.
    pub revoked: bool,
}

impl Key {
    /// Returns whether the key is unrestricted or permits the project with this slug.
    pub(super) fn reaches(&self, slug: &str) -> bool {
        self.slugs.as_ref().is_none_or(|slugs| slugs.iter().any(|bound| bound.as_str() == slug))
    }
}

/// Formats a key from its id and its secret: `fed_1a2b3c4d_…`.
///
/// The id allows the service to look up a key without comparing it with all others. It also
/// identifies a leaked key, so that it can be revoked.
#[must_use]
pub fn format_key(id: &str, secret: &[u8]) -> String {
    format!("{PREFIX}{id}_{}", hex(secret))
}

/// Returns the id in the text of a key, if it has this format.
pub(super) fn id_in(text: &str) -> Option<&str> {
    text.strip_prefix(PREFIX)?.split_once('_').map(|(id, _)| id)
}

/// The SHA-256 digest of a key. A slow hash would add nothing, because a secret has 192 random
/// bits.
#[derive(Clone, Copy)]
pub struct KeyDigest([u8; 32]);

impl KeyDigest {
    /// Computes the digest of the text of a key.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }

    /// Parses 64 hexadecimal digits.
    ///
    /// # Errors
    /// Fails on any other text. The error does not repeat the text, which may be a key.
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

    /// Formats the digest as 64 hexadecimal digits.
    #[must_use]
    pub fn to_hex(&self) -> String {
        hex(&self.0)
    }

    /// Returns the bytes, for signatures that depend on the key.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Compares two digests in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// Redacted, because the digest of a key chosen by a person allows others to guess the key.
impl fmt::Debug for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The error for a text that is not a digest.
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
    fn a_key_contains_its_id() {
        let text = format_key("1a2b3c4d", &[0, 255, 16]);
        assert_eq!(text, "fed_1a2b3c4d_00ff10");
        assert_eq!(id_in(&text), Some("1a2b3c4d"));
        for other in ["", "fed_", "fed_a", "FED_a_b", "a_b", "xfed_a_b"] {
            assert_eq!(id_in(other), None, "{other}");
        }
    }

    #[test]
    fn a_digest_is_sha_256_and_round_trips_as_hex() {
        // FIPS 180-4, one-block example.
        let hex = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(KeyDigest::of("abc").to_hex(), hex);
        assert!(KeyDigest::from_hex(hex).unwrap().is(&KeyDigest::of("abc")));
        assert!(!KeyDigest::from_hex(hex).unwrap().is(&KeyDigest::of("abd")));
        for bad in ["", "ba", &hex[1..], &format!("{hex}0"), &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(KeyDigest::from_hex(bad).unwrap_err(), InvalidDigest, "{bad}");
        }
    }

    #[test]
    fn debug_output_contains_neither_the_key_nor_its_digest() {
        assert_eq!(format!("{:?}", KeyDigest::of("hunter2")), "[redacted]");
    }
}
