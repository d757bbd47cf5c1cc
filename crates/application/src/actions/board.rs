//! Replies that wait to be taken into account.

use std::collections::HashMap;

use federation_domain::{ActionReply, ReplySink};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// Holds the newest reply to each request. A final reply is kept, so at most one reply per target in
/// flight waits, however many arrive.
#[derive(Default)]
pub(super) struct ReplyBoard {
    replies: Mutex<HashMap<u64, ActionReply>>,
    arrived: Notify,
}

impl ReplyBoard {
    /// Takes all waiting replies.
    pub(super) fn take_all(&self) -> HashMap<u64, ActionReply> {
        std::mem::take(&mut *self.replies.lock())
    }

    /// Waits for a reply.
    pub(super) async fn arrived(&self) {
        self.arrived.notified().await;
    }
}

impl ReplySink for ReplyBoard {
    fn take(&self, ticket: u64, reply: ActionReply) {
        let mut replies = self.replies.lock();
        match replies.get_mut(&ticket) {
            None => drop(replies.insert(ticket, reply)),
            Some(waiting) if waiting.is_final() || reply == ActionReply::Accepted => return,
            Some(waiting) => *waiting = reply,
        }
        drop(replies);
        self.arrived.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use federation_domain::{ActionResult, Percent};

    use super::*;

    #[test]
    fn only_the_newest_reply_waits_and_a_final_one_stays() {
        let board = ReplyBoard::default();
        let progress = |percent| ActionReply::Progress(Percent::new(percent).unwrap());
        for reply in [progress(1.0), progress(40.0), ActionReply::Accepted] {
            board.take(1, reply);
        }
        board.take(2, ActionReply::Done(ActionResult::None));
        board.take(2, ActionReply::Failed("late".to_owned()));
        let replies = board.take_all();
        assert_eq!(replies[&1], progress(40.0));
        assert_eq!(replies[&2], ActionReply::Done(ActionResult::None));
        assert!(board.take_all().is_empty());
    }
}
