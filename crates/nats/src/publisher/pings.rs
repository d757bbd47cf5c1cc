use std::future::pending;
use std::time::Duration;

use async_nats::{Client, Subject, Subscriber};
use federation_domain::{Clock, MeshNamespace, Monotonic};
use futures_util::StreamExt;

use crate::subjects;

/// Maximum number of answers within [`LIMIT_WINDOW`]. Each replica pings rarely.
const MAX_ANSWERS: u32 = 64;
const LIMIT_WINDOW: Duration = Duration::from_secs(1);

/// Pings of a project. During a flood, the excess is received but not answered.
pub(super) struct Pings {
    subscriber: Option<Subscriber>,
    limit: RateLimit,
}

impl Pings {
    pub(super) async fn subscribe(client: &Client, namespace: &MeshNamespace) -> Self {
        let subscriber = client.subscribe(subjects::ping(namespace)).await;
        let subscriber =
            subscriber.inspect_err(|error| tracing::warn!(%error, "subscription to pings fails; pings are not answered")).ok();
        Self { subscriber, limit: RateLimit::default() }
    }

    /// Returns the reply subject of the next ping. Skips pings without one, and never returns if there
    /// is no subscription.
    pub(super) async fn next(&mut self, clock: &dyn Clock) -> Subject {
        while let Some(subscriber) = &mut self.subscriber {
            match subscriber.next().await {
                Some(ping) => match ping.reply {
                    Some(reply) if self.limit.admits(clock.monotonic()) => return reply,
                    _ => {}
                },
                None => self.subscriber = None,
            }
        }
        pending().await
    }
}

#[derive(Default)]
struct RateLimit {
    since: Monotonic,
    answers: u32,
}

impl RateLimit {
    fn admits(&mut self, now: Monotonic) -> bool {
        if now.since(self.since) >= LIMIT_WINDOW {
            *self = Self { since: now, answers: 0 };
        }
        self.answers += 1;
        self.answers <= MAX_ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_limited_per_second() {
        let mut limit = RateLimit::default();
        for second in [0, 1, 7] {
            let now = Monotonic(Duration::from_secs(second));
            let admitted = (0..1_000).filter(|_| limit.admits(now)).count();
            assert_eq!(admitted, 64);
        }
    }
}
