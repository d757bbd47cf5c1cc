//! Requests actions all the time, replies for the projects, and records which of them were asked.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::{Client, Message};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::http;
use crate::invariants::Violation;
use crate::invariants::actions::unended;
use crate::world::World;

const ACTIONS: &str = "/api/fed/actions";
const REQUESTS: &str = "hub.*.audit.requested.security";

/// Pause between two runs.
const PAUSE_MS: std::ops::Range<u64> = 500..3_000;
/// Deadline for a response.
const DEADLINE: Duration = Duration::from_secs(2);

/// Requests actions until the faults have ended.
pub(crate) async fn request(world: Arc<World>, mut rng: fastrand::Rng) {
    while !world.frozen.load(Ordering::Relaxed) {
        sleep(Duration::from_millis(rng.u64(PAUSE_MS))).await;
        let order = json!({
            "action": "audit.security",
            "targets": {"all": true},
            "timeout": "2s",
            "max_concurrency": rng.u8(1..20),
            "include_offline": rng.bool(),
        });
        let replica = &world.replicas[rng.usize(..world.replicas.len())];
        let Some(address) = replica.address() else { continue };
        let created = http::request(address, ("POST", ACTIONS), &order.to_string(), DEADLINE).await;
        if created.is_ok_and(|response| response.status == 202) {
            world.report.lock().runs += 1;
        }
    }
    // The task lasts as long as the run of the suite.
    std::future::pending().await
}

/// Replies to requests, sometimes late, twice or not at all, and counts them.
pub(crate) async fn reply(world: Arc<World>, mut rng: fastrand::Rng) {
    let connected = async_nats::ConnectOptions::new()
        .retry_on_initial_connect()
        .connect(format!("nats://{}", world.bus_address))
        .await;
    let Ok(client) = connected else { return };
    let Ok(mut requests) = client.subscribe(REQUESTS).await else { return };
    while let Some(request) = requests.next().await {
        note(&world, &request);
        answer(&client, &request, &mut rng).await;
    }
}

fn note(world: &World, request: &Message) {
    let run = request.headers.as_ref().and_then(|headers| headers.get("Federation-Action-Id"));
    let run = run.map_or_else(String::new, |run| run.as_str().to_owned());
    let slug = request.subject.split('.').nth(1).unwrap_or_default().to_owned();
    *world.asks.lock().entry((run, slug)).or_default() += 1;
}

async fn answer(client: &Client, request: &Message, rng: &mut fastrand::Rng) {
    let replies: &[&'static str] = match rng.u8(..8) {
        0 => &[],
        1 => &[r#"{"status":"accepted"}"#],
        2 => &[r#"{"status":"failed","error":"no"}"#],
        3 => &[r#"{"status":"accepted"}"#, r#"{"status":"done"}"#, r#"{"status":"failed"}"#],
        _ => &[r#"{"status":"done","result":1}"#],
    };
    let Some(subject) = request.reply.clone() else { return };
    for reply in replies {
        let _ = client.publish(subject.clone(), (*reply).into()).await;
    }
}

/// Returns a violation if runs are in progress, as a replica tells.
pub(crate) async fn in_progress(world: &World) -> Option<Violation> {
    let path = format!("{ACTIONS}?status=running,cancelling");
    let address = world.replicas.first()?.address()?;
    let response = http::request(address, ("GET", &path), "", DEADLINE).await.ok()?;
    let runs: Value = serde_json::from_str(&response.body).ok()?;
    unended(runs.as_array().map_or(0, Vec::len), world.clock.now())
}
