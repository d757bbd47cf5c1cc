//! Registrations that wait for the store, written together.
//!
//! A registration waits for the disk. Those that come meanwhile wait for their turn, and are then
//! one transaction: it costs the disk no more than one of them, and each is answered for itself.

use std::collections::VecDeque;
use std::sync::Arc;

use federation_domain::{
    Form, Origin, Precondition, Refusal, Registered, Registering, StoreError, error_chain,
};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::oneshot;

use super::{Journal, tell};
use crate::catalog::Written;

/// How many registrations are written together at most: some milliseconds of a transaction.
const TOGETHER: usize = 64;

/// Brings the result, or what the store says instead where it refuses, to the registry, and gives
/// what to answer.
type Apply = Box<dyn FnOnce(Result<&[Registered], &Refusal>) -> Vec<Written> + Send>;

/// The calls that wait for their turn, in their order.
#[derive(Default)]
pub(super) struct WaitingCalls(Mutex<VecDeque<Call>>);

struct Call {
    registrations: Vec<Registering>,
    by: Origin,
    at: OffsetDateTime,
    apply: Apply,
    answer: oneshot::Sender<Result<Vec<Written>, StoreError>>,
}

impl Call {
    /// Whether it cannot fail for a reason of its own, so that others need not suffer for it.
    fn goes_with_others(&self) -> bool {
        let is_free = |one: &Registering| {
            one.only_if == Precondition::Always && !matches!(one.form, Form::Patch(..))
        };
        self.registrations.iter().all(is_free)
    }
}

impl WaitingCalls {
    /// Takes out the first, and those behind it that can go with it.
    fn take(&self) -> Vec<Call> {
        let mut waiting = self.0.lock();
        let Some(first) = waiting.pop_front() else { return Vec::new() };
        let mut count = first.registrations.len();
        let (by, takes_others) = (first.by, first.goes_with_others());
        let mut calls = vec![first];
        while let Some(next) = waiting.front().filter(|_| takes_others) {
            count += next.registrations.len();
            if next.by != by || !next.goes_with_others() || count > TOGETHER {
                break;
            }
            calls.extend(waiting.pop_front());
        }
        calls
    }
}

impl Journal {
    /// Registers, and lets `apply` bring the result, or what the store says instead where it
    /// refuses, to the registry before anyone else writes. What it gives is the answer.
    pub(crate) async fn register(
        self: &Arc<Self>,
        registrations: Vec<Registering>,
        by: Origin,
        at: OffsetDateTime,
        apply: impl FnOnce(Result<&[Registered], &Refusal>) -> Vec<Written> + Send + 'static,
    ) -> Result<Vec<Written>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let call = Call { registrations, by, at, apply: Box::new(apply), answer };
        self.calls.0.lock().push_back(call);
        let journal = Arc::clone(self);
        // Each call brings a turn, so there are never fewer turns than calls that wait. A turn runs to
        // its end even if the caller goes away; the answer may come from one before its own.
        tokio::spawn(async move {
            let _turn = journal.writing.lock().await;
            journal.register_together(journal.calls.take()).await;
        });
        let unanswered = |_| StoreError::Failed("a registration was not answered".into());
        answered.await.map_err(unanswered)?
    }

    async fn register_together(&self, mut calls: Vec<Call>) {
        if calls.len() < 2 {
            if let Some(alone) = calls.pop() {
                self.register_alone(alone).await;
            }
            return;
        }
        let all: Vec<_> = calls.iter().flat_map(|call| &call.registrations).cloned().collect();
        let newest = calls.iter().map(|call| (call.by, call.at)).max_by_key(|&(_, at)| at);
        let Some((by, at)) = newest else { return };
        match self.note(self.store.register_if(&all, by, at).await) {
            Ok(registered) => self.answer_all(calls, &registered),
            Err(StoreError::Unavailable(error)) => {
                let why = error_chain(&*error);
                for Call { answer, .. } in calls {
                    // Whoever asked may have gone away.
                    let _ = answer.send(Err(StoreError::Unavailable(why.clone().into())));
                }
            }
            // One of them is to blame, and the others are not to fail for it.
            Err(_) => {
                for call in calls {
                    self.register_alone(call).await;
                }
            }
        }
    }

    fn answer_all(&self, calls: Vec<Call>, registered: &[Registered]) {
        let changes: Vec<_> = registered.iter().filter_map(|one| one.change.clone()).collect();
        let mut rest = registered;
        let mut answers = Vec::new();
        for Call { registrations, apply, answer, .. } in calls {
            let part;
            (part, rest) = rest.split_at(registrations.len().min(rest.len()));
            answers.push((answer, apply(Ok(part))));
        }
        self.publish(changes);
        for (answer, written) in answers {
            let _ = answer.send(Ok(written));
        }
    }

    async fn register_alone(&self, call: Call) {
        let Call { registrations, by, at, apply, answer } = call;
        let registered = self.note(self.store.register_if(&registrations, by, at).await);
        let written = tell(registered.as_deref(), apply).unwrap_or_default();
        if let Ok(registered) = &registered {
            self.publish(registered.iter().filter_map(|one| one.change.clone()));
        }
        let _ = answer.send(registered.map(|_| written));
    }
}
