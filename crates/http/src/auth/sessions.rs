//! Sessions of browsers.
//!
//! The page exchanges an API key once for a cookie, so that the key is in no storage that scripts can
//! read. The cookie is signed instead of stored: it names a key and a time, and its signature covers
//! the digest of the key. It is therefore valid on every replica with the same secret, and ends with
//! its key. Only sessions that were ended before their time are kept.

use std::collections::HashMap;
use std::time::Duration;

use actix_web::http::header::{COOKIE, HeaderMap, HeaderName};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::key::Key;

/// Name of the cookie.
pub(crate) const COOKIE_NAME: &str = "federation_session";
/// Time after which a session ends.
pub(crate) const VALIDITY: Duration = Duration::from_secs(12 * 60 * 60);

/// Separates these signatures from others with the same secret.
const PURPOSE: &[u8] = b"federation session 1";
/// Maximum length of a token.
const MAX_TOKEN_BYTES: usize = 512;
/// Maximum number of sessions that were ended before their time. The one that would end next is
/// forgotten first.
const MAX_ENDED: usize = 10_000;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

/// Issues and checks sessions.
pub(super) struct Sessions {
    /// `None` if the operating system provides no randomness.
    secret: Option<[u8; 32]>,
    ended: Mutex<HashMap<Nonce, OffsetDateTime>>,
}

type Nonce = [u8; 16];

/// A session whose signature is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session {
    nonce: Nonce,
    /// Time at which it ends.
    pub(crate) expires: OffsetDateTime,
}

/// The parts of a token before its signature is checked.
struct Claim {
    key_id: String,
    session: Session,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Sessions {
    /// Signs with a secret that only this process has.
    pub(super) fn new() -> Self {
        let mut secret = [0; 32];
        let secret = getrandom::fill(&mut secret).ok().map(|()| secret);
        Self { secret, ended: Mutex::default() }
    }

    /// Signs with a secret that other replicas have too.
    pub(super) fn with_secret(secret: &str) -> Self {
        let secret = Sha256::digest(secret.as_bytes()).into();
        Self { secret: Some(secret), ended: Mutex::default() }
    }

    /// Begins a session of a key and returns its token. Returns `None` if the operating system
    /// provides no randomness.
    pub(super) fn begin(&self, key: &Key, now: OffsetDateTime) -> Option<(String, Session)> {
        let mut nonce = Nonce::default();
        getrandom::fill(&mut nonce).ok()?;
        let ends = now + VALIDITY;
        let ends = key.expires.map_or(ends, |expires| expires.min(ends));
        // Whole seconds, as in the token.
        let expires = OffsetDateTime::from_unix_timestamp(ends.unix_timestamp()).ok()?;
        let session = Session { nonce, expires };
        let signed = signed(&session);
        let signature = self.mac(key, &signed)?.finalize().into_bytes();
        let [id, signed, signature] =
            [key.id.as_bytes(), &signed, &signature[..]].map(|part| URL_SAFE_NO_PAD.encode(part));
        Some((format!("{id}.{signed}.{signature}"), session))
    }

    /// Returns the session and the key of the first valid token. `keys` returns the keys with an id.
    pub(super) fn find<K: AsRef<Key>>(
        &self,
        tokens: &[&str],
        now: OffsetDateTime,
        keys: impl Fn(&str) -> Vec<K>,
    ) -> Option<(Session, K)> {
        tokens.iter().find_map(|token| {
            let claim = parse(token)?;
            if !self.is_live(&claim.session, now) {
                return None;
            }
            let signs = |key: &K| {
                let mac = self.mac(key.as_ref(), &claim.signed);
                mac.is_some_and(|mac| mac.verify_slice(&claim.signature).is_ok())
            };
            let key = keys(&claim.key_id).into_iter().find(signs)?;
            Some((claim.session, key))
        })
    }

    /// Returns `true` if the session has not ended.
    pub(super) fn is_live(&self, session: &Session, now: OffsetDateTime) -> bool {
        session.expires > now && !self.ended.lock().contains_key(&session.nonce)
    }

    /// Ends a session before its time.
    pub(super) fn end(&self, session: Session, now: OffsetDateTime) {
        let mut ended = self.ended.lock();
        if ended.len() >= MAX_ENDED {
            ended.retain(|_, expires| *expires > now);
        }
        if ended.len() >= MAX_ENDED {
            let next = ended.iter().min_by_key(|(_, expires)| **expires).map(|(nonce, _)| *nonce);
            next.map(|nonce| ended.remove(&nonce));
        }
        ended.insert(session.nonce, session.expires);
    }

    fn mac(&self, key: &Key, signed: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_ref()?).ok()?;
        // All parts but the last have a fixed length.
        mac.update(PURPOSE);
        mac.update(signed);
        mac.update(key.digest.as_bytes());
        mac.update(key.id.as_bytes());
        Some(mac)
    }
}

/// Returns the part of a token that is signed beside the key.
fn signed(session: &Session) -> Vec<u8> {
    let expires = session.expires.unix_timestamp().to_be_bytes();
    [&session.nonce[..], &expires].concat()
}

fn parse(token: &str) -> Option<Claim> {
    if token.len() > MAX_TOKEN_BYTES {
        return None;
    }
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
    let (id, signed, signature) = (parts.next()??, parts.next()??, parts.next()??);
    let (nonce, expires) = signed.split_first_chunk()?;
    let expires = i64::from_be_bytes(expires.try_into().ok()?);
    let expires = OffsetDateTime::from_unix_timestamp(expires).ok()?;
    let key_id = String::from_utf8(id).ok().filter(|_| parts.next().is_none())?;
    Some(Claim { key_id, session: Session { nonce: *nonce, expires }, signed, signature })
}

