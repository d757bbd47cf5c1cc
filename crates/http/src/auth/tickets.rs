//! Tickets for event streams.
//!
//! A browser's `EventSource` cannot send an API key, and a key in a URL would end up in logs and
//! histories. A ticket replaces the key once and only for a short time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use federation_domain::Monotonic;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::key::Key;

/// Time for which a ticket is valid.
pub(crate) const VALIDITY: Duration = Duration::from_secs(30);
/// Maximum number of unused tickets, of one key and in total.
const MAX_UNUSED: (usize, usize) = (1_000, 10_000);

/// The unused tickets. Only their digests are kept.
#[derive(Default)]
pub(super) struct Tickets(Mutex<HashMap<[u8; 32], Ticket>>);

struct Ticket {
    key: Arc<Key>,
    expires: Monotonic,
}

impl Tickets {
    /// Issues a ticket that replaces the key. Returns `None` if there are too many unused ones or
    /// the operating system provides no randomness.
    pub(super) fn issue(&self, key: &Arc<Key>, now: Monotonic) -> Option<String> {
        let mut secret = [0; 24];
        getrandom::fill(&mut secret).ok()?;
        let text = URL_SAFE_NO_PAD.encode(secret);
        let mut unused = self.0.lock();
        let of_key = |unused: &HashMap<_, Ticket>| {
            unused.values().filter(|ticket| ticket.key.id == key.id).count()
        };
        let is_full = unused.len() >= MAX_UNUSED.1 || of_key(&unused) >= MAX_UNUSED.0;
        if is_full {
            unused.retain(|_, ticket| ticket.expires > now);
            if unused.len() >= MAX_UNUSED.1 || of_key(&unused) >= MAX_UNUSED.0 {
                return None;
            }
        }
        let expires = Monotonic(now.0 + VALIDITY);
        unused.insert(digest(&text), Ticket { key: Arc::clone(key), expires });
        Some(text)
    }

    /// Takes a ticket and returns its key. A second attempt finds nothing.
    pub(super) fn redeem(&self, text: &str, now: Monotonic) -> Option<Arc<Key>> {
        let ticket = self.0.lock().remove(&digest(text))?;
        (ticket.expires > now).then_some(ticket.key)
    }
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::super::key::KeyDigest;
    use super::super::scope::{Scope, Scopes};
    use super::*;

    fn key(id: &str) -> Arc<Key> {
        Arc::new(Key {
            id: id.to_owned(),
            digest: KeyDigest::of(id),
            scopes: Scopes::from_iter([Scope::Read]),
            slugs: None,
            actions: None,
            expires: None,
            revoked: false,
        })
    }

    fn at(seconds: u64) -> Monotonic {
        Monotonic(Duration::from_secs(1_000 + seconds))
    }

    #[test]
    fn a_ticket_is_valid_once_and_for_30_s() {
        let tickets = Tickets::default();
        let issue = || tickets.issue(&key("a"), at(0)).unwrap();
        let (one, other) = (issue(), issue());
        assert_ne!(one, other);
        assert_eq!(one.len(), 32);
        assert_eq!(tickets.redeem(&one, at(29)).unwrap().id, "a");
        assert!(tickets.redeem(&one, at(29)).is_none());
        assert!(tickets.redeem(&other, at(30)).is_none());
        assert!(tickets.redeem("", at(0)).is_none());
    }

    #[test]
    fn concurrent_requests_share_a_ticket_only_once() {
        let tickets = Tickets::default();
        let text = tickets.issue(&key("a"), at(0)).unwrap();
        let used: usize = std::thread::scope(|scope| {
            let redeem = || tickets.redeem(&text, at(1)).map_or(0, |_| 1);
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(redeem)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(used, 1);
    }

    #[test]
    fn the_number_of_unused_tickets_is_bounded() {
        let tickets = Tickets::default();
        for _ in 0..MAX_UNUSED.0 {
            tickets.issue(&key("a"), at(0)).unwrap();
        }
        assert!(tickets.issue(&key("a"), at(29)).is_none());
        assert!(tickets.issue(&key("b"), at(29)).is_some(), "another key has tickets of its own");
        assert!(tickets.issue(&key("a"), at(30)).is_some(), "expired tickets are removed");
        assert_eq!(tickets.0.lock().len(), 2);
    }
}
