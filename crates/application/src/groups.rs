//! Groups of entries, so that a tick skips most of them.
//!
//! Ticks happen four times a second, and a project has to be silent for about a minute before its
//! status changes. Each group stores the earliest reading at which one of its entries can fall, and
//! is skipped until then. A heartbeat only moves that reading forward, so it does not touch the
//! group. Any change that could move it back wakes the group.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use federation_domain::{Reading, Source};

use crate::entry::ProjectEntry;

/// Number of entries in a full group.
const GROUP: usize = 256;

/// For each source, the reading of its listening clock before which no entry of a group can fall.
pub(crate) struct Due([AtomicI64; 2]);

impl Default for Due {
    /// Due at once.
    fn default() -> Self {
        Self([const { AtomicI64::new(i64::MIN) }; 2])
    }
}

impl Due {
    /// Makes the group due at the next tick.
    pub(crate) fn wake(&self) {
        self.0.iter().for_each(|due| due.store(i64::MIN, Ordering::SeqCst));
    }

    /// Returns `true` if an entry may fall by this source now.
    pub(crate) fn has_come(&self, source: Source, now: Reading) -> bool {
        self.0[source.index()].load(Ordering::SeqCst) <= now.0
    }

    /// Puts the group to sleep. Must be called before its entries are judged, so that a change made
    /// while they are judged wakes it again.
    pub(crate) fn sleep(&self) {
        self.0.iter().for_each(|due| due.store(i64::MAX, Ordering::SeqCst));
    }

    /// Records that an entry can fall by this source at this reading.
    pub(crate) fn bring_forward(&self, source: Source, to: Reading) {
        self.0[source.index()].fetch_min(to.0, Ordering::SeqCst);
    }
}

/// Entries that are judged together.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) due: Arc<Due>,
    pub(crate) entries: Vec<Arc<ProjectEntry>>,
}

#[derive(Default)]
pub(crate) struct Groups(Vec<Group>);

impl Groups {
    pub(crate) fn add(&mut self, entry: Arc<ProjectEntry>) {
        if self.0.last().is_none_or(|last| last.entries.len() >= GROUP) {
            self.0.push(Group::default());
        }
        if let Some(group) = self.0.last_mut() {
            entry.join(&group.due);
            group.entries.push(entry);
        }
    }

    pub(crate) fn remove(&mut self, entry: &Arc<ProjectEntry>) {
        let Some(at) = self.0.iter().position(|group| entry.is_in(&group.due)) else { return };
        self.0[at].entries.retain(|one| !Arc::ptr_eq(one, entry));
        if self.0[at].entries.is_empty() {
            self.0.swap_remove(at);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Group> {
        self.0.iter()
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
