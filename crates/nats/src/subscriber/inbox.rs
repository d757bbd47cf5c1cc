use std::task::{Context, Poll};

use async_nats::{Message, Subscriber};
use futures_util::Stream;
use std::pin::Pin;

use crate::connection::SUBSCRIPTION_CAPACITY;

/// Number of messages in a row, without an empty queue in between, after which the queue may have
/// been full.
///
/// When the client drops a message, the queue holds [`SUBSCRIPTION_CAPACITY`] others. All of them are
/// then received without an empty queue in between, so every drop is noticed. One sixteenth is
/// margin. A long backlog without drops is suspected too. That costs listened time, but never leads
/// to a wrong status.
pub(super) const OVERRUN_RUN: usize = SUBSCRIPTION_CAPACITY - SUBSCRIPTION_CAPACITY / 16;

/// A subscription that counts messages since its queue was last empty.
///
/// It MUST be polled outside of the cooperative budget (`tokio::task::unconstrained`). Once the
/// budget is spent, a poll returns "pending" although messages are queued.
pub(super) struct Inbox {
    subscriber: Subscriber,
    backlog: Backlog,
}

impl Inbox {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        Self { subscriber, backlog: Backlog::default() }
    }

    /// Polls for the next message. Yields `None` if the client has stopped.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        let polled = Pin::new(&mut self.subscriber).poll_next(cx);
        match &polled {
            Poll::Ready(Some(_)) => self.backlog.found_one(),
            Poll::Ready(None) | Poll::Pending => self.backlog.found_none(),
        }
        polled
    }

    pub(super) fn may_have_overrun(&self) -> bool {
        self.backlog.may_have_overrun()
    }
}

#[derive(Default)]
struct Backlog {
    run: usize,
}

impl Backlog {
    fn found_one(&mut self) {
        self.run += 1;
    }

    fn found_none(&mut self) {
        self.run = 0;
    }

    fn may_have_overrun(&self) -> bool {
        self.run >= OVERRUN_RUN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_is_empty_in_time_has_not_overrun() {
        let mut backlog = Backlog::default();
        for _ in 0..3 {
            (1..OVERRUN_RUN).for_each(|_| backlog.found_one());
            assert!(!backlog.may_have_overrun());
            backlog.found_none();
        }
        (0..OVERRUN_RUN).for_each(|_| backlog.found_one());
        assert!(backlog.may_have_overrun());
    }
}
