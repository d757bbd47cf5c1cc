//! Facts about the instances of projects, which their heartbeats carry.
//!
//! The memory has the newest facts of each project. A change is written by a task of its own, at most
//! once a minute for each project, so that instances of different versions that share a slug do not
//! fill the log.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

use federation_domain::{Actor, InstanceFacts, InstanceReport, ProjectId, SeenInstance};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::Notify;

use crate::registry::Registry;

/// Minimum interval between two writes for a project.
const WRITTEN_EVERY: time::Duration = time::Duration::minutes(1);

/// Facts about the instances of projects. Cheap to clone.
#[derive(Clone, Default)]
pub struct Instances(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: Mutex<Known>,
    /// Fixed, so that equal reports have equal hashes.
    hasher: foldhash::fast::RandomState,
    changed: Notify,
}

#[derive(Default)]
struct Known {
    facts: HashMap<ProjectId, Arc<InstanceFacts>, foldhash::fast::RandomState>,
    /// Facts that projects share.
    shared: HashSet<Arc<InstanceFacts>>,
    /// Changes that the store lacks.
    waiting: BTreeMap<ProjectId, Waiting>,
    /// Times of recent writes.
    written: HashMap<ProjectId, OffsetDateTime>,
}

#[derive(Debug, Clone)]
struct Waiting {
    at: OffsetDateTime,
    actor: Actor,
}

impl Instances {
    /// Returns the facts of a project; `None` if it never reported any.
    #[must_use]
    pub fn of(&self, project: ProjectId) -> Option<Arc<InstanceFacts>> {
        self.0.known.lock().facts.get(&project).cloned()
    }

    /// Returns the hash of a report, never 0. Equal reports have equal hashes within the process.
    pub(crate) fn hash(&self, report: &InstanceReport<'_>) -> u32 {
        let [.., a, b, c, d] = self.0.hasher.hash_one(report).to_le_bytes();
        u32::from_le_bytes([a, b, c, d]).max(1)
    }

    /// Records the facts in a heartbeat.
    pub(crate) fn hear(
        &self,
        project: ProjectId,
        report: &InstanceReport<'_>,
        at: OffsetDateTime,
        actor: Actor,
    ) {
        let mut known = self.0.known.lock();
        let facts = match known.facts.get(&project) {
            Some(former) => {
                let facts = former.after(report);
                if facts == **former {
                    return;
                }
                facts
            }
            None => InstanceFacts::default().after(report),
        };
        known.put(project, facts);
        known.waiting.insert(project, Waiting { at, actor });
        drop(known);
        self.0.changed.notify_one();
    }

    /// Takes in all stored facts.
    pub(crate) fn fill(&self, stored: Vec<SeenInstance>) {
        let mut known = self.0.known.lock();
        for SeenInstance { project, facts, .. } in stored {
            known.put(project, facts);
        }
    }

    /// Takes in stored facts that another replica changed. A change that waits for the store stays.
    pub(crate) fn learn(&self, stored: Vec<SeenInstance>) {
        let mut known = self.0.known.lock();
        for SeenInstance { project, facts, at } in stored {
            if known.waiting.get(&project).is_none_or(|waiting| waiting.at < at) {
                known.waiting.remove(&project);
                known.put(project, facts);
            }
        }
    }

    /// Replaces everything that does not wait for the store.
    pub(crate) fn start_over(&self, stored: Vec<SeenInstance>) {
        {
            let mut known = self.0.known.lock();
            let Known { facts, waiting, .. } = &mut *known;
            facts.retain(|project, _| waiting.contains_key(project));
        }
        self.learn(stored);
    }

    /// Waits for a change that the store lacks.
    pub(crate) async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Forgets a project.
    pub(crate) fn forget(&self, project: ProjectId) {
        let mut known = self.0.known.lock();
        known.facts.remove(&project);
        known.waiting.remove(&project);
        known.written.remove(&project);
    }

    /// Returns changes that may be written now, at most `limit`.
    pub(crate) fn due(&self, now: OffsetDateTime, limit: usize) -> Vec<(SeenInstance, Actor)> {
        let known = self.0.known.lock();
        let is_due = |project: &ProjectId| {
            let written = known.written.get(project);
            written.is_none_or(|at| (now - *at).abs() >= WRITTEN_EVERY)
        };
        let waiting = known.waiting.iter().filter(|(project, _)| is_due(project));
        let due = waiting.filter_map(|(&project, Waiting { at, actor })| {
            let facts = InstanceFacts::clone(known.facts.get(&project)?);
            Some((SeenInstance { project, facts, at: *at }, actor.clone()))
        });
        due.take(limit).collect()
    }

    /// Records that the store has decided on these facts.
    pub(crate) fn settle(&self, seen: &[SeenInstance], now: OffsetDateTime) {
        let mut known = self.0.known.lock();
        for one in seen {
            let is_newest =
                known.waiting.get(&one.project).is_some_and(|waiting| waiting.at == one.at);
            if is_newest {
                known.waiting.remove(&one.project);
            }
            known.written.insert(one.project, now);
        }
    }

    /// Releases the memory of past writes, of removed projects, and of facts that no project has any
    /// more.
    pub(crate) fn tidy(&self, now: OffsetDateTime, registry: &Registry) {
        let mut known = self.0.known.lock();
        if known.facts.len() > registry.len() {
            // Another replica removed projects.
            let exists = |project: ProjectId| registry.get_by_id(project).is_some();
            known.facts.retain(|project, _| exists(*project));
            known.waiting.retain(|project, _| exists(*project));
        }
        known.written.retain(|_, at| (now - *at).abs() < WRITTEN_EVERY);
        known.shared.retain(|facts| Arc::strong_count(facts) > 1);
    }
}

impl Known {
    fn put(&mut self, project: ProjectId, facts: InstanceFacts) {
        let facts = match self.shared.get(&facts) {
            Some(shared) => Arc::clone(shared),
            None => {
                let facts = Arc::new(facts);
                self.shared.insert(Arc::clone(&facts));
                facts
            }
        };
        self.facts.insert(project, facts);
    }
}
