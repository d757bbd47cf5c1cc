//! The catalog in memory, from which reads are answered.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use federation_domain::{Project, ProjectId, Slug};
use parking_lot::{RwLock, RwLockReadGuard};

use crate::entry::Entry;
use crate::groups::{Group, Groups};

/// All entries, by slug and by id.
#[derive(Default)]
pub(crate) struct Registry {
    index: RwLock<Index>,
    loaded: AtomicBool,
    generation: AtomicU64,
}

#[derive(Default)]
struct Index {
    /// Whoever may register chooses the slugs; the hash has a random seed.
    by_slug: HashMap<Slug, Arc<Entry>, foldhash::fast::RandomState>,
    by_id: BTreeMap<ProjectId, Arc<Entry>>,
    groups: Groups,
}

impl Registry {
    /// Whether the store was read: before, nothing can be said of any project.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Grows with each change that a reader may see.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// To be called after each change that a reader may see.
    pub(crate) fn touch(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }

    /// Takes in what the store holds at the start.
    pub(crate) fn fill(&self, projects: impl ExactSizeIterator<Item = (Slug, Entry)>) {
        let mut index = self.index.write();
        index.by_slug.reserve(projects.len());
        for (slug, entry) in projects {
            index.insert(slug, entry);
        }
        drop(index);
        self.loaded.store(true, Ordering::Release);
        self.touch();
    }

    pub(crate) fn get(&self, slug: &str) -> Option<Arc<Entry>> {
        self.index.read().by_slug.get(slug).cloned()
    }

    /// The entries, held for several look-ups. Nothing else of the registry may be called
    /// meanwhile: whoever waits to write would wait for ever, and so would the call.
    pub(crate) fn hold(&self) -> Held<'_> {
        Held(self.index.read())
    }

    pub(crate) fn get_by_id(&self, id: ProjectId) -> Option<Arc<Entry>> {
        self.index.read().by_id.get(&id).cloned()
    }

    /// Takes in a registered project: its metadata if it is known, else all of it.
    pub(crate) fn register(&self, project: &Project, make: impl FnOnce(Project) -> Entry) {
        let mut index = self.index.write();
        match index.by_slug.get(project.slug.as_str()) {
            Some(entry) if entry.id == project.id => {
                let mut live = entry.lock();
                live.project = Project {
                    // These are ours: the store may be behind.
                    status: live.project.status,
                    reports: live.project.reports.clone(),
                    updated_at: live.project.updated_at.max(project.updated_at),
                    ..project.clone()
                };
                entry.publish(&live);
            }
            _ => index.insert(project.slug.clone(), make(project.clone())),
        }
        drop(index);
        self.touch();
    }

    /// Forgets the project of this id, if it still is the one of its slug.
    pub(crate) fn remove(&self, id: ProjectId) {
        let mut index = self.index.write();
        let Some(entry) = index.by_id.remove(&id) else { return };
        index.groups.remove(&entry);
        let mut live = entry.lock();
        entry.leave(&mut live);
        let slug = live.project.slug.clone();
        drop(live);
        if index.by_slug.get(&slug).is_some_and(|known| known.id == id) {
            index.by_slug.remove(&slug);
        }
        drop(index);
        self.touch();
    }

    /// Forgets the project of this id, or, where the store has none, the one of this slug.
    pub(crate) fn forget(&self, id: Option<ProjectId>, slug: &Slug) {
        if let Some(id) = id.or_else(|| self.get(slug.as_str()).map(|entry| entry.id)) {
            self.remove(id);
        }
    }

    /// Visits all entries, by id. Nothing is registered or removed meanwhile.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Arc<Entry>)) {
        self.index.read().by_id.values().for_each(&mut visit);
    }

    /// The entries of the next ids, or, downwards, of those before; at most so many.
    pub(crate) fn next(
        &self,
        after: Option<ProjectId>,
        downwards: bool,
        at_most: usize,
    ) -> Vec<Arc<Entry>> {
        use Bound::{Excluded, Unbounded};
        let index = self.index.read();
        let taken = |(_, entry): (&ProjectId, &Arc<Entry>)| Arc::clone(entry);
        if downwards {
            let ids = (Unbounded, after.map_or(Unbounded, Excluded));
            index.by_id.range(ids).rev().take(at_most).map(taken).collect()
        } else {
            let ids = (after.map_or(Unbounded, Excluded), Unbounded);
            index.by_id.range(ids).take(at_most).map(taken).collect()
        }
    }

    /// Visits all groups. Nothing is registered or removed meanwhile.
    pub(crate) fn for_each_group(&self, visit: impl FnMut(&Group)) {
        self.index.read().groups.iter().for_each(visit);
    }

    /// How many projects have each status, in the order of `ProjectStatus::ALL`.
    pub(crate) fn count_by_status(&self) -> [i64; 3] {
        let mut counts = [0; 3];
        self.for_each(|entry| counts[entry.status() as usize] += 1);
        counts
    }
}

/// The entries, while nothing is registered or removed.
pub(crate) struct Held<'a>(RwLockReadGuard<'a, Index>);

impl Held<'_> {
    pub(crate) fn get(&self, slug: &str) -> Option<&Arc<Entry>> {
        self.0.by_slug.get(slug)
    }
}

impl Index {
    fn insert(&mut self, slug: Slug, entry: Entry) {
        let entry = Arc::new(entry);
        if let Some(former) = self.by_slug.insert(slug, Arc::clone(&entry)) {
            self.by_id.remove(&former.id);
            self.groups.remove(&former);
            former.leave(&mut former.lock());
        }
        self.groups.add(Arc::clone(&entry));
        // A database that was restored gives an id again.
        if let Some(former) = self.by_id.insert(entry.id, entry) {
            self.groups.remove(&former);
            let mut live = former.lock();
            former.leave(&mut live);
            self.by_slug.remove(&live.project.slug);
        }
    }
}
