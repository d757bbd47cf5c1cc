use std::future::pending;
use std::time::Duration;

use async_nats::{Client, Subject, Subscriber};
use federation_domain::{Clock, MeshNamespace, Monotonic};
use futures_util::StreamExt;

use crate::subjects;

/// The most pings that are answered within a [`SPAN`]; some replicas ask, each seldom.
const MOST_ANSWERS: u32 = 64;
const SPAN: Duration = Duration::from_secs(1);

/// The pings of one project. A flood of them costs no more than taking them in.
pub(super) struct Pings {
    subscriber: Option<Subscriber>,
    limit: Limit,
}

impl Pings {
    pub(super) async fn hear(client: &Client, namespace: &MeshNamespace) -> Self {
        let subscriber = client.subscribe(subjects::ping(namespace)).await;
        let subscriber =
            subscriber.inspect_err(|error| tracing::warn!(%error, "pings cannot be answered")).ok();
        Self { subscriber, limit: Limit::default() }
    }

    /// Where the next ping wants its answer; never, once pings cannot be heard. Those without a
    /// reply subject are passed over.
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
struct Limit {
    since: Monotonic,
    answers: u32,
}

impl Limit {
    fn admits(&mut self, now: Monotonic) -> bool {
        if now.since(self.since) >= SPAN {
            *self = Self { since: now, answers: 0 };
        }
        self.answers += 1;
        self.answers <= MOST_ANSWERS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_answers_are_given_in_a_second_and_no_more() {
        let mut limit = Limit::default();
        for second in [0, 1, 7] {
            let now = Monotonic(Duration::from_secs(second));
            let admitted = (0..1_000).filter(|_| limit.admits(now)).count();
            assert_eq!(admitted, 64);
        }
    }
}
