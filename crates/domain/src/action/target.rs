//! State machine of one target.

use std::sync::Arc;

use time::OffsetDateTime;

use super::reply::shown_error;
use super::{ActionOutcome, ActionReply, ActionResult, NotAsked, Percent};
use crate::values::Slug;

/// A project within a run.
///
/// A target waits, is asked, and ends. Its outcome is set once and never changes, so duplicate and
/// late replies have no effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActionTarget {
    /// The project.
    pub project: Slug,
    /// Outcome; `None` while the target is pending.
    pub outcome: Option<ActionOutcome>,
    /// Time at which the request was recorded, at most a second before it was sent.
    pub asked_at: Option<OffsetDateTime>,
    /// The project has confirmed that it received the request.
    pub is_accepted: bool,
    /// Newest progress.
    pub percent: Option<Percent>,
    /// Time of the outcome.
    pub ended_at: Option<OffsetDateTime>,
    /// JSON text of the result.
    pub result: Option<Arc<str>>,
    /// Explanation of the outcome.
    pub error: Option<String>,
}

/// Effect of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyEffect {
    /// The target has ended or was not asked. The reply does not count.
    Ignored,
    /// The target is still pending.
    Progressed,
    /// The target has ended.
    Ended,
}

impl ActionTarget {
    /// Creates a target that waits to be asked.
    #[must_use]
    pub fn waiting(project: Slug) -> Self {
        Self {
            project,
            outcome: None,
            asked_at: None,
            is_accepted: false,
            percent: None,
            ended_at: None,
            result: None,
            error: None,
        }
    }

