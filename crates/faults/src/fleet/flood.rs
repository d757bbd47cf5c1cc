//! A project that publishes as fast as it can and changes its reported status each time.

use std::time::Duration;

use super::beat::message;
use crate::nats::Publisher;
use crate::roster::FLOODER;
use crate::truth::{Beat, Reach};
use crate::world::World;

/// Number of heartbeats between two acknowledgements of the server.
const BATCH: usize = 1_000;
/// Deadline for the server to accept a batch.
const DEADLINE: Duration = Duration::from_secs(2);

/// Sends the flood. Gives up if the bus is unavailable.
pub(crate) async fn flood(world: &World, heartbeats: usize) {
    let batch: Vec<_> = (0..BATCH).map(|n| message(FLOODER, n % 2 == 0)).collect();
    let mut publisher = Publisher::to(world.bus_address);
    if publisher.connect(DEADLINE).await.is_err() {
        return;
    }
    for _ in 0..heartbeats / BATCH {
        let sent = world.clock.now();
        world.truth.lock().attempt(FLOODER, None, sent.after(DEADLINE));
        if publisher.publish(&batch, DEADLINE).await.is_err() {
            return;
        }
        let taken = world.clock.now();
        world.truth.lock().beat(FLOODER, Beat { sent, taken, reach: Reach::All });
        world.report.lock().heartbeats += BATCH as u64;
    }
}
