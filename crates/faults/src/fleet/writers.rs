//! Clients that change the same project at once.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::sleep;

use crate::clock::Moment;
use crate::http;
use crate::invariants::process;
use crate::roster::WRITTEN;
use crate::world::World;

/// Number of clients for each replica.
const CLIENTS: usize = 200;
/// Time over which the clients begin.
const SPREAD_MS: u64 = 2_000;
/// Deadline for a response, longer than that of the service.
const DEADLINE: Duration = Duration::from_secs(20);

/// Sends the writes and checks that each is answered in time, whatever the store does. A replica on
/// which another fault works meanwhile may fail to answer.
pub(crate) async fn write_at_once(world: &World, store_hangs_for: Duration) {
    let mut rng = world.chance(u64::try_from(store_hangs_for.as_micros()).unwrap_or_default());
    let writes = (0..CLIENTS * world.replicas.len()).map(|number| {
        let after = Duration::from_millis(rng.u64(..SPREAD_MS));
        write(world, number, after)
    });
    join_all(writes).await;
}

async fn write(world: &World, number: usize, after: Duration) {
    sleep(after).await;
    let replica = &world.replicas[number % world.replicas.len()];
    let Some(up) = replica.up() else { return };
    let begun = world.clock.now();
    let path = format!("/api/fed/projects/{WRITTEN}");
    let body = json!({ "name": format!("name {number}") }).to_string();
    let answered = http::request(up.address, ("PATCH", &path), &body, DEADLINE).await;
    let took = world.clock.now().since(begun);
    if replica.is_still(&up) && is_undisturbed_since(world, replica.number, begun) {
        let status = answered.ok().map(|response| response.status);
        world.report.lock().add(process::write_answered(replica.number, status, took, begun));
    }
}

fn is_undisturbed_since(world: &World, replica: usize, since: Moment) -> bool {
    world.truth.lock().runs_freely_since(replica).is_some_and(|free| free <= since)
}
