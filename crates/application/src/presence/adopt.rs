//! Learning what the store knows better.

use std::time::Duration;

use federation_domain::{Cause, Project};

use super::Presence;
use crate::entry::Entry;
use crate::queue::Queued;

impl Presence {
    /// The store did not accept a transition of the project: its row is not as this process
    /// thought. Takes over what the row knows, then decides anew.
    ///
    /// Whoever heard more is right. What waits and continues from the stored status still stands.
    pub(crate) fn adopt(&self, entry: &Entry, refused: &Queued, stored: &Project) {
        let inner = &*self.0;
        let mut live = entry.lock();
        entry.take_calm();
        let ours = entry.newest().map(|(at, _)| at);
        entry.settle(refused.ticket);
        let mut waiting = inner.queue.withdraw(entry.id);
        if let Some(first) = waiting.iter().position(|next| next.continues_from(stored)) {
            waiting.drain(..first);
            inner.queue.restore(waiting);
            entry.publish(&live);
            return;
        }
        entry.settle_all();
        live.sent = stored.status;
        live.project.updated_at = stored.updated_at.max(live.project.updated_at);
        let newest = live.unsent.take().or_else(|| Some(waiting.pop()?.transition.cause));
        if stored.last_heartbeat_at > ours {
            live.project.status = stored.status;
            live.project.reports = stored.reports.clone();
            self.learn_heartbeat(entry, stored);
        } else if live.project.status != stored.status || live.project.reports != stored.reports {
            let cause = newest.unwrap_or_else(|| refused.transition.cause.clone());
            let believed = live.project.status;
            self.turn(entry, &mut live, believed, cause);
        }
        entry.publish(&live);
    }

    /// A heartbeat that another process heard becomes ours, as old as it is.
    fn learn_heartbeat(&self, entry: &Entry, stored: &Project) {
        let inner = &*self.0;
        let Some(at) = stored.last_heartbeat_at else { return };
        let source = inner.sources.of_project(stored);
        let age = Duration::try_from(inner.clock.utc() - at).unwrap_or_default();
        let reading = inner.sources.reading_at(source, self.now()).before(age);
        entry.hear(reading, source, at);
    }

    /// Sends on its way to the store what the project reports of itself.
    pub(crate) fn store_reports(&self, entry: &Entry) {
        let mut live = entry.lock();
        if live.removed {
            return;
        }
        let (status, cause) = (live.project.status, Cause::reported(&live.project.reports));
        self.turn(entry, &mut live, status, cause);
    }
}

impl Queued {
    fn continues_from(&self, stored: &Project) -> bool {
        self.transition.stands_against(stored.status, stored.last_heartbeat_at)
    }
}
