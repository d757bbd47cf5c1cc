//! Sentinels in flight and what their return proves.

use std::collections::VecDeque;

use federation_domain::{MAX_STEP, Monotonic, Proof};

use crate::connection::Identity;

/// Maximum number of sentinels in flight, a minute's worth at four a second.
const MAX_IN_FLIGHT: usize = 256;

/// Sentinels in flight and the last proof. Reads no clock and does no I/O.
#[derive(Default)]
pub(super) struct Sentinels {
    in_flight: VecDeque<Sentinel>,
    proven: Option<Sentinel>,
    is_unbroken: bool,
    doubted_at: Option<Monotonic>,
}

/// A sentinel that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sentinel {
    nonce: u64,
    sent_at: Monotonic,
    connection: Identity,
}

impl Sentinels {
    /// Registers a sentinel that is about to be sent and returns its payload.
    pub(super) fn send(&mut self, sent_at: Monotonic, connection: Identity) -> [u8; 8] {
        if self.in_flight.len() == MAX_IN_FLIGHT {
            self.in_flight.pop_front();
        }
        // Random, so that a client that may publish on the subject but not subscribe cannot forge one.
        let nonce = fastrand::u64(..);
        self.in_flight.push_back(Sentinel { nonce, sent_at, connection });
        nonce.to_be_bytes()
    }

    /// Returns the sentinel that came back.
    ///
    /// Returns `None` if it is not ours, or if it was sent over another connection. In the latter
    /// case it waited in the client during a reconnect, and heartbeats between the two connections
    /// are lost.
    pub(super) fn take(&mut self, payload: &[u8], connection: &Identity) -> Option<Sentinel> {
        let nonce = u64::from_be_bytes(payload.try_into().ok()?);
        let index = self.in_flight.iter().position(|sentinel| sentinel.nonce == nonce)?;
        // Sentinels return in order, so all before this one are lost.
        let sentinel = self.in_flight.drain(..=index).next_back()?;
        (sentinel.connection == *connection).then_some(sentinel)
    }

    /// Notes that messages may have been dropped or delayed until now.
    pub(super) fn note_doubt(&mut self, now: Monotonic) {
        self.doubted_at = Some(now);
    }

    /// Returns whether the server delayed a sentinel. At `idle_at` everything that the server had
    /// sent was received, and the sentinel was not part of it. A stalled server reads neither
    /// sentinels nor heartbeats, and afterwards reads them in any order.
    pub(super) fn is_late(sentinel: &Sentinel, idle_at: Monotonic) -> bool {
        idle_at.since(sentinel.sent_at) > MAX_STEP
    }

    /// Returns the proof that a sentinel gives once everything in front of it is recorded.
    ///
    /// The proof is unbroken if the proof before it came over the same connection and its sentinel
    /// was sent after the last doubt. Any dropped message then arrived before that sentinel.
    pub(super) fn prove(&mut self, sentinel: Sentinel) -> Proof {
        let unbroken = self.proven.as_ref().is_some_and(|proven| {
            proven.connection == sentinel.connection
                && self.doubted_at.is_none_or(|doubted_at| doubted_at <= proven.sent_at)
        });
        let proof = Proof { heard_through: sentinel.sent_at, unbroken };
        self.proven = Some(sentinel);
        self.is_unbroken = unbroken;
        proof
    }

    /// Returns the proof that the first message of a new connection gives: later messages were sent
    /// recently, and earlier ones are lost. Returns `None` if the connection is not new.
    pub(super) fn renew(&mut self, now: Monotonic, connection: Identity) -> Option<Proof> {
        if self.proven.as_ref().is_none_or(|proven| proven.connection == connection) {
            return None;
        }
        self.proven = Some(Sentinel { nonce: 0, sent_at: now, connection });
        self.is_unbroken = false;
        Some(Proof { heard_through: now, unbroken: false })
    }

    /// Returns the time up to which hearing is proven.
    pub(super) fn proven(&self) -> Option<Monotonic> {
        self.proven.as_ref().map(|proven| proven.sent_at)
    }

