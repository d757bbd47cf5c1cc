//! The port of the edges.

use async_trait::async_trait;
use federation_domain::{
    Actor, EdgeClaim, EdgeSink, EdgeStore, EdgeWrite, Slug, StoreError, WrittenEdges,
};

use super::{Access, BULK_DEADLINE, PgStore, deadline_of_a_batch, settle};
use crate::edges;

#[async_trait]
impl EdgeStore for PgStore {
    async fn load_edges(&self, sink: &mut dyn EdgeSink) -> Result<(), StoreError> {
        let connection = self.connection().await?;
        self.read(connection, BULK_DEADLINE, async |c| edges::load(c, sink).await).await
    }

    async fn edges_from(&self, projects: &[Slug]) -> Result<Vec<EdgeClaim>, StoreError> {
        let slugs: Vec<&str> = projects.iter().map(Slug::as_str).collect();
        let deadline = deadline_of_a_batch(projects.len());
        self.read(self.connection().await?, deadline, async |c| edges::from(c, &slugs).await).await
    }

    async fn write_edges(
        &self,
        writes: &[EdgeWrite],
        all_or_none: bool,
        actor: &Actor,
    ) -> Result<WrittenEdges, StoreError> {
        let deadline = deadline_of_a_batch(writes.len());
        settle(self.connection().await?, deadline, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    edges::write(c, writes, all_or_none, actor).await
                })
                .await
        })
        .await
    }
}
