//! The project whose changes the database rejects at times.

use std::time::Duration;

use super::beat::message;
use crate::nats::Publisher;
use crate::roster::REFUSED;
use crate::world::World;

/// Deadline for the server to accept a heartbeat.
const DEADLINE: Duration = Duration::from_secs(1);

/// Publishes a heartbeat. Gives up if the bus is unavailable.
pub(crate) async fn report_refused(world: &World, degraded: bool) {
    let mut publisher = Publisher::to(world.bus_address);
    if publisher.connect(DEADLINE).await.is_ok() {
        // The bus may be unavailable because of another fault.
        let _ = publisher.publish(&[message(REFUSED, degraded)], DEADLINE).await;
    }
}