    /// Returns the time up to which hearing is proven if the last proof is unbroken. With broken
    /// proofs, silence cannot be told from loss.
    pub(super) fn proven_unbroken(&self) -> Option<Monotonic> {
        self.proven().filter(|_| self.is_unbroken)
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

    /// Sends a sentinel at `sent` that returns over the same connection.
    fn round_trip(sentinels: &mut Sentinels, sent: u64, client_id: u64) -> Proof {
        let payload = sentinels.send(at(sent), connection(client_id));
        let sentinel = sentinels.take(&payload, &connection(client_id)).unwrap();
        sentinels.prove(sentinel)
    }

    fn unbroken(sentinels: &mut Sentinels, sent: u64, client_id: u64) -> bool {
        round_trip(sentinels, sent, client_id).unbroken
    }

    #[test]
    fn a_proof_reaches_to_the_time_of_sending() {
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
    fn the_first_message_of_a_new_connection_gives_a_broken_proof() {
        let mut sentinels = Sentinels::default();
        assert_eq!(sentinels.renew(at(1), connection(1)), None, "nothing was proven yet");
        round_trip(&mut sentinels, 2, 1);
        assert_eq!(sentinels.renew(at(3), connection(1)), None);
        let proof = Proof { heard_through: at(5_000), unbroken: false };
        assert_eq!(sentinels.renew(at(5_000), connection(2)), Some(proof));
        assert_eq!(sentinels.renew(at(5_001), connection(2)), None);
        assert_eq!(sentinels.proven_unbroken(), None);
        assert!(unbroken(&mut sentinels, 5_250, 2));
    }

    #[test]
    fn a_sentinel_of_another_connection_proves_nothing() {
        let mut sentinels = Sentinels::default();
        let payload = sentinels.send(at(0), connection(1));
        assert_eq!(sentinels.take(&payload, &connection(2)), None);
        assert_eq!(sentinels.take(&payload, &connection(1)), None, "the sentinel is forgotten");
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
    fn sentinels_are_unpredictable() {
        let mut sentinels = [Sentinels::default(), Sentinels::default()];
        let [first, second] =
            sentinels.each_mut().map(|sentinels| sentinels.send(at(0), connection(1)));
        assert_ne!(first, second);
    }

    #[test]
    fn only_an_unbroken_proof_proves_unbroken_hearing() {
        let mut sentinels = Sentinels::default();
        assert_eq!(sentinels.proven_unbroken(), None);
        let found = [0, 10, 20, 30, 40].map(|sent| {
            if sent == 20 {
                sentinels.note_doubt(at(15));
            }
            round_trip(&mut sentinels, sent, 1);
            sentinels.proven_unbroken()
        });
        assert_eq!(found, [None, Some(at(10)), None, Some(at(30)), Some(at(40))]);
    }

    #[test]
    fn several_sentinels_in_flight_prove_in_their_order() {
        let mut sentinels = Sentinels::default();
        let payloads = [1, 2, 3].map(|sent| sentinels.send(at(sent), connection(1)));
        for (payload, sent) in [(payloads[0], 1), (payloads[2], 3)] {
            let sentinel = sentinels.take(&payload, &connection(1)).unwrap();
            assert_eq!(sentinels.prove(sentinel).heard_through, at(sent));
        }
        assert_eq!(
            sentinels.take(&payloads[1], &connection(1)),
            None,
            "a later sentinel returned first"
        );
    }

    #[test]
    fn every_period_that_may_contain_an_overrun_is_broken() {
        let mut sentinels = Sentinels::default();
        round_trip(&mut sentinels, 0, 1);
        assert!(unbroken(&mut sentinels, 10, 1));
        sentinels.note_doubt(at(35));
        // The drop may lie before or after the sentinel that was sent before the overrun was noticed.
        assert!(!unbroken(&mut sentinels, 20, 1));
        assert!(!unbroken(&mut sentinels, 30, 1));
        assert!(!unbroken(&mut sentinels, 40, 1));
        assert!(unbroken(&mut sentinels, 50, 1));
    }

    #[test]
    fn a_sentinel_that_the_server_delayed_is_late() {
        let mut sentinels = Sentinels::default();
        let payload = sentinels.send(at(100), connection(1));
        let sentinel = sentinels.take(&payload, &connection(1)).unwrap();
        assert!(!Sentinels::is_late(&sentinel, at(50)), "we were busy, so the delay is ours");
        assert!(!Sentinels::is_late(&sentinel, at(1_100)));
        assert!(Sentinels::is_late(&sentinel, at(1_101)));
    }

    #[test]
    fn sentinels_that_never_return_are_bounded() {
        let mut sentinels = Sentinels::default();
        let first = sentinels.send(at(0), connection(1));
        for _ in 0..MAX_IN_FLIGHT {
            sentinels.send(at(1), connection(1));
        }
        assert_eq!(sentinels.in_flight.len(), MAX_IN_FLIGHT);
        assert_eq!(sentinels.take(&first, &connection(1)), None);
    }
}
