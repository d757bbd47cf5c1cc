//! Interface of the subscriber to the application, small enough to be faked in tests.

use federation_application::{DropReason, Presence, RecordError};
use federation_domain::{Heartbeat, Monotonic, Proof, Source};

/// Records one heartbeat of a batch.
pub(crate) type Record<'a> = dyn FnMut(&Heartbeat<'_>) -> Result<(), RecordError> + 'a;

/// Part of [`Presence`] that a source of heartbeats uses.
pub(crate) trait Hearing: Send + Sync {
    fn now(&self) -> Monotonic;
    /// Records heartbeats that arrive together. Relayed heartbeats have the source HTTP.
    fn record_batch(&self, hear: &mut dyn FnMut(&mut Record<'_>));
    fn prove_hearing(&self, proof: Proof);
    fn set_link(&self, up: bool);
    fn set_relays_heard(&self, heard: bool);
    fn drop_heartbeat(&self, reason: DropReason);
    fn drop_newcomer(&self);
    fn ignore_field(&self);
}

impl Hearing for Presence {
    fn now(&self) -> Monotonic {
        self.now()
    }

    fn record_batch(&self, hear: &mut dyn FnMut(&mut Record<'_>)) {
        let mut batch = self.recorder().batch(self.now());
        hear(&mut |heartbeat| batch.record(heartbeat));
    }

    fn prove_hearing(&self, proof: Proof) {
        self.prove_hearing(Source::Nats, proof);
    }

    fn set_link(&self, up: bool) {
        self.listening().set_link(Source::Nats, up);
    }

    fn set_relays_heard(&self, heard: bool) {
        self.listening().set_relays_heard(heard);
    }

    fn drop_heartbeat(&self, reason: DropReason) {
        self.recorder().count_dropped_heartbeat(Source::Nats, reason);
    }

    fn drop_newcomer(&self) {
        self.recorder().count_dropped_unknown_project();
    }

    fn ignore_field(&self) {
        self.recorder().count_ignored_field(Source::Nats);
    }
}
