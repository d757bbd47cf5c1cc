//! Targets of a run that were asked and have not ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{ActionRequest, ActionTarget, Monotonic, ReplyEffect, ReplySink, Slug};
use tokio::sync::OwnedSemaphorePermit;

use super::board::ReplyBoard;
use super::shared::Shared;

/// The targets in flight of one run.
pub(super) struct InFlight {
    shared: Arc<Shared>,
    timeout: Duration,
    board: Arc<ReplyBoard>,
    asked: HashMap<u64, Asked>,
    /// Tickets in the order in which they were asked, and the time.
    order: VecDeque<(u64, Monotonic)>,
}

struct Asked {
    target: ActionTarget,
    /// Connection over which the request was sent.
    connection: Option<u64>,
    _permit: OwnedSemaphorePermit,
}

impl InFlight {
    pub(super) fn new(shared: Arc<Shared>, timeout: Duration) -> Self {
        Self {
            shared,
            timeout,
            board: Arc::default(),
            asked: HashMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    pub(super) fn has(&self, project: &Slug) -> bool {
        self.asked.values().any(|asked| asked.target.project == *project)
    }

    /// Waits for a reply.
    pub(super) async fn replied(&self) {
        self.board.arrived().await;
    }

    /// Sends a request to a target that is noted as asked. Returns the target if it was not sent.
    pub(super) fn send(
        &mut self,
        request: &ActionRequest,
        target: ActionTarget,
        permit: OwnedSemaphorePermit,
    ) -> Option<ActionTarget> {
        let Some(fanout) = &self.shared.fanout else { return Some(target) };
        let ticket = self.shared.next_ticket();
        // Read before, so that a connection that is lost meanwhile counts as lost.
        let connection = fanout.transport.connection();
        let replies: Arc<dyn ReplySink> = Arc::<ReplyBoard>::clone(&self.board);
        if !fanout.transport.send(request, ticket, &replies) {
            return Some(target);
        }
        self.asked.insert(ticket, Asked { target, connection, _permit: permit });
        self.order.push_back((ticket, self.shared.monotonic()));
        None
    }

    /// Applies the replies that arrived. Returns the targets that changed.
    pub(super) fn take_replies(&mut self) -> Vec<ActionTarget> {
        let now = self.shared.now();
        let (mut changed, mut ended) = (Vec::new(), Vec::new());
        for (ticket, reply) in self.board.take_all() {
            let Some(asked) = self.asked.get_mut(&ticket) else { continue };
            match asked.target.reply(reply, now) {
                ReplyEffect::Ignored => {}
                ReplyEffect::Progressed => changed.push(asked.target.clone()),
                ReplyEffect::Ended => ended.push(ticket),
            }
        }
        changed.extend(self.remove(&ended));
        changed
    }

    /// Ends the targets whose time is up, and returns them.
    pub(super) fn expire(&mut self) -> Vec<ActionTarget> {
        let (now, monotonic) = (self.shared.now(), self.shared.monotonic());
        let connection = self.shared.connection();
        let mut ended = Vec::new();
        while let Some((ticket, asked_at)) = self.order.front().copied() {
            let is_pending = self.asked.contains_key(&ticket);
            if is_pending && monotonic.since(asked_at) < self.timeout {
                break;
            }
            self.order.pop_front();
            if let Some(asked) = self.asked.get_mut(&ticket) {
                let was_deaf = connection.is_none() || connection != asked.connection;
                asked.target.expire(was_deaf, now);
                ended.push(ticket);
            }
        }
        self.remove(&ended)
    }

    fn remove(&mut self, tickets: &[u64]) -> Vec<ActionTarget> {
        if let (Some(fanout), false) = (&self.shared.fanout, tickets.is_empty()) {
            fanout.transport.close(tickets);
        }
        let removed = tickets.iter().filter_map(|ticket| self.asked.remove(ticket));
        removed.map(|asked| asked.target).collect()
    }

    /// Returns the time until the next target expires.
    pub(super) fn next_expiry(&self) -> Option<Duration> {
        let now = self.shared.monotonic();
        let (_, asked_at) = self.order.front()?;
        Some(self.timeout.saturating_sub(now.since(*asked_at)))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let tickets: Vec<u64> = self.asked.keys().copied().collect();
        self.remove(&tickets);
    }
}
