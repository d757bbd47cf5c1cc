//! Claims about edges.

use std::collections::BTreeMap;

use async_trait::async_trait;
use federation_domain::{
    Actor, EdgeClaim, EdgeKey, EdgePlan, EdgeSink, EdgeSource, EdgeStore, EdgeWrite, Slug,
    StoreError, WrittenEdges,
};

use super::FakeStore;

/// Claims by edge and source.
pub(super) type Edges = BTreeMap<(EdgeKey, EdgeSource), EdgeClaim>;

#[async_trait]
impl EdgeStore for FakeStore {
    async fn load_edges(&self, sink: &mut dyn EdgeSink) -> Result<(), StoreError> {
        self.tables()?.edges.values().cloned().for_each(|claim| sink.take(claim));
        Ok(())
    }

    async fn edges_from(&self, projects: &[Slug]) -> Result<Vec<EdgeClaim>, StoreError> {
        let tables = self.tables()?;
        let claims = tables.edges.values();
        Ok(claims.filter(|claim| projects.contains(claim.key.from())).cloned().collect())
    }

    async fn write_edges(
        &self,
        writes: &[EdgeWrite],
        all_or_none: bool,
        actor: &Actor,
    ) -> Result<WrittenEdges, StoreError> {
        let mut tables = self.tables()?;
        self.check_accepted(writes.iter().map(|write| write.key.from()))?;
        let plan = EdgePlan::decide(tables.edges.values().cloned(), writes, all_or_none);
        plan.removals.iter().for_each(|key| drop(tables.edges.remove(key)));
        for claim in plan.upserts {
            tables.edges.insert((claim.key.clone(), claim.source), claim);
        }
        let changes = plan.changes.into_iter();
        let entries = changes.map(|change| tables.append(change.into_entry(actor.clone())));
        let entries = entries.collect();
        Ok(WrittenEdges { results: plan.results, entries })
    }
}
