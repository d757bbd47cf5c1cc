//! The port of checkpoints.

use async_trait::async_trait;
use federation_domain::{Checkpoint, CheckpointStore, ProjectId, StoreError};

use super::{Access, BULK_DEADLINE, DEADLINE, PgStore, settle};
use crate::{checkpoint, listening_periods};

#[async_trait]
impl CheckpointStore for PgStore {
    async fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<Vec<ProjectId>, StoreError> {
        let Checkpoint { heartbeats, listening_periods } = checkpoint;
        let skipped = settle(self.connection().await?, BULK_DEADLINE, Access::Write, async |c| {
            if self.address.is_pooled {
                let mut transaction = c.build_transaction().read_committed();
                return transaction
                    .run(async |c| {
                        self.begin(c).await?;
                        checkpoint::write_heartbeats(c, heartbeats).await
                    })
                    .await;
            }
            checkpoint::write_heartbeats(c, heartbeats).await
        });
        let skipped = skipped.await?;
        if listening_periods.is_empty() {
            return Ok(skipped);
        }
        settle(self.connection().await?, DEADLINE, Access::Write, async |c| {
            c.build_transaction()
                .read_committed()
                .run(async |c| {
                    self.begin(c).await?;
                    listening_periods::join(c, listening_periods).await
                })
                .await
        })
        .await?;
        Ok(skipped)
    }
}
