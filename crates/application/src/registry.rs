//! Registry: the catalog in memory, which answers all reads.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use federation_domain::{Project, ProjectId, ProjectStatus, Slug};
use parking_lot::{RwLock, RwLockReadGuard};

use crate::entry::ProjectEntry;
use crate::groups::{Group, Groups, StatusCounts};

/// All entries, by slug and by id.
pub(crate) struct Registry {
    index: RwLock<Index>,
    /// Those of the groups, which are read without a lock.
    counts: Arc<StatusCounts>,
    loaded: AtomicBool,
    generation: AtomicU64,
    members_generation: AtomicU64,
}

impl Default for Registry {
    fn default() -> Self {
        let index = Index::default();
        let counts = Arc::clone(index.groups.counts());
        Self {
            index: RwLock::new(index),
            counts,
            loaded: AtomicBool::default(),
            generation: AtomicU64::default(),
            members_generation: AtomicU64::default(),
        }
    }
}

#[derive(Default)]
struct Index {
    /// Clients choose the slugs, so the hash has a random seed.
    by_slug: HashMap<Slug, Arc<ProjectEntry>, foldhash::fast::RandomState>,
    by_id: BTreeMap<ProjectId, Arc<ProjectEntry>>,
    groups: Groups,
}

impl Registry {
    /// Returns `true` once the store was read. Before that no project is known.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Number that grows with each change visible to readers.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Advances the generation. Must be called after each change visible to readers.
    pub(crate) fn touch(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Number that grows with each project that is added, removed, or registered at another time.
    pub(crate) fn members_generation(&self) -> u64 {
        self.members_generation.load(Ordering::SeqCst)
    }

    /// Adds the projects read from the store at the start.
    pub(crate) fn fill(&self, projects: impl ExactSizeIterator<Item = (Slug, ProjectEntry)>) {
        let mut index = self.index.write();
        index.by_slug.reserve(projects.len());
        for (slug, entry) in projects {
            index.insert(slug, entry);
        }
        self.members_generation.fetch_add(1, Ordering::SeqCst);
        drop(index);
        self.loaded.store(true, Ordering::Release);
        self.touch();
    }

    pub(crate) fn get(&self, slug: &str) -> Option<Arc<ProjectEntry>> {
        self.index.read().by_slug.get(slug).cloned()
    }

    /// Locks the index for several look-ups. The caller must not call the registry meanwhile: if a
    /// writer is waiting for the lock, such a call deadlocks behind it.
    pub(crate) fn hold(&self) -> IndexGuard<'_> {
        IndexGuard(self.index.read())
    }

    pub(crate) fn get_by_id(&self, id: ProjectId) -> Option<Arc<ProjectEntry>> {
        self.index.read().by_id.get(&id).cloned()
    }

    /// Applies a stored registration: the metadata of a known project, or a new entry.
    pub(crate) fn register(&self, project: &Project, make: impl FnOnce(Project) -> ProjectEntry) {
        let mut index = self.index.write();
        match index.by_slug.get(project.slug.as_str()) {
            Some(entry) if entry.id == project.id => {
                let mut live = entry.lock();
                if live.project.created_at != project.created_at {
                    // A restored database may have assigned the id to another registration.
                    self.members_generation.fetch_add(1, Ordering::SeqCst);
                }
                live.project = Project {
                    // The store may lag behind these.
                    status: live.project.status,
                    reports: live.project.reports.clone(),
                    updated_at: live.project.updated_at.max(project.updated_at),
                    ..project.clone()
                };
                entry.publish(&live);
            }
            _ => {
                index.insert(project.slug.clone(), make(project.clone()));
                self.members_generation.fetch_add(1, Ordering::SeqCst);
            }
        }
        drop(index);
        self.touch();
    }

    /// Removes the project with this id.
    pub(crate) fn remove(&self, id: ProjectId) {
        let mut index = self.index.write();
        let Some(entry) = index.by_id.remove(&id) else { return };
        index.groups.remove(&entry);
        let mut live = entry.lock();
        entry.mark_removed(&mut live);
        let slug = live.project.slug.clone();
        drop(live);
        if index.by_slug.get(&slug).is_some_and(|known| known.id == id) {
            index.by_slug.remove(&slug);
        }
        self.members_generation.fetch_add(1, Ordering::SeqCst);
        drop(index);
        self.touch();
    }

    /// Removes the project with this id, or with this slug if the store gave no id.
    pub(crate) fn forget(&self, id: Option<ProjectId>, slug: &Slug) {
        if let Some(id) = id.or_else(|| self.get(slug.as_str()).map(|entry| entry.id)) {
            self.remove(id);
        }
    }

