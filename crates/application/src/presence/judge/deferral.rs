//! Decisions deferred while the bus lags.
//!
//! Messages from a backlog may be old. A process that was paused receives at once what projects
//! sent one after the other, and some of them may be dead by now. If each message counted as new,
//! the process would wrongly log changes again that other replicas logged long ago.
//!
//! So only the end of a backlog counts: the status that it reports is decided when hearing is
//! proven. Its heartbeats get the earliest time at which they can have arrived, so that they do not
//! override anything newer. If the project was heard over HTTP since hearing was last proven, the
//! backlog is outdated.

use std::sync::Arc;

use federation_domain::{Actor, MAX_STEP, Monotonic, Source};
use parking_lot::Mutex;

use super::Judge;
use crate::entry::{Live, ProjectEntry};

/// Projects whose status is undecided, each once, oldest first.
#[derive(Default)]
pub(super) struct Deferred(Mutex<Vec<Undecided>>);

struct Undecided {
    entry: Arc<ProjectEntry>,
    source: Source,
    actor: Actor,
    since: Monotonic,
}

impl Judge {
    /// Leaves the status of a project undecided until [`decide_deferred`](Self::decide_deferred).
    pub(in crate::presence) fn defer(
        &self,
        entry: &Arc<ProjectEntry>,
        live: &mut Live,
        source: Source,
        actor: Actor,
    ) {
        if !std::mem::replace(&mut live.undecided, true) {
            let (entry, since) = (Arc::clone(entry), self.clock.monotonic());
            self.deferred.0.lock().push(Undecided { entry, source, actor, since });
        }
    }

    /// Makes all deferred decisions.
    pub(in crate::presence) fn decide_deferred(&self) {
        let undecided = std::mem::take(&mut *self.deferred.0.lock());
        self.decide(undecided);
    }

    /// Takes the decisions deferred for too long. Hearing may not be proven for a while, and a
    /// heartbeat must not wait for that.
    pub(in crate::presence) fn decide_overdue(&self) {
        let now = self.clock.monotonic();
        let overdue = {
            let mut undecided = self.deferred.0.lock();
            let due = undecided.partition_point(|one| now.since(one.since) > MAX_STEP);
            undecided.drain(..due).collect()
        };
        self.decide(overdue);
    }

    fn decide(&self, undecided: Vec<Undecided>) {
        for Undecided { entry, source, actor, .. } in undecided {
            let mut live = entry.lock();
            live.undecided = false;
            if !live.removed {
                entry.leave_fast_path();
                self.transitions.follow_reported_health(&entry, &mut live, source, actor);
                entry.publish(&live);
            }
        }
    }
}
