//! Reconciler: decides which side is right when a stored row differs from the state of this
//! replica.
//!
//! The side that received more heartbeats is right. Only a heartbeat improves a status, so a row
//! with a better status means that another replica received a heartbeat. A row with a worse status
//! means that another replica found the project silent. It is accepted unless the project was heard
//! here just now.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Cause, Clock, LivenessRule, MAX_STEP, Project, ProjectStatus, Slug, Transition,
};

use super::{Judge, Listening, PresenceDeps, Transitions};
use crate::entry::{Live, ProjectEntry, StatusChangeReason};
use crate::queue::{Queued, TransitionQueue};
use crate::registry::Registry;

/// Maximum difference between two replicas in when they heard the same heartbeat or found the same
/// silence: one step of the listening clock, which contains a tick.
const TOLERANCE: Duration = MAX_STEP;

/// Reconciles the registry with rows that other replicas changed.
pub(crate) struct Reconciler {
    rule: LivenessRule,
    clock: Arc<dyn Clock>,
    registry: Arc<Registry>,
    queue: Arc<TransitionQueue>,
    listening: Arc<Listening>,
    judge: Arc<Judge>,
    transitions: Arc<Transitions>,
}

impl Reconciler {
    pub(super) fn new(
        deps: &PresenceDeps,
        listening: Arc<Listening>,
        judge: Arc<Judge>,
        transitions: Arc<Transitions>,
    ) -> Self {
        Self {
            rule: deps.rule.clone(),
            clock: Arc::clone(&deps.clock),
            registry: Arc::clone(&deps.registry),
            queue: Arc::clone(&deps.queue),
            listening,
            judge,
            transitions,
        }
    }

    /// Applies what another replica did to a project. `stored` is its row now; `None` if it was
    /// removed.
    pub(crate) fn learn(&self, slug: &Slug, stored: Option<&Project>) {
        let registry = &self.registry;
        let Some(stored) = stored else { return registry.forget(None, slug) };
        registry.register(stored, |project| self.listening.new_entry(project));
        let Some(entry) = registry.get_by_id(stored.id) else { return };
        let mut live = entry.lock();
        // The store decides on a transition that is still queued, and the outcome is applied then.
        if !live.removed && !entry.is_waiting() {
            entry.leave_fast_path();
            let seen = live.sent;
            if seen != stored.status {
                self.transitions.charge(&mut live);
                if live.held_back && !self.is_another_heartbeat(&entry, stored) {
                    // The status here is not older. It is stored when the project may write again.
                    live.sent = stored.status;
                } else {
                    let finding = live.unsent.take().map(|finding| *finding);
                    self.weigh(&entry, &mut live, stored, seen, finding);
                }
            }
            entry.publish(&live);
            drop(live);
            self.judge.judge_again(&entry);
        }
    }

    /// Replaces the registry by another catalog than the one known. Removes every project that is
    /// not in it.
    pub(crate) fn start_over(&self, stored: &[Project]) {
        stored.iter().for_each(|project| self.learn(&project.slug, Some(project)));
        let kept: HashSet<_> = stored.iter().map(|project| project.id).collect();
        let mut gone = Vec::new();
        self.registry.for_each(|entry| {
            if !kept.contains(&entry.id) {
                gone.push(entry.id);
            }
        });
        gone.into_iter().for_each(|id| self.registry.remove(id));
    }

    /// Applies the row of a project after the store refused a transition, then decides again.
    ///
    /// If the row is as the transition left it, only the answer was lost before, and the queued
    /// transitions that continue from there are still valid. `waiting` holds the transitions of the
    /// project withdrawn from the queue.
    pub(crate) fn adopt(
        &self,
        entry: &ProjectEntry,
        refused: &Queued,
        mut waiting: Vec<Queued>,
        stored: &Project,
    ) {
        let mut live = entry.lock();
        entry.leave_fast_path();
        entry.settle(refused.ticket);
        // Few transitions arrived since the withdrawal, and none can while the lock is held.
        let since = self.queue.withdraw(&HashSet::from([entry.id])).remove(&entry.id);
        waiting.extend(since.unwrap_or_default());
        let is_ours = refused.transition.is_reflected_in(stored.status, stored.updated_at);
        let mut continues = waiting.iter().map(|next| is_ours && next.continues_from(stored));
        if let Some(first) = continues.position(|stands| stands) {
            waiting.drain(..first);
            self.queue.restore(waiting);
            entry.publish(&live);
            return;
        }
        entry.settle_all();
        let newest = waiting.last().unwrap_or(refused).transition.clone();
        let Transition { at, cause, actor, .. } = newest;
        let newest = StatusChangeReason { at, cause, actor, changes: 1 };
        let finding = live.unsent.take().map_or(newest, |finding| *finding);
        self.weigh(entry, &mut live, stored, refused.transition.from, Some(finding));
        entry.publish(&live);
        drop(live);
        self.judge.judge_again(entry);
    }