/// Returns the tokens in the cookies of a request. A browser sends several if cookies with different
/// paths match.
pub(crate) fn tokens(headers: &HeaderMap) -> Vec<&str> {
    let cookies = headers.get_all(COOKIE).filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    let ours = pairs.filter(|(name, _)| name.trim() == COOKIE_NAME);
    ours.map(|(_, token)| token.trim()).take(4).collect()
}

/// Returns `true` if another site made the browser send the request, so that its cookies do not count.
pub(super) fn is_foreign(headers: &HeaderMap) -> bool {
    headers
        .get(SEC_FETCH_SITE)
        .is_some_and(|site| site.as_bytes() != b"same-origin" && site.as_bytes() != b"none")
}

/// Returns `true` if the page of this service made the browser send the request. Pages of other origins
/// cannot set the header without asking first, and are never permitted to.
pub(super) fn is_own(headers: &HeaderMap) -> bool {
    let names_itself = headers.get(X_REQUESTED_WITH).is_some_and(|value| !value.is_empty());
    names_itself || headers.get(SEC_FETCH_SITE).is_some_and(|site| site == "same-origin")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::http::header::HeaderValue;
    use time::macros::datetime;

    use super::super::key::KeyDigest;
    use super::super::scope::{Scope, Scopes};
    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 12:00 UTC);

    fn key(id: &str, text: &str) -> Arc<Key> {
        Arc::new(Key {
            id: id.to_owned(),
            digest: KeyDigest::of(text),
            scopes: Scopes::from_iter([Scope::Read]),
            slugs: None,
            actions: None,
            expires: None,
            revoked: false,
        })
    }

    fn found(sessions: &Sessions, token: &str, now: OffsetDateTime, keys: &[Arc<Key>]) -> bool {
        let of_id = |id: &str| keys.iter().filter(|key| key.id == id).cloned().collect::<Vec<_>>();
        sessions.find(&[token], now, of_id).is_some()
    }

    #[test]
    fn a_session_lasts_12_hours() {
        let (sessions, keys) = (Sessions::new(), [key("a", "secret")]);
        let (token, session) = sessions.begin(&keys[0], NOW).unwrap();
        assert_eq!(session.expires, NOW + VALIDITY);
        assert!(found(&sessions, &token, NOW + VALIDITY - Duration::from_secs(1), &keys));
        assert!(!found(&sessions, &token, NOW + VALIDITY, &keys));
    }

    #[test]
    fn a_session_ends_with_its_key() {
        let sessions = Sessions::new();
        let (token, _) = sessions.begin(&key("a", "secret"), NOW).unwrap();
        assert!(!found(&sessions, &token, NOW, &[]));
        assert!(!found(&sessions, &token, NOW, &[key("a", "another secret")]));
        assert!(!found(&sessions, &token, NOW, &[key("b", "secret")]));
        let expires = NOW + Duration::from_secs(60);
        let brief = Key { expires: Some(expires), ..(*key("a", "secret")).clone() };
        assert_eq!(sessions.begin(&brief, NOW).unwrap().1.expires, expires);
    }

    #[test]
    fn no_part_of_a_token_can_be_changed() {
        let (sessions, keys) = (Sessions::new(), [key("a", "secret"), key("b", "other")]);
        let (token, _) = sessions.begin(&keys[0], NOW).unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let later = Session { nonce: [0; 16], expires: NOW + 100 * VALIDITY };
        let later = URL_SAFE_NO_PAD.encode(signed(&later));
        let other = URL_SAFE_NO_PAD.encode("b");
        for forged in [
            format!("{other}.{}.{}", parts[1], parts[2]),
            format!("{}.{later}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{token}."),
            format!("{token}.AAAA"),
            "x".repeat(MAX_TOKEN_BYTES + 1),
            String::new(),
        ] {
            assert!(!found(&sessions, &forged, NOW, &keys), "{forged}");
        }
        assert!(found(&sessions, &token, NOW, &keys));
    }

    #[test]
    fn replicas_with_the_same_secret_accept_each_others_sessions() {
        let (one, two, other) = (
            Sessions::with_secret("the same secret"),
            Sessions::with_secret("the same secret"),
            Sessions::with_secret("another secret"),
        );
        let keys = [key("a", "secret")];
        let (token, _) = one.begin(&keys[0], NOW).unwrap();
        assert!(found(&two, &token, NOW, &keys));
        assert!(!found(&other, &token, NOW, &keys));
        assert!(!found(&Sessions::new(), &token, NOW, &keys));
    }

    #[test]
    fn an_ended_session_stays_ended_and_the_memory_of_it_is_bounded() {
        let (sessions, keys) = (Sessions::new(), [key("a", "secret")]);
        let (token, session) = sessions.begin(&keys[0], NOW).unwrap();
        let (other, _) = sessions.begin(&keys[0], NOW).unwrap();
        sessions.end(session, NOW);
        assert!(!found(&sessions, &token, NOW, &keys));
        assert!(found(&sessions, &other, NOW, &keys));
        for number in 0..MAX_ENDED {
            let mut nonce = [1; 16];
            nonce[..8].copy_from_slice(&number.to_be_bytes());
            sessions.end(Session { nonce, expires: session.expires + VALIDITY }, NOW);
        }
        assert_eq!(sessions.ended.lock().len(), MAX_ENDED);
    }

    #[test]
    fn tokens_are_found_among_other_cookies() {
        let mut headers = HeaderMap::new();
        let cookies =
            "theme=dark; federation_session=a.b.c;federation_session=d;xfederation_session=e";
        headers.append(COOKIE, HeaderValue::from_static(cookies));
        assert_eq!(tokens(&headers), ["a.b.c", "d"]);
        assert!(tokens(&HeaderMap::new()).is_empty());
    }
}
