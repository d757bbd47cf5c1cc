//! Faults that another program causes in the database.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use crate::fleet;
use crate::store;
use crate::world::World;

/// Deadline for a statement. The database may be unavailable because of another fault.
const DEADLINE: Duration = Duration::from_secs(2);
/// Pause between two heartbeats of the refused project.
const PAUSE: Duration = Duration::from_millis(500);
/// Number of log entries that a newer version writes.
const ENTRIES: u32 = 5;

/// Lets the database reject every change of one project, which reports another status each time.
pub(super) async fn refuse(world: &World, length: Duration) {
    if !execute(world, &store::refusal(length)).await {
        return;
    }
    let end = world.clock.now().after(length);
    let mut degraded = false;
    while world.clock.now() < end {
        degraded ^= true;
        fleet::report_refused(world, degraded).await;
        sleep(PAUSE).await;
    }
}

/// Does to the database what an expanding migration and a first replica of a newer version do.
pub(super) async fn expand_schema(world: &World) {
    execute(world, store::EXPANSION).await;
    for _ in 0..ENTRIES {
        execute(world, store::UNKNOWN_ENTRY).await;
    }
}

/// Executes statements. Returns `false` if the database does not answer.
async fn execute(world: &World, sql: &str) -> bool {
    matches!(timeout(DEADLINE, store::execute(&world.store_url, sql)).await, Ok(Ok(())))
}