    /// Adopts the row, or keeps the local status and queues it for the store again.
    ///
    /// `seen` is the status that this process believed the row to have. `finding` is the change
    /// that it was about to store, if any.
    fn weigh(
        &self,
        entry: &ProjectEntry,
        live: &mut Live,
        stored: &Project,
        seen: ProjectStatus,
        finding: Option<StatusChangeReason>,
    ) {
        live.sent = stored.status;
        live.project.updated_at = stored.updated_at.max(live.project.updated_at);
        let heard_elsewhere = stored.status < seen || self.is_another_heartbeat(entry, stored);
        let believed = live.project.status;
        let yields = heard_elsewhere
            || (believed < stored.status && !self.spoke_just_now(entry, live, stored));
        if yields {
            live.project.status = stored.status;
            live.project.reports = stored.reports.clone();
            self.learn_heartbeat(entry, stored);
        } else if believed != stored.status || live.project.reports != stored.reports {
            self.learn_heartbeat(entry, stored);
            let heartbeat = || {
                let (_, source) = entry.newest()?;
                Some(self.transitions.finding(Cause::Heartbeat { source }, source.actor()))
            };
            let finding = finding.or_else(heartbeat);
            if let Some(finding) = finding {
                self.transitions.set_status(entry, live, believed, finding);
            }
        }
        entry.show_status(live);
        self.registry.touch();
    }

    /// Returns whether the newest heartbeat in the store was not heard here. Replicas record the
    /// same heartbeat at slightly different times, and two heartbeats are at least 0.9 intervals
    /// apart.
    fn is_another_heartbeat(&self, entry: &ProjectEntry, stored: &Project) -> bool {
        let Some(at) = stored.last_heartbeat_at else { return false };
        let half = self.rule.thresholds(stored.heartbeat_interval).chance / 3;
        entry.newest().is_none_or(|(ours, _)| at - ours > half.min(TOLERANCE))
    }

    /// Returns whether the project was heard here too recently for the stored status to be right.
    /// The time of day decides and deaf time counts, so that a deaf replica does not override the
    /// store.
    fn spoke_just_now(&self, entry: &ProjectEntry, live: &Live, stored: &Project) -> bool {
        let Some((at, _)) = entry.newest() else { return false };
        let age = Duration::try_from(self.clock.utc() - at).unwrap_or_default();
        let thresholds = self.rule.thresholds(live.project.heartbeat_interval);
        let explained = thresholds.of_silence(age + TOLERANCE).max(stored.reports.status());
        explained < stored.status
    }

    /// Records a heartbeat that another replica received, with its age. Only time in which this
    /// replica listened counts as silence: since the last interruption, or since the project was
    /// heard here.
    fn learn_heartbeat(&self, entry: &ProjectEntry, stored: &Project) {
        let Some(at) = stored.last_heartbeat_at else { return };
        let source = self.listening.source_of(stored);
        let age = Duration::try_from(self.clock.utc() - at).unwrap_or_default();
        let latest = self.listening.reading_of_heartbeat(source, age);
        let ours = entry.heard_over(source).zip(entry.newest());
        let reading = ours.map_or(latest, |(heard, (ours, _))| {
            latest.min(heard.after(Duration::try_from(at - ours).unwrap_or_default()))
        });
        entry.hear(reading, source, at);
        entry.stored(at, source);
    }
}

impl Queued {
    fn continues_from(&self, stored: &Project) -> bool {
        self.transition.stands_against(stored.status, stored.last_heartbeat_at)
    }
}
