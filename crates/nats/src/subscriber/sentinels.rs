//! The proof of hearing: which sentinels are under way, and what their return proves.

use std::collections::VecDeque;

use federation_domain::{MAX_STEP, Monotonic, Proof};

use crate::connection::Identity;

/// The most sentinels under way; at four a second, a minute's worth.
const MAX_UNDER_WAY: usize = 256;

/// Sentinels sent, and what was proven last. It reads no clock and does no I/O.
#[derive(Default)]
pub(super) struct Sentinels {
    under_way: VecDeque<Sentinel>,
    proven: Option<Sentinel>,
    is_whole: bool,
    doubted_at: Option<Monotonic>,
}

/// One sentinel, as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentinel {
    nonce: u64,
    sent_at: Monotonic,
    connection: Identity,
}

impl Sentinels {
    /// Notes a sentinel that is about to be sent, and gives its payload.
    pub(super) fn send(&mut self, sent_at: Monotonic, connection: Identity) -> [u8; 8] {
        if self.under_way.len() == MAX_UNDER_WAY {
            self.under_way.pop_front();
        }
        // Random, so that who can send to the subject but not listen there cannot forge one.
        let nonce = fastrand::u64(..);
        self.under_way.push_back(Sentinel { nonce, sent_at, connection });
        nonce.to_be_bytes()
    }

    /// The sentinel that came back. None when it is not ours, or when it was sent over another
    /// connection than the present one: it waited out a reconnect in the client, and heartbeats
    /// between the two connections are lost.
    pub(super) fn take(&mut self, payload: &[u8], connection: &Identity) -> Option<Sentinel> {
        let nonce = u64::from_be_bytes(payload.try_into().ok()?);
        let index = self.under_way.iter().position(|sentinel| sentinel.nonce == nonce)?;
        // They return in order: what was sent before this one is lost.
        let sentinel = self.under_way.drain(..=index).next_back()?;
        (sentinel.connection == *connection).then_some(sentinel)
    }

    /// Notes that up to now messages were, or may have been, dropped or held up.
    pub(super) fn note_doubt(&mut self, now: Monotonic) {
        self.doubted_at = Some(now);
    }

    /// Whether the server took long over a sentinel: at `idle_at` all that it had put on the
    /// connection was heard, and the sentinel was not among it. A server that stands still reads
    /// neither sentinels nor the heartbeats of the same time, and then any of them first.
    pub(super) fn is_late(sentinel: &Sentinel, idle_at: Monotonic) -> bool {
        idle_at.since(sentinel.sent_at) > MAX_STEP
    }

    /// What a sentinel proves, once all that stood in front of it is heard. Hearing was whole
    /// since the proof before if that came over the same connection, and its sentinel was sent
    /// after the last doubt arose: what was dropped had then arrived before it.
    pub(super) fn prove(&mut self, sentinel: Sentinel) -> Proof {
        let unbroken = self.proven.as_ref().is_some_and(|proven| {
            proven.connection == sentinel.connection
                && self.doubted_at.is_none_or(|doubted_at| doubted_at <= proven.sent_at)
        });
        let proof = Proof { heard_through: sentinel.sent_at, unbroken };
        self.proven = Some(sentinel);
        self.is_whole = unbroken;
        proof
    }

    /// What the first message over a new connection proves: what is heard from now on was sent
    /// lately, and what was missed before is lost. None where the connection is not new.
    pub(super) fn renew(&mut self, now: Monotonic, connection: Identity) -> Option<Proof> {
        if self.proven.as_ref().is_none_or(|proven| proven.connection == connection) {
            return None;
        }
        self.proven = Some(Sentinel { nonce: 0, sent_at: now, connection });
        self.is_whole = false;
        Some(Proof { heard_through: now, unbroken: false })
    }

    /// The moment through which hearing is proven.
    pub(super) fn proven(&self) -> Option<Monotonic> {
        self.proven.as_ref().map(|proven| proven.sent_at)
    }

    /// The same, but only if nothing was lost since the proof before it. Where each proof is
    /// broken, heartbeats arrive, and yet silence cannot be told from loss.
    pub(super) fn proven_whole(&self) -> Option<Monotonic> {
        self.proven().filter(|_| self.is_whole)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic(Duration::from_millis(millis))
    }

    fn connection(client_id: u64) -> Identity {
        Identity { server_id: "S".into(), client_id }
    }

    /// Sends at `sent`, returns at once over the same connection.
    fn round_trip(sentinels: &mut Sentinels, sent: u64, client_id: u64) -> Proof {
        let payload = sentinels.send(at(sent), connection(client_id));
        let sentinel = sentinels.take(&payload, &connection(client_id)).unwrap();
        sentinels.prove(sentinel)
    }

    fn unbroken(sentinels: &mut Sentinels, sent: u64, client_id: u64) -> bool {
        round_trip(sentinels, sent, client_id).unbroken
    }

    #[test]
    fn a_proof_reaches_to_the_moment_of_sending() {
        let mut sentinels = Sentinels::default();
        assert_eq!(round_trip(&mut sentinels, 7, 1).heard_through, at(7));
        assert_eq!(sentinels.proven(), Some(at(7)));
    }

