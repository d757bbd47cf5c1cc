//! Group commit of registrations.
//!
//! A registration waits for the disk. Registrations that arrive in the meantime are queued and then
//! written in one transaction, which costs no more disk I/O than a single registration. Each call
//! gets its own answer.

use std::collections::VecDeque;
use std::sync::Arc;

use federation_domain::{
    BusyWith, Origin, Precondition, Prospect, Registered, RegistrationWrite, StoreError, WriteMode,
};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::Journal;
use crate::mirror::WrittenProject;

/// Maximum number of registrations from different calls per transaction. Such a transaction takes a
/// few milliseconds.
const TOGETHER: usize = 64;

/// Queue of calls. [`Turns`](super::turns::Turns) bounds it.
#[derive(Default)]
pub(super) struct WaitingCalls(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    calls: VecDeque<Call>,
    last_id: u64,
}

struct Call {
    id: u64,
    _place: OwnedSemaphorePermit,
    writes: Vec<RegistrationWrite>,
    by: Origin,
    at: OffsetDateTime,
    answer: oneshot::Sender<Result<Vec<WrittenProject>, StoreError>>,
}

impl Call {
    /// Returns `true` if the call has no condition of its own whose failure would also fail the
    /// other calls in its transaction.
    fn can_share(&self) -> bool {
        let is_unconditional = |write: &RegistrationWrite| {
            write.only_if == Precondition::Always && !matches!(write.mode, WriteMode::Patch(..))
        };
        self.writes.iter().all(is_unconditional)
    }
}

impl WaitingCalls {
    /// Appends a call and returns its id.
    fn push(&self, mut call: Call) -> u64 {
        let mut waiting = self.0.lock();
        waiting.last_id += 1;
        call.id = waiting.last_id;
        waiting.calls.push_back(call);
        waiting.last_id
    }

    /// Removes a call that still waits.
    fn withdraw(&self, id: u64) -> Option<Call> {
        let mut waiting = self.0.lock();
        let place = waiting.calls.iter().position(|call| call.id == id)?;
        waiting.calls.remove(place)
    }

    /// Returns the id of the first call.
    fn first(&self) -> Option<u64> {
        self.0.lock().calls.front().map(|call| call.id)
    }

    /// Takes the first call and those behind it that can share its transaction.
    fn take(&self) -> Vec<Call> {
        let waiting = &mut self.0.lock().calls;
        let Some(first) = waiting.pop_front() else { return Vec::new() };
        let mut count = first.writes.len();
        let (by, takes_others) = (first.by, first.can_share());
        let mut calls = vec![first];
        while let Some(next) = waiting.front().filter(|_| takes_others) {
            count += next.writes.len();
            if next.by != by || !next.can_share() || count > TOGETHER {
                break;
            }
            calls.extend(waiting.pop_front());
        }
        calls
    }
}

impl Journal {
    /// Registers projects and mirrors the result. A write that does not get its turn within
    /// [`TURN_WITHIN`](super::turns::TURN_WITHIN) is refused and never applied.
    pub(crate) async fn register(
        self: &Arc<Self>,
        writes: Vec<RegistrationWrite>,
        by: Origin,
        at: OffsetDateTime,
    ) -> Result<Vec<WrittenProject>, StoreError> {
        let (answer, answered) = oneshot::channel();
        let place = self.note_client_write(self.turns.enter(writes.len()))?;
        let id = self.calls.push(Call { id: 0, _place: place, writes, by, at, answer });
        // A turn runs to its end even if the caller is dropped.
        tokio::spawn(Arc::clone(self).take_turn(id));
        let unanswered = |_| StoreError::Failed("a registration was not answered".into());
        let answer = answered.await.map_err(unanswered)?;
        self.note_client_write(answer)
    }

    /// Waits for a turn and writes the calls that wait then. At the deadline, the call with this id
    /// is refused.
    ///
    /// Each call starts one turn, so there are never fewer turns than waiting calls. An earlier turn
    /// may answer the call.
    async fn take_turn(self: Arc<Self>, id: u64) {
        let mut own = id;
        loop {
            if let Some(_turn) = self.turns.next(&self.writing).await {
                return self.register_together(self.calls.take()).await;
            }
            if let Some(Call { answer, .. }) = self.calls.withdraw(own) {
                let _ = answer.send(Err(StoreError::Busy(BusyWith::Writes)));
                return;
            }
            // Another turn took this call, perhaps instead of one that is left without a turn.
            let Some(first) = self.calls.first() else { return };
            own = first;
        }
    }

    async fn register_together(&self, mut calls: Vec<Call>) {
        if calls.len() < 2 {
            if let Some(alone) = calls.pop() {
                self.register_alone(alone).await;
            }
            return;
        }
        let all: Vec<_> = calls.iter().flat_map(|call| &call.writes).cloned().collect();
        let newest = calls.iter().map(|call| (call.by, call.at)).max_by_key(|&(_, at)| at);
        let Some((by, at)) = newest else { return };
        match self.note_write(self.stores.catalog.register(&all, by, at).await) {
            Ok(registered) => self.answer_all(calls, &registered),
            // One call caused the error, and the others must not fail because of it.
            Err(error) if error.prospect() == Prospect::Permanent => {
                for call in calls {
                    self.register_alone(call).await;
                }
            }
            Err(error) => {
                for Call { answer, .. } in calls {
                    // A caller that was dropped does not receive it.
                    let _ = answer.send(Err(error.for_another_call()));
                }
            }
        }
    }

    fn answer_all(&self, calls: Vec<Call>, registered: &[Registered]) {
        let mut rest = registered;
        let mut answers = Vec::new();
        for Call { writes, answer, .. } in calls {
            let part;
            (part, rest) = rest.split_at(writes.len().min(rest.len()));
            answers.push((answer, self.mirror_all(part)));
        }
        self.publish(registered.iter().filter_map(|one| one.change.clone()));
        for (answer, written) in answers {
            let _ = answer.send(Ok(written));
        }
    }

    async fn register_alone(&self, Call { writes, by, at, answer, .. }: Call) {
        let registered = self.note_write(self.stores.catalog.register(&writes, by, at).await);
        let written = registered.inspect_err(|error| self.learn_from(error)).map(|registered| {
            let written = self.mirror_all(&registered);
            self.publish(registered.into_iter().filter_map(|one| one.change));
            written
        });
        let _ = answer.send(written);
    }

    fn mirror_all(&self, registered: &[Registered]) -> Vec<WrittenProject> {
        registered.iter().map(|one| self.mirror.register(one)).collect()
    }
}