    /// Visits all entries in order of id. Registering and removing wait meanwhile.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Arc<ProjectEntry>)) {
        self.index.read().by_id.values().for_each(&mut visit);
    }

    /// Returns at most `at_most` entries that follow `after` in ascending or descending order of
    /// id.
    pub(crate) fn next(
        &self,
        after: Option<ProjectId>,
        downwards: bool,
        at_most: usize,
    ) -> Vec<Arc<ProjectEntry>> {
        use Bound::{Excluded, Unbounded};
        let index = self.index.read();
        let taken = |(_, entry): (&ProjectId, &Arc<ProjectEntry>)| Arc::clone(entry);
        if downwards {
            let ids = (Unbounded, after.map_or(Unbounded, Excluded));
            index.by_id.range(ids).rev().take(at_most).map(taken).collect()
        } else {
            let ids = (after.map_or(Unbounded, Excluded), Unbounded);
            index.by_id.range(ids).take(at_most).map(taken).collect()
        }
    }

    /// Visits all groups. Registering and removing wait meanwhile.
    pub(crate) fn for_each_group(&self, visit: impl FnMut(&Group)) {
        self.index.read().groups.iter().for_each(visit);
    }

    /// Number of projects.
    pub(crate) fn len(&self) -> usize {
        usize::try_from(self.counts.get().iter().sum::<i64>()).unwrap_or(0)
    }

    /// Number of projects by status, in the order of `ProjectStatus::ALL`.
    pub(crate) fn count_by_status(&self) -> [i64; ProjectStatus::ALL.len()] {
        self.counts.get()
    }
}

/// Read lock on the index, see [`Registry::hold`].
pub(crate) struct IndexGuard<'a>(RwLockReadGuard<'a, Index>);

impl IndexGuard<'_> {
    pub(crate) fn get(&self, slug: &str) -> Option<&Arc<ProjectEntry>> {
        self.0.by_slug.get(slug)
    }

    pub(crate) fn has_id(&self, id: ProjectId) -> bool {
        self.0.by_id.contains_key(&id)
    }
}

impl Index {
    fn insert(&mut self, slug: Slug, entry: ProjectEntry) {
        let entry = Arc::new(entry);
        if let Some(former) = self.by_slug.insert(slug, Arc::clone(&entry)) {
            self.by_id.remove(&former.id);
            self.groups.remove(&former);
            former.mark_removed(&mut former.lock());
        }
        self.groups.add(Arc::clone(&entry));
        // A restored database may assign an id again.
        if let Some(former) = self.by_id.insert(entry.id, entry) {
            self.groups.remove(&former);
            let mut live = former.lock();
            former.mark_removed(&mut live);
            self.by_slug.remove(&live.project.slug);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::project;

    /// Registers or removes projects, or changes their status, as often as `steps` says.
    fn run(registry: &Registry, steps: &[(u8, i64, usize)]) {
        for &(step, id, status) in steps {
            let status = ProjectStatus::ALL[status];
            match (step, registry.get_by_id(ProjectId(id))) {
                (0, _) => registry.remove(ProjectId(id)),
                (1, _) => {
                    // The slug of another project may move to this id.
                    let other = Project { slug: project(id % 3).slug, status, ..project(id) };
                    registry.register(&other, |project| ProjectEntry::new(project, None));
                }
                (_, Some(entry)) => {
                    let mut live = entry.lock();
                    live.project.status = status;
                    entry.publish(&live);
                }
                (_, None) => {}
            }
        }
    }

    proptest! {
        #[test]
        fn the_counts_by_status_are_those_of_the_entries(
            steps in prop::collection::vec((0_u8..4, 0_i64..6, 0_usize..3), 0..60),
        ) {
            let registry = Registry::default();
            run(&registry, &steps);
            let mut counts = [0; ProjectStatus::ALL.len()];
            registry.for_each(|entry| counts[entry.status() as usize] += 1);
            prop_assert_eq!(registry.count_by_status(), counts);
        }
    }

    #[test]
    fn a_removed_entry_that_is_still_referenced_is_not_counted() {
        let registry = Registry::default();
        run(&registry, &[(1, 1, 0)]);
        let entry = registry.get_by_id(ProjectId(1)).unwrap();
        registry.remove(entry.id);
        let mut live = entry.lock();
        live.project.status = ProjectStatus::Degraded;
        entry.publish(&live);
        assert_eq!(registry.count_by_status(), [0; 3]);
    }

    #[test]
    fn counting_waits_for_no_lock_and_visits_no_entry() {
        let registry = Registry::default();
        run(&registry, &[(1, 1, 0), (1, 2, 2)]);
        let writing = registry.index.write();
        assert_eq!(registry.count_by_status(), [1, 0, 1]);
        drop(writing);
    }
}
