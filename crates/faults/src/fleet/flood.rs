//! One project that sends as fast as it can, and says something else each time.

use std::time::Duration;

use super::beat::message;
use crate::nats::Publisher;
use crate::roster::FLOODER;
use crate::truth::{Beat, Reach};
use crate::world::World;

/// How many go out before the server is asked whether it took them.
const BATCH: usize = 1_000;
/// How long the server may take over a batch.
const PATIENCE: Duration = Duration::from_secs(2);

/// Sends the flood; gives up where the bus is away.
pub(crate) async fn flood(world: &World, heartbeats: usize) {
    let batch: Vec<_> = (0..BATCH).map(|n| message(FLOODER, n % 2 == 0)).collect();
    let mut publisher = Publisher::to(world.bus_address);
    if publisher.connect(PATIENCE).await.is_err() {
        return;
    }
    for _ in 0..heartbeats / BATCH {
        let sent = world.clock.now();
        world.truth.lock().attempt(FLOODER, None, sent.after(PATIENCE));
        if publisher.publish(&batch, PATIENCE).await.is_err() {
            return;
        }
        let taken = world.clock.now();
        world.truth.lock().beat(FLOODER, Beat { sent, taken, reach: Reach::All });
        world.report.lock().heartbeats += BATCH as u64;
    }
}
