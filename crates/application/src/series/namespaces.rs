//! Projects by mesh namespace.

use std::collections::HashMap;
use std::time::Duration;

use federation_domain::{Monotonic, Slug};
use parking_lot::Mutex;

use crate::registry::Registry;

/// Minimum time between two readings of the registry, because a flood of unknown namespaces must not
/// read it for each message.
const READ_INTERVAL: Duration = Duration::from_secs(1);

/// An index of the registry. It may lag behind by a second.
#[derive(Default)]
pub(super) struct Namespaces(Mutex<Index>);

#[derive(Default)]
struct Index {
    slugs: HashMap<String, Vec<Slug>>,
    read_at: Option<Monotonic>,
    generation: u64,
}

impl Namespaces {
    /// Returns the projects with this namespace. Several may share one.
    pub(super) fn projects_in(
        &self,
        namespace: &str,
        registry: &Registry,
        now: Monotonic,
    ) -> Vec<Slug> {
        let mut index = self.0.lock();
        let generation = registry.generation();
        let is_due = index.read_at.is_none_or(|read_at| now.since(read_at) >= READ_INTERVAL);
        if is_due && (index.read_at.is_none() || index.generation != generation) {
            index.slugs.clear();
            registry.for_each(|entry| {
                let live = entry.lock();
                if let Some(namespace) = &live.project.mesh_namespace {
                    let slugs = index.slugs.entry(namespace.to_string()).or_default();
                    slugs.push(live.project.slug.clone());
                }
            });
            index.read_at = Some(now);
            index.generation = generation;
        }
        index.slugs.get(namespace).cloned().unwrap_or_default()
    }
}
