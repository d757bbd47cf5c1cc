//! Retries, and the circuit breaker of a channel.

use std::time::Duration;

use time::OffsetDateTime;

use super::{DeliveryOutcome, Message};

/// Delay after the first failed attempt. It doubles with each further one.
const FIRST_DELAY: Duration = Duration::from_secs(5);

/// Maximum delay between two attempts, unless the receiver asks for a longer one.
const MAX_DELAY: Duration = Duration::from_secs(300);

/// Number of failures in a row after which a channel is considered to be away.
const FAILURES_UNTIL_OPEN: u32 = 5;

/// Time for which nothing is sent to a channel that is away. It doubles up to [`MAX_DELAY`].
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// Returns the outcome of a failed attempt.
///
/// `retry_after` is the delay that the receiver asks for. `jitter` between 0 and 1 spreads the
/// retries of several messages by a quarter of the delay in both directions.
#[must_use]
pub fn after_failure(
    message: &Message,
    error: String,
    retry_after: Option<Duration>,
    now: OffsetDateTime,
    jitter: f64,
) -> DeliveryOutcome {
    let expires_at = message.deliveries.iter().map(|one| one.expires_at).max().unwrap_or(now);
    if now >= expires_at {
        return DeliveryOutcome::Dead { error };
    }
    let attempts = message.deliveries.iter().map(|one| one.attempts).max().unwrap_or(1);
    let delay = doubled(FIRST_DELAY, attempts).mul_f64(0.75 + jitter.clamp(0.0, 1.0) / 2.0);
    let delay = delay.max(retry_after.unwrap_or_default());
    // The last attempt is made when the message expires.
    let left = Duration::try_from(expires_at - now).unwrap_or_default();
    DeliveryOutcome::Failed { error, retry_at: now + delay.min(left) }
}

/// Returns the delay after this many failures.
fn doubled(first: Duration, failures: u32) -> Duration {
    let factor = 2_u32.saturating_pow(failures.saturating_sub(1).min(16));
    first.saturating_mul(factor).min(MAX_DELAY)
}

/// Circuit breaker of a channel.
///
/// After five failures in a row nothing is sent for a while, and then one message at a time, until
/// one succeeds. So a receiver that is away costs one attempt now and then, however many
/// messages wait, and is not flooded when it returns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Breaker {
    failures: u32,
    closed_until: Option<OffsetDateTime>,
}

impl Breaker {
    /// Returns the number of messages that may be sent now, at most `limit`.
    #[must_use]
    pub fn allowed(&self, now: OffsetDateTime, limit: usize) -> usize {
        match self.closed_until {
            None => limit,
            Some(until) if now < until => 0,
            Some(_) => limit.min(1),
        }
    }

    /// Returns whether the receiver is considered to be away.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.closed_until.is_some()
    }

    /// Records a success.
    pub fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// Records a failure.
    pub fn failed(&mut self, now: OffsetDateTime) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= FAILURES_UNTIL_OPEN {
            let pause = doubled(FIRST_PAUSE, self.failures - FAILURES_UNTIL_OPEN + 1);
            self.closed_until = Some(now + pause);
        }
    }
}

#[cfg(test)]
mod tests;
