//! Status transitions, applied in memory first and then queued for the store.
//!
//! A project that is flapping has no [allowance](EntryAllowance) for another status entry. Its
//! changes are held back and merged until it has.

use std::collections::HashSet;
use std::sync::Arc;

use federation_domain::{
    Actor, Cause, Clock, EntryAllowance, ProjectId, ProjectStatus, Source, Transition,
};

use self::held_back::HeldBack;
use super::PresenceDeps;
use crate::entry::{Live, ProjectEntry, StatusChangeReason};
use crate::metrics::Metrics;
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;

mod held_back;

/// Changes statuses in memory and queues the changes for the store.
pub(crate) struct Transitions {
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    queue: Arc<TransitionQueue>,
    metrics: Metrics,
    held_back: HeldBack,
}

impl Transitions {
    pub(super) fn new(deps: &PresenceDeps) -> Self {
        Self {
            clock: Arc::clone(&deps.clock),
            registry: Arc::clone(&deps.registry),
            queue: Arc::clone(&deps.queue),
            metrics: deps.metrics.clone(),
            held_back: HeldBack::default(),
        }
    }

    /// Returns a finding made now.
    pub(super) fn finding(&self, cause: Cause, actor: Actor) -> StatusChangeReason {
        StatusChangeReason { at: self.clock.utc(), cause, actor, changes: 1 }
    }

    /// Changes the status in memory and queues the change for the store.
    pub(super) fn set_status(
        &self,
        entry: &ProjectEntry,
        live: &mut Live,
        to: ProjectStatus,
        finding: StatusChangeReason,
    ) {
        if to != live.project.status {
            live.project.status = to;
            live.project.updated_at = live.project.updated_at.max(finding.at);
            entry.show_status(live);
            self.registry.touch();
        }
        let finding = finding.after(live.unsent.take());
        if !self.queue.has_room_for(entry.id) || !self.may_write(entry, live, to) {
            live.unsent = Some(Box::new(finding));
            return;
        }
        self.metrics.changes_merged(finding.changes.saturating_sub(1));
        let (last_heartbeat_at, last_heartbeat_source) = entry.newest().unzip();
        let transition = Transition {
            project: entry.id,
            slug: live.project.slug.clone(),
            from: std::mem::replace(&mut live.sent, to),
            to,
            reports: live.project.reports.clone(),
            last_heartbeat_at,
            last_heartbeat_source,
            at: finding.at,
            actor: finding.actor.clone(),
            cause: finding.into_cause(),
        };
        let ticket = self.queue.draw_ticket();
        entry.queue(ticket);
        self.queue.push(Queued { ticket, transition });
    }

    /// Takes the allowance for a status entry, or holds the change back.
    fn may_write(&self, entry: &ProjectEntry, live: &mut Live, to: ProjectStatus) -> bool {
        if live.held_back {
            return false;
        }
        // Reported health alone is not logged.
        if to == live.sent || live.allowance.take(self.clock.monotonic()) {
            return true;
        }
        live.held_back = true;
        self.held_back.add(entry.id, live.allowance.next_at());
        false
    }

    /// Queues the changes held back whose project may write another status entry.
    pub(super) fn release_due(&self) {
        self.held_back.take_due(self.clock.monotonic()).into_iter().for_each(|id| {
            self.release(id, false);
        });
    }

    /// Queues all changes held back, because the process is stopping.
    pub(crate) fn release_all(&self) {
        self.held_back.take_all().into_iter().for_each(|id| self.release(id, true));
    }

    fn release(&self, id: ProjectId, in_any_case: bool) {
        let Some(entry) = self.registry.get_by_id(id) else { return };
        let mut live = entry.lock();
        live.held_back = false;
        if in_any_case {
            live.allowance = EntryAllowance::default();
        }
        self.send_unsent(&entry, &mut live);
    }

    /// Records a status entry that another replica wrote for the project.
    pub(super) fn charge(&self, live: &mut Live) {
        live.allowance.charge(self.clock.monotonic());
    }

    /// Sets the status of a project that was just heard, over this source and from this actor, to the
    /// status that it reports.
    pub(super) fn follow_reported_health(
        &self,
        entry: &ProjectEntry,
        live: &mut Live,
        source: Source,
        actor: Actor,
    ) {
        let to = live.project.reports.status();
        if to != live.project.status {
            let cause = match to {
                ProjectStatus::Online => Cause::Heartbeat { source },
                _ => Cause::reported(&live.project.reports),
            };
            self.set_status(entry, live, to, self.finding(cause, actor));
        }
    }

    /// Queues the health that the project reports for the store.
    pub(crate) fn store_reported_health(&self, entry: &ProjectEntry) {
        let mut live = entry.lock();
        if live.removed {
            return;
        }
        if live.held_back {
            // The reported health is stored with the change.
            return;
        }
        let (status, cause) = (live.project.status, Cause::reported(&live.project.reports));
        // Not logged, because the status stays.
        self.set_status(entry, &mut live, status, self.finding(cause, Actor::SERVICE));
    }

    /// Gives up transitions of a project that the store never accepts. Its row keeps its status.
    /// If these are several, or more were found since, the net change is queued as one.
    pub(crate) fn give_up(&self, entry: &ProjectEntry, rejected: &[Queued]) {
        let mut live = entry.lock();
        let since = self.queue.withdraw(&HashSet::from([entry.id])).remove(&entry.id);
        entry.settle_all();
        let (Some(first), since) = (rejected.first(), since.unwrap_or_default()) else { return };
        live.sent = first.transition.from;
        let unsent = live.unsent.take();
        let is_single = rejected.len() == 1 && since.is_empty() && unsent.is_none();
        if is_single || live.removed {
            return;
        }
        let newest = since.last().or(rejected.last()).unwrap_or(first);
        let Transition { at, cause, actor, .. } = newest.transition.clone();
        let newest = StatusChangeReason { at, cause, actor, changes: 1 };
        let finding = unsent.map_or(newest, |finding| *finding);
        let status = live.project.status;
        self.set_status(entry, &mut live, status, finding);
    }

    /// Queues a change that found no room before, now that the store has decided on earlier ones.
    pub(crate) fn catch_up(&self, entry: &ProjectEntry) {
        self.send_unsent(entry, &mut entry.lock());
    }

    fn send_unsent(&self, entry: &ProjectEntry, live: &mut Live) {
        if let (Some(finding), false) = (live.unsent.take(), live.removed) {
            let status = live.project.status;
            self.set_status(entry, live, status, *finding);
        }
    }
}
