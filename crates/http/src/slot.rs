//! Caches of answers that many clients request.
//!
//! One request encodes the answer, and those that arrive meanwhile wait for it. It then serves all
//! requests for a period, unless a change happened that a client may know of.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use federation_domain::Monotonic;
use parking_lot::Mutex;
use tokio::sync::watch;

use crate::encoded::EncodedBody;

/// The newest encoding of an answer.
pub(crate) struct Slot {
    /// Period during which the answer is served if no change is known.
    fresh_for: Duration,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    cached: Option<(Arc<EncodedBody>, Moment)>,
    /// Size of the newest answer that was cached.
    last_bytes: usize,
    /// Open while the answer is being encoded.
    encoding: Option<watch::Receiver<()>>,
}

/// A state of the data that an answer reflects, or that a client may know of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    /// Number that grows with each change that a client may know of.
    pub(crate) generation: u64,
    pub(crate) at: Monotonic,
}

/// Result of looking up an answer.
pub(crate) enum Lookup {
    Hit(Arc<EncodedBody>),
    /// Another request is encoding the answer. Look up again when the channel is closed.
    InProgress(watch::Receiver<()>),
    /// The caller must encode the answer, then drop the sender.
    Miss(watch::Sender<()>),
}

impl Slot {
    pub(crate) fn new(fresh_for: Duration) -> Self {
        Self { fresh_for, state: Mutex::default() }
    }

    /// Returns the cached answer, unless it may lack a change that the client knows of. Otherwise
    /// returns the right to encode the next one, as an error; drop it afterwards.
    ///
    /// Only one request encodes at a time. Requests that arrive meanwhile wait, and then all take the
    /// same next answer.
    pub(crate) async fn answer(
        &self,
        requested: Moment,
    ) -> Result<Arc<EncodedBody>, watch::Sender<()>> {
        loop {
            match self.look_up(requested) {
                Lookup::Hit(answer) => return Ok(answer),
                // The error reports that the channel was closed.
                Lookup::InProgress(mut encoding) => drop(encoding.changed().await),
                Lookup::Miss(done) => return Err(done),
            }
        }
    }

    pub(crate) fn look_up(&self, requested: Moment) -> Lookup {
        let mut state = self.state.lock();
        let cached = state.cached.as_ref();
        if let Some((answer, _)) = cached.filter(|(_, as_of)| self.covers(*as_of, requested)) {
            return Lookup::Hit(Arc::clone(answer));
        }
        if let Some(encoding) = state.encoding.as_ref().filter(|it| it.has_changed().is_ok()) {
            return Lookup::InProgress(encoding.clone());
        }
        let (done, encoding) = watch::channel(());
        state.encoding = Some(encoding);
        Lookup::Miss(done)
    }

    /// Caches an answer.
    pub(crate) fn store(&self, answer: Arc<EncodedBody>, as_of: Moment) {
        let mut state = self.state.lock();
        state.last_bytes = answer.json().len();
        state.cached = Some((answer, as_of));
    }

    /// Returns the size of the newest answer that was cached.
    pub(crate) fn last_bytes(&self) -> usize {
        self.state.lock().last_bytes
    }

    /// Drops the answer if it is out of date.
    pub(crate) fn drop_outdated(&self, now: Moment) {
        self.state.lock().cached.take_if(|(_, as_of)| !self.covers(*as_of, now));
    }

    /// Returns whether an answer is cached, fresh or not.
    #[cfg(test)]
    pub(crate) fn is_filled(&self) -> bool {
        self.state.lock().cached.is_some()
    }

    /// Returns whether an answer as of a moment contains all that a client may have known when it sent
    /// its request.
    fn covers(&self, as_of: Moment, requested: Moment) -> bool {
        as_of.generation >= requested.generation && requested.at.since(as_of.at) < self.fresh_for
    }
}

/// Caches of a bounded number of answers. If there is no room for another, all are dropped.
pub(crate) struct Slots {
    fresh_for: Duration,
    most: usize,
    slots: Mutex<HashMap<String, Arc<Slot>>>,
}

impl Slots {
    pub(crate) fn new(fresh_for: Duration, most: usize) -> Self {
        Self { fresh_for, most, slots: Mutex::default() }
    }

    /// Returns the cache of an answer.
    pub(crate) fn slot(&self, key: String) -> Arc<Slot> {
        let mut slots = self.slots.lock();
        if slots.len() >= self.most && !slots.contains_key(&key) {
            slots.clear();
        }
        Arc::clone(slots.entry(key).or_insert_with(|| Arc::new(Slot::new(self.fresh_for))))
    }
}

#[cfg(test)]
mod tests {
    use actix_web::web::Bytes;

    use super::*;

    fn moment(generation: u64, millis: u64) -> Moment {
        Moment { generation, at: Monotonic(Duration::from_millis(millis)) }
    }

    fn cache(slot: &Slot, as_of: Moment) {
        let answer = Arc::new(EncodedBody::new(Bytes::from_static(b"[]"), None));
        slot.store(answer, as_of);
    }

    fn is_hit(slot: &Slot, requested: Moment) -> bool {
        matches!(slot.look_up(requested), Lookup::Hit(_))
    }

    #[test]
    fn an_answer_is_served_for_its_period_while_nothing_changes() {
        let slot = Slot::new(Duration::from_millis(200));
        cache(&slot, moment(7, 1_000));
        assert!(is_hit(&slot, moment(7, 1_199)));
        assert!(!is_hit(&slot, moment(7, 1_200)));
        assert!(!is_hit(&slot, moment(8, 1_000)), "the client may know of a change");
    }

    #[test]
    fn a_request_takes_an_answer_that_is_newer_than_itself() {
        let slot = Slot::new(Duration::from_millis(200));
        cache(&slot, moment(9, 5_000));
        assert!(is_hit(&slot, moment(7, 1_000)));
    }

    #[test]
    fn a_request_waits_for_an_encoding_in_progress_and_takes_it_only_if_it_is_recent_enough() {
        let slot = Slot::new(Duration::from_millis(200));
        let Lookup::Miss(done) = slot.look_up(moment(1, 0)) else {
            panic!("the cache must be empty")
        };
        assert!(matches!(slot.look_up(moment(1, 0)), Lookup::InProgress(_)));
        assert!(
            matches!(slot.look_up(moment(2, 0)), Lookup::InProgress(_)),
            "answers are encoded one at a time"
        );
        cache(&slot, moment(1, 0));
        drop(done);
        assert!(is_hit(&slot, moment(1, 0)));
        assert!(
            matches!(slot.look_up(moment(2, 0)), Lookup::Miss(_)),
            "the answer is older than the change"
        );
    }

    #[test]
    fn a_failed_encoding_does_not_block_others() {
        let slot = Slot::new(Duration::from_millis(200));
        drop(slot.look_up(moment(1, 0)));
        assert!(matches!(slot.look_up(moment(1, 0)), Lookup::Miss(_)));
    }
}