    #[test]
    fn the_first_proof_over_a_connection_is_broken() {
        let mut sentinels = Sentinels::default();
        let found = [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2)]
            .map(|(sent, client_id)| unbroken(&mut sentinels, sent, client_id));
        assert_eq!(found, [false, true, true, false, true]);
    }

    #[test]
    fn a_new_connection_is_a_break_and_a_new_beginning() {
        let mut sentinels = Sentinels::default();
        assert_eq!(sentinels.renew(at(1), connection(1)), None, "nothing was proven before");
        round_trip(&mut sentinels, 2, 1);
        assert_eq!(sentinels.renew(at(3), connection(1)), None);
        let proof = Proof { heard_through: at(5_000), unbroken: false };
        assert_eq!(sentinels.renew(at(5_000), connection(2)), Some(proof));
        assert_eq!(sentinels.renew(at(5_001), connection(2)), None);
        assert_eq!(sentinels.proven_whole(), None);
        assert!(unbroken(&mut sentinels, 5_250, 2));
    }

    #[test]
    fn a_sentinel_that_waited_out_a_reconnect_proves_nothing() {
        let mut sentinels = Sentinels::default();
        let payload = sentinels.send(at(0), connection(1));
        assert_eq!(sentinels.take(&payload, &connection(2)), None);
        assert_eq!(sentinels.take(&payload, &connection(1)), None, "and is forgotten");
    }

    #[test]
    fn foreign_and_repeated_sentinels_prove_nothing() {
        let mut sentinels = Sentinels::default();
        let payload = sentinels.send(at(0), connection(1));
        for foreign in [&b""[..], b"1", &99_u64.to_be_bytes(), &[0; 8], &[255; 8], &[0; 9]] {
            assert_eq!(sentinels.take(foreign, &connection(1)), None);
        }
        assert!(sentinels.take(&payload, &connection(1)).is_some());
        assert_eq!(sentinels.take(&payload, &connection(1)), None);
    }

    #[test]
    fn no_sentinel_can_be_foretold() {
        let mut sentinels = [Sentinels::default(), Sentinels::default()];
        let [first, second] =
            sentinels.each_mut().map(|sentinels| sentinels.send(at(0), connection(1)));
        assert_ne!(first, second);
    }

    #[test]
    fn hearing_is_proven_whole_only_by_an_unbroken_proof() {
        let mut sentinels = Sentinels::default();
        assert_eq!(sentinels.proven_whole(), None);
        let found = [0, 10, 20, 30, 40].map(|sent| {
            if sent == 20 {
                sentinels.note_doubt(at(15));
            }
            round_trip(&mut sentinels, sent, 1);
            sentinels.proven_whole()
        });
        assert_eq!(found, [None, Some(at(10)), None, Some(at(30)), Some(at(40))]);
    }

    #[test]
    fn several_under_way_prove_in_their_order() {
        let mut sentinels = Sentinels::default();
        let payloads = [1, 2, 3].map(|sent| sentinels.send(at(sent), connection(1)));
        for (payload, sent) in [(payloads[0], 1), (payloads[2], 3)] {
            let sentinel = sentinels.take(&payload, &connection(1)).unwrap();
            assert_eq!(sentinels.prove(sentinel).heard_through, at(sent));
        }
        assert_eq!(sentinels.take(&payloads[1], &connection(1)), None, "it was overtaken");
    }

    #[test]
    fn all_time_that_may_hold_an_overrun_is_broken() {
        let mut sentinels = Sentinels::default();
        round_trip(&mut sentinels, 0, 1);
        assert!(unbroken(&mut sentinels, 10, 1));
        sentinels.note_doubt(at(35));
        // Sent before the overrun was found, and the first one after: the drop may lie in either.
        assert!(!unbroken(&mut sentinels, 20, 1));
        assert!(!unbroken(&mut sentinels, 30, 1));
        assert!(!unbroken(&mut sentinels, 40, 1));
        assert!(unbroken(&mut sentinels, 50, 1));
    }

    #[test]
    fn a_sentinel_over_which_the_server_took_long_is_late() {
        let mut sentinels = Sentinels::default();
        let payload = sentinels.send(at(100), connection(1));
        let sentinel = sentinels.take(&payload, &connection(1)).unwrap();
        assert!(
            !Sentinels::is_late(&sentinel, at(50)),
            "we were not idle since: the wait was ours"
        );
        assert!(!Sentinels::is_late(&sentinel, at(1_100)));
        assert!(Sentinels::is_late(&sentinel, at(1_101)));
    }

    #[test]
    fn sentinels_that_never_return_take_no_more_than_their_room() {
        let mut sentinels = Sentinels::default();
        let first = sentinels.send(at(0), connection(1));
        for _ in 0..MAX_UNDER_WAY {
            sentinels.send(at(1), connection(1));
        }
        assert_eq!(sentinels.under_way.len(), MAX_UNDER_WAY);
        assert_eq!(sentinels.take(&first, &connection(1)), None);
    }
}