    /// Returns `true` if the target waits to be asked.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.outcome.is_none() && self.asked_at.is_none()
    }

    /// Returns `true` if the target was asked and has not ended.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.outcome.is_none() && self.asked_at.is_some()
    }

    /// Notes that the request is about to be sent. Returns `false` if the target does not wait.
    pub fn ask(&mut self, at: OffsetDateTime) -> bool {
        let is_waiting = self.is_waiting();
        if is_waiting {
            self.asked_at = Some(at);
        }
        is_waiting
    }

    /// Ends a target that waits without asking it. Returns `false` if it does not wait.
    pub fn skip(&mut self, reason: &NotAsked, at: OffsetDateTime) -> bool {
        self.is_waiting() && self.end(reason.outcome(), Some(shown_error(&reason.to_string())), at)
    }

    /// Applies a reply of the project.
    pub fn reply(&mut self, reply: ActionReply, at: OffsetDateTime) -> ReplyEffect {
        if !self.is_asked() {
            return ReplyEffect::Ignored;
        }
        match reply {
            ActionReply::Accepted => {
                self.is_accepted = true;
                return ReplyEffect::Progressed;
            }
            ActionReply::Progress(percent) => {
                (self.is_accepted, self.percent) = (true, Some(percent));
                return ReplyEffect::Progressed;
            }
            ActionReply::Done(result) => {
                let error = self.keep(result);
                self.end(ActionOutcome::Done, error, at);
            }
            ActionReply::Failed(error) => {
                self.end(ActionOutcome::Failed, Some(shown_error(&error)), at);
            }
            ActionReply::NoResponders => {
                let error = "no responders: the project does not subscribe to the action";
                self.end(ActionOutcome::Failed, Some(error.to_owned()), at);
            }
        }
        ReplyEffect::Ended
    }

    /// Ends an asked target whose time is up. `was_deaf` tells that replies may have been lost
    /// meanwhile. Returns `false` if the target is not asked.
    pub fn expire(&mut self, was_deaf: bool, at: OffsetDateTime) -> bool {
        let (outcome, error) = match (was_deaf, self.is_accepted) {
            (true, _) => (
                ActionOutcome::Unknown,
                "the connection to NATS was lost while the service waited for the reply",
            ),
            (false, true) => (
                ActionOutcome::Accepted,
                "the project accepted the request and sent no result in time",
            ),
            (false, false) => (ActionOutcome::TimedOut, "the project did not reply in time"),
        };
        self.is_asked() && self.end(outcome, Some(error.to_owned()), at)
    }

    /// Takes over a target from a replica that has stopped. One that was asked ends as unknown or,
    /// if the action is idempotent, waits to be asked again. Returns `true` if it changed.
    pub fn take_over(&mut self, idempotent: bool, at: OffsetDateTime) -> bool {
        if !self.is_asked() {
            return false;
        }
        if idempotent {
            *self = Self::waiting(self.project.clone());
            return true;
        }
        let error = "the replica that waited for the reply stopped";
        self.end(ActionOutcome::Unknown, Some(error.to_owned()), at)
    }

    /// Ends an asked target whose request was certainly not sent.
    pub fn fail_to_send(&mut self, at: OffsetDateTime) -> bool {
        let error = "the request was not sent: the queue of the NATS client is full";
        self.is_asked() && self.end(ActionOutcome::Failed, Some(error.to_owned()), at)
    }

    /// Drops a result that the store rejects.
    pub fn drop_result(&mut self) {
        self.result = None;
        self.error =
            Some("the result was left out, because the store does not accept it".to_owned());
    }

    /// Keeps a result. Returns the explanation if it is too large.
    fn keep(&mut self, result: ActionResult) -> Option<String> {
        match result {
            ActionResult::None => None,
            ActionResult::Json(json) => {
                self.result = Some(json);
                None
            }
            ActionResult::TooLarge { bytes } => Some(format!(
                "the result was left out: expected at most {} bytes, got {bytes}",
                ActionResult::MAX_BYTES
            )),
        }
    }

    fn end(&mut self, outcome: ActionOutcome, error: Option<String>, at: OffsetDateTime) -> bool {
        (self.outcome, self.error, self.ended_at) = (Some(outcome), error, Some(at));
        true
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::Duration;

    use super::*;

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds)
    }

    fn asked() -> ActionTarget {
        let mut target = ActionTarget::waiting(Slug::parse("docs").unwrap());
        assert!(target.ask(at(1)));
        target
    }

    #[test]
    fn silence_after_an_acceptance_is_not_a_timeout() {
        let mut target = asked();
        assert_eq!(target.reply(ActionReply::Accepted, at(2)), ReplyEffect::Progressed);
        assert!(target.expire(false, at(3)));
        assert_eq!(target.outcome, Some(ActionOutcome::Accepted));
        let mut silent = asked();
        silent.expire(false, at(3));
        assert_eq!(silent.outcome, Some(ActionOutcome::TimedOut));
        let mut deaf = asked();
        deaf.expire(true, at(3));
        assert_eq!(deaf.outcome, Some(ActionOutcome::Unknown));
    }

    #[test]
    fn a_result_that_is_too_large_is_left_out_and_the_target_is_done() {
        let mut target = asked();
        target.reply(ActionReply::Done(ActionResult::TooLarge { bytes: 65_537 }), at(2));
        assert_eq!((target.outcome, &target.result), (Some(ActionOutcome::Done), &None));
        let error = target.error.unwrap();
        assert_eq!(error, "the result was left out: expected at most 65536 bytes, got 65537");
    }

    #[test]
    fn a_target_that_was_asked_by_a_stopped_replica_is_unknown_unless_idempotent() {
        let mut once = asked();
        assert!(once.take_over(false, at(9)));
        assert_eq!(once.outcome, Some(ActionOutcome::Unknown));
        let mut again = asked();
        assert!(again.take_over(true, at(9)));
        assert!(again.is_waiting());
        let mut waiting = ActionTarget::waiting(Slug::parse("a").unwrap());
        assert!(!waiting.take_over(false, at(9)));
    }

    #[derive(Debug, Clone)]
    enum Event {
        Ask,
        Skip,
        Reply(ActionReply),
        Expire(bool),
        TakeOver,
        FailToSend,
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::Ask),
            Just(Event::Skip),
            Just(Event::Reply(ActionReply::Accepted)),
            (0.0..200.0)
                .prop_map(|p| Event::Reply(ActionReply::Progress(Percent::new(p).unwrap()))),
            Just(Event::Reply(ActionReply::Done(ActionResult::from_json("[1]")))),
            Just(Event::Reply(ActionReply::Failed("no".to_owned()))),
            Just(Event::Reply(ActionReply::NoResponders)),
            any::<bool>().prop_map(Event::Expire),
            Just(Event::TakeOver),
            Just(Event::FailToSend),
        ]
    }

    fn apply(target: &mut ActionTarget, event: Event, at: OffsetDateTime) -> bool {
        match event {
            Event::Ask => target.ask(at),
            Event::Skip => target.skip(&NotAsked::Cancelled, at),
            Event::Reply(reply) => target.reply(reply, at) != ReplyEffect::Ignored,
            Event::Expire(was_deaf) => target.expire(was_deaf, at),
            Event::TakeOver => target.take_over(false, at),
            Event::FailToSend => target.fail_to_send(at),
        }
    }

    proptest! {
        #[test]
        fn a_target_is_asked_at_most_once_and_its_outcome_never_changes(
            events in prop::collection::vec(event(), 0..20),
        ) {
            let mut target = ActionTarget::waiting(Slug::parse("docs").unwrap());
            let mut asked = 0;
            for (second, event) in (1..).zip(events) {
                let before = target.clone();
                let is_ask = matches!(event, Event::Ask);
                let changed = apply(&mut target, event, at(second));
                asked += usize::from(is_ask && changed);
                if before.outcome.is_some() {
                    prop_assert!(!changed);
                    prop_assert_eq!(&target, &before);
                }
                prop_assert_eq!(target.outcome.is_some(), target.ended_at.is_some());
            }
            prop_assert!(asked <= 1);
        }

        #[test]
        fn every_asked_target_ends_when_its_time_is_up(
            events in prop::collection::vec(event(), 0..20), was_deaf: bool,
        ) {
            let mut target = asked();
            for event in events {
                apply(&mut target, event, at(2));
            }
            target.expire(was_deaf, at(3));
            prop_assert!(target.outcome.is_some());
        }
    }
}
