//! Signatures of requests.
//!
//! The signed text is these lines, joined by line feeds, followed by the payload:
//!
//! ```text
//! federation-action-v1
//! {Federation-Action-Id}
//! {Federation-Timestamp}
//! {subject}
//! {payload}
//! ```

use async_nats::HeaderMap;

use super::keys::ActionKeys;

/// Header with the id of the run.
pub const HEADER_ID: &str = "Federation-Action-Id";
/// Header with the time of the request, in milliseconds since 1970.
pub const HEADER_TIMESTAMP: &str = "Federation-Timestamp";
/// Header with the signatures: `{key id}={hexadecimal HMAC-SHA256}`, joined by commas.
pub const HEADER_SIGNATURE: &str = "Federation-Signature";

const VERSION: &str = "federation-action-v1";

/// Maximum number of signatures that are looked at.
const MAX_SIGNATURES: usize = 4;

/// The parts of a request that are signed.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// Value of [`HEADER_ID`].
    pub id: &'a str,
    /// Value of [`HEADER_TIMESTAMP`].
    pub timestamp: &'a str,
    /// Subject.
    pub subject: &'a str,
    /// Payload.
    pub payload: &'a [u8],
}

impl SignedRequest<'_> {
    fn text(&self) -> Vec<u8> {
        let head = [VERSION, self.id, self.timestamp, self.subject].join("\n");
        [head.as_bytes(), b"\n", self.payload].concat()
    }

    /// Returns the value of [`HEADER_SIGNATURE`], with a signature by each key.
    #[must_use]
    pub fn sign(&self, keys: &ActionKeys) -> String {
        let text = self.text();
        let signatures = keys.0.iter().map(|key| format!("{}={}", key.id(), key.sign(&text)));
        signatures.collect::<Vec<_>>().join(",")
    }

    /// Returns `true` if one of the signatures is by one of the keys.
    #[must_use]
    pub fn is_signed(&self, signatures: &str, keys: &ActionKeys) -> bool {
        let text = self.text();
        signatures.split(',').take(MAX_SIGNATURES).any(|signature| {
            let Some((id, digits)) = signature.trim().split_once('=') else { return false };
            let Some(bytes) = bytes_of(digits) else { return false };
            keys.0.iter().any(|key| key.id() == id && key.verify(&text, &bytes))
        })
    }
}

/// Parses the 64 hexadecimal digits of a signature.
fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    (0..32).map(|at| u8::from_str_radix(&digits[at * 2..at * 2 + 2], 16).ok()).collect()
}

/// Returns the headers of a request.
pub(super) fn headers(request: &SignedRequest<'_>, keys: &ActionKeys) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HEADER_ID, request.id);
    headers.insert(HEADER_TIMESTAMP, request.timestamp);
    headers.insert(HEADER_SIGNATURE, request.sign(keys).as_str());
    headers
}
