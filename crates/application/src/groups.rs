//! Groups of entries, so that a tick skips most of them.
//!
//! Ticks happen four times a second, and a project has to be silent for about a minute before its
//! status changes. Each group stores the earliest reading at which one of its entries can fall, and
//! is skipped until then. A heartbeat only moves that reading forward, so it does not touch the
//! group. Any change that could move it back wakes the group.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use federation_domain::{ProjectStatus, Reading, Source};

use crate::entry::ProjectEntry;

/// Number of entries in a full group.
const GROUP: usize = 256;

/// Number of entries by status, in the order of [`ProjectStatus::ALL`].
#[derive(Default)]
pub(crate) struct StatusCounts([AtomicI64; ProjectStatus::ALL.len()]);

impl StatusCounts {
    pub(crate) fn add(&self, status: ProjectStatus) {
        self.0[status as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, status: ProjectStatus) {
        self.0[status as usize].fetch_sub(1, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> [i64; ProjectStatus::ALL.len()] {
        self.0.each_ref().map(|count| count.load(Ordering::Relaxed))
    }
}

/// State that the entries of a group share.
pub(crate) struct Due {
    /// For each source, the reading of its listening clock before which no entry of the group can
    /// fall.
    readings: [AtomicI64; 2],
    /// Counts of all groups.
    pub(crate) counts: Arc<StatusCounts>,
}

impl Due {
    /// Creates the state of a group that is due at once.
    fn new(counts: Arc<StatusCounts>) -> Self {
        Self { readings: [const { AtomicI64::new(i64::MIN) }; 2], counts }
    }

    /// Makes the group due at the next tick.
    pub(crate) fn wake(&self) {
        self.readings.iter().for_each(|due| due.store(i64::MIN, Ordering::SeqCst));
    }

    /// Returns `true` if an entry may fall by this source now.
    pub(crate) fn has_come(&self, source: Source, now: Reading) -> bool {
        self.readings[source.index()].load(Ordering::SeqCst) <= now.0
    }

    /// Puts the group to sleep. Must be called before its entries are judged, so that a change made
    /// while they are judged wakes it again.
    pub(crate) fn sleep(&self) {
        self.readings.iter().for_each(|due| due.store(i64::MAX, Ordering::SeqCst));
    }

    /// Records that an entry can fall by this source at this reading.
    pub(crate) fn bring_forward(&self, source: Source, to: Reading) {
        self.readings[source.index()].fetch_min(to.0, Ordering::SeqCst);
    }
}

/// Entries that are judged together.
pub(crate) struct Group {
    pub(crate) due: Arc<Due>,
    pub(crate) entries: Vec<Arc<ProjectEntry>>,
}

#[derive(Default)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    counts: Arc<StatusCounts>,
}

impl Groups {
    /// Returns the counts, which stay current.
    pub(crate) fn counts(&self) -> &Arc<StatusCounts> {
        &self.counts
    }

    pub(crate) fn add(&mut self, entry: Arc<ProjectEntry>) {
        if self.groups.last().is_none_or(|last| last.entries.len() >= GROUP) {
            let due = Arc::new(Due::new(Arc::clone(&self.counts)));
            self.groups.push(Group { due, entries: Vec::new() });
        }
        if let Some(group) = self.groups.last_mut() {
            entry.join(&group.due);
            group.entries.push(entry);
        }
    }

    pub(crate) fn remove(&mut self, entry: &Arc<ProjectEntry>) {
        let groups = &mut self.groups;
        let Some(at) = groups.iter().position(|group| entry.is_in(&group.due)) else { return };
        groups[at].entries.retain(|one| !Arc::ptr_eq(one, entry));
        if groups[at].entries.is_empty() {
            groups.swap_remove(at);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::project;

    fn entry(id: i64) -> Arc<ProjectEntry> {
        Arc::new(ProjectEntry::new(project(id), None))
    }

    #[test]
    fn a_group_sleeps_until_its_first_entry_is_due_or_it_is_woken() {
        let mut groups = Groups::default();
        let sleeper = entry(1);
        groups.add(Arc::clone(&sleeper));
        let due = Arc::clone(&groups.iter().next().unwrap().due);
        let has_come = |at| due.has_come(Source::Nats, Reading(at));
        assert!(has_come(0), "it was not judged yet");
        due.sleep();
        due.bring_forward(Source::Nats, Reading(90));
        due.bring_forward(Source::Nats, Reading(60));
        due.bring_forward(Source::Http, Reading(10));
        assert_eq!([has_come(59), has_come(60)], [false, true]);
        due.sleep();
        sleeper.publish(&sleeper.lock());
        assert!(has_come(0), "its status may have changed");
    }

    #[test]
    fn groups_hold_each_entry_once_until_it_is_removed() {
        let mut groups = Groups::default();
        let entries: Vec<_> = (0..=GROUP * 2).map(|id| entry(i64::try_from(id).unwrap())).collect();
        entries.iter().for_each(|entry| groups.add(Arc::clone(entry)));
        let count = |groups: &Groups| groups.iter().map(|one| one.entries.len()).sum::<usize>();
        assert_eq!((groups.iter().count(), count(&groups)), (3, entries.len()));
        for entry in &entries[GROUP..] {
            groups.remove(entry);
            groups.remove(entry);
        }
        assert_eq!((groups.iter().count(), count(&groups)), (1, GROUP));
    }
}
