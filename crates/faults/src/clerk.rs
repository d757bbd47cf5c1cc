//! Registers and removes projects over REST and records the acknowledged changes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::http;
use crate::truth::CatalogState;
use crate::world::World;

/// Pause between two requests.
const PAUSE_MS: std::ops::Range<u64> = 300..3_000;
/// Deadline for a response.
const DEADLINE: Duration = Duration::from_secs(2);
/// Number of registered projects above which one is removed.
const MAX_REGISTERED: usize = 20;

/// Works until cancelled.
pub(crate) async fn work(world: Arc<World>, mut rng: fastrand::Rng) {
    for number in 0_u64.. {
        sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
        let there: Vec<String> = registered(&world);
        if there.len() > MAX_REGISTERED || (rng.u8(..4) == 0 && !there.is_empty()) {
            let slug = &there[rng.usize(..there.len())];
            remove(&world, slug, &mut rng).await;
        } else {
            register(&world, &format!("late-{number}"), &mut rng).await;
        }
    }
}

/// Returns the projects that this clerk registered and has not removed.
fn registered(world: &World) -> Vec<String> {
    let truth = world.truth.lock();
    let there = truth.ledger.there().into_iter().filter(|slug| slug.starts_with("late-"));
    there.map(str::to_owned).collect()
}

async fn register(world: &World, slug: &str, rng: &mut fastrand::Rng) {
    let body = json!({
        "slug": slug,
        "name": slug,
        "hub_url": "http://localhost:1",
        "mesh_namespace": format!("hub.{slug}"),
    });
    if call(world, ("POST", "/api/fed/projects"), &body.to_string(), 201, rng).await {
        world.truth.lock().ledger.note(slug, CatalogState::Registered(world.clock.now()));
        world.report.lock().registrations += 1;
    }
}

async fn remove(world: &World, slug: &str, rng: &mut fastrand::Rng) {
    // From now on it may be gone, whatever the response is.
    world.truth.lock().ledger.note(slug, CatalogState::Unknown);
    let path = format!("/api/fed/projects/{slug}");
    if call(world, ("DELETE", &path), "", 204, rng).await {
        world.truth.lock().ledger.note(slug, CatalogState::Removed(world.clock.now()));
        world.report.lock().removals += 1;
    }
}

/// Sends a request to a random replica and returns whether it was acknowledged.
async fn call(
    world: &World,
    to: (&str, &str),
    body: &str,
    success: u16,
    rng: &mut fastrand::Rng,
) -> bool {
    let Some(address) = world.replicas[rng.usize(..world.replicas.len())].address() else {
        return false;
    };
    let response = http::request(address, to, body, DEADLINE).await;
    response.is_ok_and(|response| response.status == success)
}
