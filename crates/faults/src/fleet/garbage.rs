//! Invalid messages on the subjects of heartbeats. They must not change anything.

use std::time::Duration;

use crate::nats::Publisher;
use crate::world::World;

/// Number of messages of one fault.
const MESSAGES: usize = 500;
/// Deadline for the server to accept the messages.
const DEADLINE: Duration = Duration::from_secs(2);

/// Sends invalid messages. Gives up if the bus is unavailable.
pub(crate) async fn garbage(world: &World, mut rng: fastrand::Rng) {
    let slugs: Vec<String> = world.truth.lock().slugs().map(str::to_owned).collect();
    let messages: Vec<_> = (0..MESSAGES).map(|_| message(&slugs, &mut rng)).collect();
    let mut publisher = Publisher::to(world.bus_address);
    if publisher.connect(DEADLINE).await.is_ok() {
        // The bus may be unavailable because of another fault.
        let _ = publisher.publish(&messages, DEADLINE).await;
    }
}

fn message(slugs: &[String], rng: &mut fastrand::Rng) -> (String, Vec<u8>) {
    let mut any = || rng.choice(slugs).cloned().unwrap_or_default();
    let (slug, other) = (any(), any());
    let presence = format!("hub.presence.{slug}");
    match rng.u8(..8) {
        0 => (presence, Vec::new()),
        1 => (presence, (0..rng.usize(..300)).map(|_| rng.u8(..)).collect()),
        2 => (presence, vec![b' '; 100_000]),
        3 => (presence, br#"{"project_slug":7}"#.to_vec()),
        // A project must not speak for another one.
        4 => (presence, format!(r#"{{"project_slug":"not-{other}"}}"#).into_bytes()),
        5 => (
            format!("hub.presence.unknown-{other}"),
            format!(r#"{{"project_slug":"unknown-{other}"}}"#).into_bytes(),
        ),
        6 => ("hub.presence.NO_SLUG".to_owned(), br#"{"project_slug":"NO_SLUG"}"#.to_vec()),
        _ => (format!("hub.health.{slug}"), b"[1, 2".to_vec()),
    }
}
