use std::task::{Context, Poll};

use async_nats::{Message, Subscriber};
use futures_util::Stream;
use std::pin::Pin;

use crate::connection::SUBSCRIPTION_CAPACITY;

/// So many messages in a row, without once finding the queue empty, mean that it may have been
/// full. When the client drops a message, its queue holds [`SUBSCRIPTION_CAPACITY`] others, and
/// all of them are taken after that without finding it empty; so no drop goes unseen. The
/// sixteenth less is margin. A long backlog is suspected too, which is the safe mistake: it costs
/// listened time, never a wrong status.
pub(super) const OVERRUN_RUN: usize = SUBSCRIPTION_CAPACITY - SUBSCRIPTION_CAPACITY / 16;

/// One subscription, and how long its queue has not been found empty.
///
/// It MUST be polled outside of the runtime's cooperative budget (`tokio::task::unconstrained`):
/// with the budget spent, a poll says "pending" though messages wait.
pub(super) struct Inbox {
    subscriber: Subscriber,
    backlog: Backlog,
}

impl Inbox {
    pub(super) fn new(subscriber: Subscriber) -> Self {
        Self { subscriber, backlog: Backlog::default() }
    }

    /// The next message; none when the client has ended.
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
    fn a_queue_that_is_found_empty_in_time_has_not_overrun() {
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
