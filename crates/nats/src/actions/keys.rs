//! Keys: the master key of the service, and the key of each project, which is derived from it.

use std::fmt;

use federation_domain::Slug;
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::{digest, hmac};

/// Salt of the derivation.
const SALT: &[u8] = b"federation-mesh-v1";

/// Prefix of the text of a project key, which distinguishes it from a master key.
const PREFIX: &str = "fedp_";

/// Minimum length of a master key in characters.
const MIN_CHARS: usize = 32;

/// Maximum number of keys that are valid at once.
const MAX_KEYS: usize = 2;

/// Error of a key. It does not repeat the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidKey(&'static str);

/// The master keys of the service: one, or two during a rotation.
#[derive(Clone)]
pub struct MasterKeys(Vec<Box<str>>);

impl MasterKeys {
    /// Parses one master key, or two joined by a comma.
    ///
    /// # Errors
    /// Fails if there are too many keys, or one is too short.
    pub fn parse(text: &str) -> Result<Self, InvalidKey> {
        let keys: Vec<Box<str>> = text.split(',').map(|key| key.trim().into()).collect();
        if keys.iter().any(|key| key.chars().count() < MIN_CHARS) {
            return Err(InvalidKey(
                "expected at least 32 characters, got fewer; create a key with `openssl rand -hex 32`",
            ));
        }
        if keys.iter().any(|key| key.starts_with(PREFIX)) {
            return Err(InvalidKey("expected a master key, got the key of a project"));
        }
        if keys.len() > MAX_KEYS {
            return Err(InvalidKey("expected at most two keys, got more"));
        }
        Ok(Self(keys))
    }

    /// Returns the keys of a project.
    #[must_use]
    pub fn of_project(&self, slug: &Slug) -> ActionKeys {
        ActionKeys(self.0.iter().map(|master| ProjectKey::derive(master, slug)).collect())
    }
}

/// Redacted.
impl fmt::Debug for MasterKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKeys({} redacted)", self.0.len())
    }
}

/// The keys of a project: one, or two during a rotation.
#[derive(Debug, Clone, Default)]
pub struct ActionKeys(pub(super) Vec<ProjectKey>);

impl ActionKeys {
    /// Parses keys joined by a comma. Each is the key of the project, or a master key from which the
    /// key is derived.
    ///
    /// # Errors
    /// Fails if a key is invalid.
    pub fn parse(text: &str, slug: &Slug) -> Result<Self, InvalidKey> {
        let mut keys = Vec::new();
        for key in text.split(',').map(str::trim) {
            match key.strip_prefix(PREFIX) {
                Some(digits) => keys.push(ProjectKey::from_hex(digits)?),
                None => keys.extend(MasterKeys::parse(key)?.of_project(slug).0),
            }
        }
        if keys.len() > MAX_KEYS {
            return Err(InvalidKey("expected at most two keys, got more"));
        }
        Ok(Self(keys))
    }

    /// Returns `true` if there is no key, so that every request is rejected.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the texts of the keys, for the settings of the project.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        self.0.iter().map(|key| format!("{PREFIX}{}", hex(&key.bytes))).collect()
    }
}

/// Key of a project.
#[derive(Clone)]
pub(super) struct ProjectKey {
    bytes: [u8; 32],
    hmac: hmac::Key,
    id: String,
}

impl ProjectKey {
    fn derive(master: &str, slug: &Slug) -> Self {
        let info = format!("project:{slug}");
        let mut bytes = [0; 32];
        let salt = Salt::new(HKDF_SHA256, SALT);
        let extracted = salt.extract(master.as_bytes());
        let info = [info.as_bytes()];
        // The length is that of the algorithm, so neither step can fail.
        if let Ok(expanded) = extracted.expand(&info, HKDF_SHA256) {
            let _ = expanded.fill(&mut bytes);
        }
        Self::new(bytes)
    }

    fn from_hex(digits: &str) -> Result<Self, InvalidKey> {
        let invalid = InvalidKey("expected fedp_ and 64 hexadecimal digits");
        if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(invalid);
        }
        let mut bytes = [0; 32];
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&digits[at..at + 2], 16).map_err(|_| invalid)?;
        }
        Ok(Self::new(bytes))
    }

    fn new(bytes: [u8; 32]) -> Self {
        let id = hex(&digest::digest(&digest::SHA256, &bytes).as_ref()[..4]);
        Self { bytes, hmac: hmac::Key::new(hmac::HMAC_SHA256, &bytes), id }
    }

    /// Returns the first 8 hexadecimal digits of the SHA-256 of the key, by which a project finds the
    /// key of a signature.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn sign(&self, message: &[u8]) -> String {
        hex(hmac::sign(&self.hmac, message).as_ref())
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        hmac::verify(&self.hmac, message, signature).is_ok()
    }
}

/// Redacted.
impl fmt::Debug for ProjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProjectKey({})", self.id)
    }
}

/// Returns lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
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

    const MASTER: &str = "0123456789abcdef0123456789abcdef";

    fn slug(text: &str) -> Slug {
        Slug::parse(text).unwrap()
    }

    #[test]
    fn the_derivation_never_changes() {
        // Computed with `hmac` of Python by RFC 5869. Projects keep these keys.
        let keys = MasterKeys::parse(MASTER).unwrap().of_project(&slug("docs"));
        assert_eq!(
            keys.texts(),
            ["fedp_ed061f7714d438eed5f9ed900e0b69be143bda3be03d61e4f67aacc7d99efe83"]
        );
    }

    #[test]
    fn a_project_accepts_its_key_or_the_master_key() {
        let derived = MasterKeys::parse(MASTER).unwrap().of_project(&slug("docs"));
        let by_master = ActionKeys::parse(MASTER, &slug("docs")).unwrap();
        let by_key = ActionKeys::parse(&derived.texts()[0], &slug("docs")).unwrap();
        assert_eq!(by_master.texts(), derived.texts());
        assert_eq!(by_key.texts(), derived.texts());
        let other = MasterKeys::parse(MASTER).unwrap().of_project(&slug("veria"));
        assert_ne!(other.texts(), derived.texts());
    }

    #[test]
    fn short_keys_and_more_than_two_are_refused() {
        let other = MASTER.to_uppercase();
        assert_eq!(MasterKeys::parse(&format!("{MASTER}, {other}")).unwrap().0.len(), 2);
        for bad in ["", "short", &format!("{MASTER},"), &format!("{MASTER},{other},{MASTER}")] {
            assert!(MasterKeys::parse(bad).is_err(), "{bad}");
        }
        for bad in ["fedp_", "fedp_00", &format!("fedp_{}", "é".repeat(32))] {
            let error = ActionKeys::parse(bad, &slug("a")).unwrap_err();
            let secret = bad.trim_start_matches("fedp_");
            assert!(secret.is_empty() || !error.to_string().contains(secret), "{error}");
        }
    }

    #[test]
    fn debug_shows_no_key() {
        let keys = MasterKeys::parse(MASTER).unwrap();
        let of_project = keys.of_project(&slug("docs"));
        assert!(!format!("{keys:?}").contains(MASTER));
        assert!(!format!("{of_project:?}").contains(&of_project.texts()[0][5..]));
    }
}
