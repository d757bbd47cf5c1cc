//! What is heard while the bus lags.
//!
//! What stood in a backlog may be old: a process that was paused hears at once what projects said
//! one after the other, some of which may be dead by now. Taken one by one and as new, it would log
//! again, and wrongly, what other replicas logged long ago. So a backlog counts by its end: what it
//! says of a project is decided on when hearing is proven. And its heartbeats bear the earliest time
//! at which they can have come, so that who knows better is not overruled. Where the project was
//! heard otherwise since hearing was proven, over HTTP, what the backlog says is old.

use std::sync::Arc;
use std::time::Duration;

use federation_domain::{MAX_STEP, Monotonic, Source};
use parking_lot::Mutex;

use super::Presence;
use crate::entry::{Entry, Live};

/// Projects whose status is to be decided on, each once.
#[derive(Default)]
pub(super) struct Backlog {
    undecided: Mutex<Vec<Undecided>>,
}

struct Undecided {
    entry: Arc<Entry>,
    source: Source,
    since: Monotonic,
}

impl Presence {
    /// How long ago what arrives over the bus now may have been sent to us, where it may have stood
    /// in a backlog: since the newest proof, and a step more, by which the clocks of replicas may
    /// differ. Before the first proof of all there is none: a new subscription has no backlog.
    pub(super) fn lag(&self, now: Monotonic) -> Option<Duration> {
        let lag = now.since(self.0.sources.proven(Source::Nats)?);
        (lag > MAX_STEP).then(|| lag + MAX_STEP)
    }

    /// Leaves the status of a project as it is until [`decide`](Self::decide).
    pub(super) fn put_off(&self, entry: &Arc<Entry>, live: &mut Live, source: Source) {
        if !std::mem::replace(&mut live.undecided, true) {
            let (entry, since) = (Arc::clone(entry), self.now());
            self.0.backlog.undecided.lock().push(Undecided { entry, source, since });
        }
    }

    /// Decides on all that was put off.
    pub(super) fn decide(&self) {
        let undecided = std::mem::take(&mut *self.0.backlog.undecided.lock());
        self.decide_on(undecided);
    }

    /// Decides on what was put off for too long: hearing may not be proven for a while, and a
    /// heartbeat is not to wait for that.
    pub(crate) fn decide_overdue(&self) {
        let now = self.now();
        let overdue = {
            let mut undecided = self.0.backlog.undecided.lock();
            let due = undecided.partition_point(|one| now.since(one.since) > MAX_STEP);
            undecided.drain(..due).collect()
        };
        self.decide_on(overdue);
    }

    fn decide_on(&self, undecided: Vec<Undecided>) {
        for Undecided { entry, source, .. } in undecided {
            let mut live = entry.lock();
            live.undecided = false;
            if !live.removed {
                entry.take_calm();
                self.follow_reports(&entry, &mut live, source);
                entry.publish(&live);
            }
        }
    }
}
