//! Learning what the store knows better.
//!
//! Whoever heard more is right. Only a heartbeat makes a project better, so a row that is better
//! than this process knew it was heard elsewhere. A row that is worse fell silent elsewhere, and
//! stands unless the project was heard here just now.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{Cause, MAX_STEP, Project, ProjectStatus, Slug, Source, Transition};

use super::Presence;
use crate::entry::{Entry, Finding, Live};
use crate::queue::Queued;

/// By how much two replicas may differ in when they heard the same heartbeat and found the same
/// silence: a step of the listening clock, which contains a tick.
const APART: Duration = MAX_STEP;

impl Presence {
    /// Takes over what another replica did to a project; `stored` is its row now.
    pub(crate) fn learn(&self, slug: &Slug, stored: Option<&Project>) {
        let registry = &self.0.registry;
        let Some(stored) = stored else { return registry.forget(None, slug) };
        registry.register(stored, |project| self.entry(project));
        let Some(entry) = registry.get_by_id(stored.id) else { return };
        let mut live = entry.lock();
        // What is on its way is decided on by the store, and then taken care of.
        if !live.removed && !entry.is_waiting() {
            entry.take_calm();
            let seen = live.sent;
            if seen != stored.status {
                let finding = live.unsent.take().map(|finding| *finding);
                self.weigh(&entry, &mut live, stored, seen, finding);
            }
            entry.publish(&live);
            drop(live);
            self.judge_again(&entry);
        }
    }

    /// Takes over a catalog that is another one than was known: what is not in it is gone.
    pub(crate) fn start_over(&self, stored: &[Project]) {
        stored.iter().for_each(|project| self.learn(&project.slug, Some(project)));
        let kept: HashSet<_> = stored.iter().map(|project| project.id).collect();
        let mut gone = Vec::new();
        self.0.registry.for_each(|entry| {
            if !kept.contains(&entry.id) {
                gone.push(entry.id);
            }
        });
        gone.into_iter().for_each(|id| self.0.registry.remove(id));
    }

    /// The store did not accept a transition of the project: its row is not as this process
    /// thought. Takes over what the row knows, then decides anew. Where the row is as the transition
    /// left it, only the answer was lost before: what waits and continues from there still stands.
    /// `waiting` is what was withdrawn of the project.
    pub(crate) fn adopt(
        &self,
        entry: &Entry,
        refused: &Queued,
        mut waiting: Vec<Queued>,
        stored: &Project,
    ) {
        let inner = &*self.0;
        let mut live = entry.lock();
        entry.take_calm();
        entry.settle(refused.ticket);
        // What came since is rare; nothing more comes behind the lock.
        let since = inner.queue.withdraw(&HashSet::from([entry.id])).remove(&entry.id);
        waiting.extend(since.unwrap_or_default());
        let is_ours = refused.transition.is_told_by(stored.status, stored.updated_at);
        let mut continues = waiting.iter().map(|next| is_ours && next.continues_from(stored));
        if let Some(first) = continues.position(|stands| stands) {
            waiting.drain(..first);
            inner.queue.restore(waiting);
            entry.publish(&live);
            return;
        }
        entry.settle_all();
        let newest = waiting.last().unwrap_or(refused).transition.clone();
        let Transition { at, cause, .. } = newest;
        let finding = live.unsent.take().map_or(Finding { at, cause }, |finding| *finding);
        self.weigh(entry, &mut live, stored, refused.transition.from, Some(finding));
        entry.publish(&live);
        drop(live);
        self.judge_again(entry);
    }

    /// Takes over the row, or insists on what is known here. `seen` is the status that the row had
    /// as far as this process knew, `finding` what it was about to say, if anything.
    fn weigh(
        &self,
        entry: &Entry,
        live: &mut Live,
        stored: &Project,
        seen: ProjectStatus,
        finding: Option<Finding>,
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
            let heartbeat = || entry.newest().map(|(_, source)| Cause::Heartbeat { source });
            let finding = finding.or_else(|| Some(self.found(heartbeat()?)));
            if let Some(finding) = finding {
                self.turn(entry, live, believed, finding);
            }
        }
        entry.show_status(live);
        self.0.registry.touch();
    }

    /// Whether the newest heartbeat in the store is one that was not heard here: replicas note the
    /// same one at slightly different times, and two are at least nine tenths of an interval apart.
    fn is_another_heartbeat(&self, entry: &Entry, stored: &Project) -> bool {
        let Some(at) = stored.last_heartbeat_at else { return false };
        let half = self.0.rule.thresholds(stored.heartbeat_interval).chance / 3;
        entry.newest().is_none_or(|(ours, _)| at - ours > half.min(APART))
    }

    /// By what is known now, a project may be silent for too long all the same. While we are deaf
    /// that is not judged.
    fn judge_again(&self, entry: &Entry) {
        let mut used = Source::ALL.into_iter().filter(|&one| entry.heard_over(one).is_some());
        if used.all(|source| self.hears(source)) {
            self.let_fall(entry, None);
        }
    }

    /// Whether the project was heard here so lately that it cannot have been silent for long enough
    /// to be as bad as stored. By the clock, deaf time and all: who is deaf must not insist.
    fn spoke_just_now(&self, entry: &Entry, live: &Live, stored: &Project) -> bool {
        let Some((at, _)) = entry.newest() else { return false };
        let age = Duration::try_from(self.0.clock.utc() - at).unwrap_or_default();
        let thresholds = self.0.rule.thresholds(live.project.heartbeat_interval);
        let explained = thresholds.of_silence(age + APART).max(stored.reports.status());
        explained < stored.status
    }

    /// A heartbeat that another process heard becomes ours, as old as it is. Of its age only what
    /// was listened to here counts as silence: since the last deafness, or since the project was
    /// heard here.
    fn learn_heartbeat(&self, entry: &Entry, stored: &Project) {
        let inner = &*self.0;
        let Some(at) = stored.last_heartbeat_at else { return };
        let source = inner.sources.of_project(stored);
        let age = Duration::try_from(inner.clock.utc() - at).unwrap_or_default();
        let listened = age.min(inner.sources.listening(source).settled());
        let latest = inner.sources.reading_at(source, self.now()).before(listened);
        let ours = entry.heard_over(source).zip(entry.newest());
        let reading = ours.map_or(latest, |(heard, (ours, _))| {
            latest.min(heard.after(Duration::try_from(at - ours).unwrap_or_default()))
        });
        entry.hear(reading, source, at);
        entry.stored(at, source);
    }

    /// Sends on its way to the store what the project reports of itself.
    pub(crate) fn store_reports(&self, entry: &Arc<Entry>) {
        let mut live = entry.lock();
        if live.removed {
            return;
        }
        let (status, cause) = (live.project.status, Cause::reported(&live.project.reports));
        self.turn(entry, &mut live, status, self.found(cause));
    }
}

impl Queued {
    fn continues_from(&self, stored: &Project) -> bool {
        self.transition.stands_against(stored.status, stored.last_heartbeat_at)
    }
}
