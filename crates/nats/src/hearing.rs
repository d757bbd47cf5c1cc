//! Interface of the subscriber to the application, small enough to be faked in tests.

use federation_application::{DropReason, HeartbeatBatch, Presence, RecordError};
use federation_domain::{Heartbeat, Monotonic, Proof, Source};

/// Part of [`Presence`] that a source of heartbeats uses.
pub trait Hearing: Send + Sync + 'static {
    /// Guard of a batch, see [`batch`](Self::batch).
    type Batch<'a>: RecordHeartbeat
    where
        Self: 'a;

    /// Returns the monotonic time.
    fn now(&self) -> Monotonic;
    /// Begins a batch of heartbeats that arrive together at `now`. Those that another replica
    /// relayed count as received over HTTP.
    fn batch(&self, now: Monotonic) -> Self::Batch<'_>;
    /// See [`Presence::prove_hearing`].
    fn prove_hearing(&self, proof: Proof);
    /// Records whether heartbeats can be received.
    fn set_link(&self, up: bool);
    /// Records whether heartbeats relayed by other replicas can be received.
    fn set_relays_heard(&self, heard: bool);
    /// Counts a dropped heartbeat.
    fn count_dropped_heartbeat(&self, reason: DropReason);
    /// Counts an unknown project that could not be queued for registration.
    fn count_dropped_unknown_project(&self);
    /// Counts an invalid optional field.
    fn count_ignored_field(&self);
}

/// Records the heartbeats of a batch.
pub trait RecordHeartbeat {
    /// Records the next heartbeat.
    ///
    /// # Errors
    /// [`RecordError`] if the project is unknown or the catalog is not loaded.
    fn record(&mut self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError>;
}

impl RecordHeartbeat for HeartbeatBatch<'_> {
    fn record(&mut self, heartbeat: &Heartbeat<'_>) -> Result<(), RecordError> {
        self.record(heartbeat)
    }
}

impl Hearing for Presence {
    type Batch<'a> = HeartbeatBatch<'a>;

    fn now(&self) -> Monotonic {
        self.now()
    }

    fn batch(&self, now: Monotonic) -> HeartbeatBatch<'_> {
        self.recorder().batch(now)
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

    fn count_dropped_heartbeat(&self, reason: DropReason) {
        self.recorder().count_dropped_heartbeat(Source::Nats, reason);
    }

    fn count_dropped_unknown_project(&self) {
        self.recorder().count_dropped_unknown_project();
    }

    fn count_ignored_field(&self) {
        self.recorder().count_ignored_field(Source::Nats);
    }
}
