//! Registers and removes projects over REST, and remembers what was acknowledged.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;

use crate::http;
use crate::truth::CatalogState;
use crate::world::World;

/// The time between two calls.
const PAUSE_MS: std::ops::Range<u64> = 300..3_000;
/// How long a replica may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// So many of the projects that were registered stay; above that, one is removed.
const STAY: usize = 20;

/// Works on and on.
pub(crate) async fn work(world: Arc<World>, mut rng: fastrand::Rng) {
    for number in 0_u64.. {
        sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
        let there: Vec<String> = registered(&world);
        if there.len() > STAY || (rng.u8(..4) == 0 && !there.is_empty()) {
            let slug = &there[rng.usize(..there.len())];
            remove(&world, slug, &mut rng).await;
        } else {
            register(&world, &format!("late-{number}"), &mut rng).await;
        }
    }
}

/// The projects that this clerk registered and did not remove.
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
    // From here on it may be gone, whatever the answer is.
    world.truth.lock().ledger.note(slug, CatalogState::Unknown);
    let path = format!("/api/fed/projects/{slug}");
    if call(world, ("DELETE", &path), "", 204, rng).await {
        world.truth.lock().ledger.note(slug, CatalogState::Removed(world.clock.now()));
        world.report.lock().removals += 1;
    }
}

/// Whether a random replica acknowledged the call.
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
    let answer = http::request(address, to, body, PATIENCE).await;
    answer.is_ok_and(|answer| answer.status == success)
}
