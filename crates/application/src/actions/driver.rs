//! Driver of one run.

mod dispatch;
mod lookahead;

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{
    ActionOrder, ActionRun, ActionTarget, Monotonic, NotAsked, Prospect, RUN_LIMIT, RunStatus,
    Slug, StoreError, error_chain,
};
use time::OffsetDateTime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::lookahead::Lookahead;
use super::in_flight::InFlight;
use super::shared::{Shared, Signals};
use super::unstored::Unstored;

/// Longest pause between two steps, and the pause while something has to be repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Deadline for finishing a step, and for storing outcomes, when the process stops.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Interval of entries about progress in the log.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Drives one run: asks its targets, takes in their replies, and stores the outcomes.
pub(super) struct RunDriver {
    shared: Arc<Shared>,
    signals: Arc<Signals>,
    owner: Arc<str>,
    run: ActionRun,
    order: Arc<ActionOrder>,
    subject: Option<Arc<str>>,
    waiting: VecDeque<Slug>,
    /// Targets that are about to be asked, and the time that is recorded for them. It is not known
    /// yet if that is recorded.
    recording: Option<(Arc<[Slug]>, OffsetDateTime)>,
    /// Targets that are recorded as asked, with the time. They are sent when there is room for them in
    /// flight, unless that takes too long.
    ready: VecDeque<(Slug, OffsetDateTime)>,
    lookahead: Lookahead,
    in_flight: InFlight,
    unstored: Unstored,
    /// Targets that the store has been given. It is not known yet if it has stored them.
    storing: Arc<Vec<ActionTarget>>,
    /// Cancelled when the process stops.
    stopping: CancellationToken,
    /// Number of targets that have ended.
    ended: usize,
    /// That number in the newest entry of the log, and its time.
    logged: (usize, Monotonic),
    state: DriverState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DriverState {
    Working,
    /// The newest call of the store failed.
    Retrying,
    /// The run has ended, or belongs to another replica.
    Over,
}

impl RunDriver {
    /// Takes on a run with its pending targets and the number of the others. Targets that another
    /// process asked are taken over.
    pub(super) fn new(
        shared: Arc<Shared>,
        signals: Arc<Signals>,
        owner: Arc<str>,
        run: ActionRun,
        (targets, ended): (Vec<ActionTarget>, usize),
    ) -> Self {
        let fanout = shared.fanout.as_ref();
        let subject = fanout.and_then(|fanout| fanout.subjects.subject_of(&run.order.action));
        let mut driver = Self {
            logged: (ended, shared.monotonic()),
            in_flight: InFlight::new(Arc::clone(&shared), run.order.timeout.get()),
            subject: subject.map(Arc::from),
            order: Arc::new(run.order.clone()),
            shared,
            signals,
            owner,
            run,
            waiting: VecDeque::new(),
            recording: None,
            ready: VecDeque::new(),
            lookahead: Lookahead::default(),
            unstored: Unstored::default(),
            storing: Arc::default(),
            stopping: CancellationToken::new(),
            ended,
            state: DriverState::Working,
        };
        let now = driver.shared.now();
        for mut target in targets {
            let is_changed = target.take_over(driver.run.order.idempotent, now);
            if target.is_waiting() {
                driver.waiting.push_back(target.project.clone());
            }
            if is_changed {
                driver.keep(target);
            }
        }
        driver
    }

    /// Drives the run until it has ended, belongs to another replica, or the process stops.
    pub(super) async fn run(mut self, cancel: CancellationToken) {
        self.stopping = cancel.clone();
        while self.state != DriverState::Over && !cancel.is_cancelled() {
            let is_late = async {
                cancel.cancelled().await;
                tokio::time::sleep(STOP_WITHIN).await;
            };
            tokio::select! {
                () = self.step() => {}
                () = is_late => break,
            }
            let pause = self.pause();
            if pause.is_zero() {
                continue;
            }
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.in_flight.replied() => {}
                () = self.signals.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        if self.state != DriverState::Over {
            self.take_replies();
            self.forget_dispatch();
            // Whatever is not stored in time is unknown to the replica that takes over.
            let _ = timeout(STOP_WITHIN, self.store()).await;
        }
        self.shared.end(self.run.id);
    }

    /// Returns the number of targets that are recorded as asked and were not sent.
    #[cfg(test)]
    pub(super) fn unsent(&self) -> usize {
        self.ready.len()
    }

    /// Returns `true` if there is nothing left to do.
    #[cfg(test)]
    pub(super) fn is_over(&self) -> bool {
        self.state == DriverState::Over
    }

    /// Does everything that can be done now.
    pub(super) async fn step(&mut self) {
        self.state = DriverState::Working;
        self.take_replies();
        for target in self.in_flight.expire() {
            self.keep(target);
        }
        if let Some(reason) = self.stopped() {
            self.skip_waiting(&reason);
        }
        if let Err(error) = self.proceed().await {
            self.state = DriverState::Retrying;
            self.report(&error);
        }
        if self.signals.lost.load(Ordering::SeqCst) {
            self.state = DriverState::Over;
        }
    }

    async fn proceed(&mut self) -> Result<(), StoreError> {
        self.send_ready();
        self.forget_old();
        self.store().await?;
        self.dispatch().await?;
        self.store().await?;
        self.advance().await
    }

    /// Returns the reason why no further target is asked, if there is one.
    fn stopped(&self) -> Option<NotAsked> {
        let is_cancelled = self.run.status == RunStatus::Cancelling
            || self.signals.cancelled.load(Ordering::SeqCst);
        let age = self.shared.now() - self.run.created_at;
        if self.subject.is_none() {
            Some(NotAsked::SwitchedOff)
        } else if is_cancelled {
            Some(NotAsked::Cancelled)
        } else {
            (age > RUN_LIMIT).then_some(NotAsked::RunLimit)
        }
    }

    /// Ends the targets that wait. Those that may be recorded as asked were certainly not sent.
    fn skip_waiting(&mut self, reason: &NotAsked) {
        self.forget_dispatch();
        for project in std::mem::take(&mut self.waiting) {
            self.skip(project, reason);
        }
    }

    fn skip(&mut self, project: Slug, reason: &NotAsked) {
        let mut target = ActionTarget::waiting(project);
        target.skip(reason, self.shared.now());
        self.keep(target);
    }

    /// Keeps a target that changed, to be stored.
    fn keep(&mut self, target: ActionTarget) {
        if let Some(outcome) = target.outcome {
            self.shared.metrics().action_ended(outcome);
            self.ended += 1;
        }
        self.unstored.push(target);
    }

    fn take_replies(&mut self) {
        for target in self.in_flight.take_replies() {
            self.keep(target);
        }
    }

    /// Waits for a call of the store, and meanwhile takes in replies and sends what is ready.
    async fn during<T>(&mut self, call: impl Future<Output = T>) -> T {
        let mut call = pin!(call);
        let began = self.shared.monotonic();
        loop {
            tokio::select! {
                result = &mut call => {
                    self.lookahead.note_call(self.shared.monotonic().since(began));
                    return result;
                }
                () = self.in_flight.replied() => {
                    self.take_replies();
                    self.send_ready();
                }
            }
        }
    }

    /// Stores the targets that have changed so far. Those that change meanwhile are left to the next call.
    async fn store(&mut self) -> Result<(), StoreError> {
        self.put_back();
        let mut left = self.unstored.len();
        while left > 0 {
            let batch = Arc::new(self.unstored.take());
            left = left.saturating_sub(batch.len());
            self.storing = Arc::clone(&batch);
            let (store, owner) =
                (Arc::clone(&self.shared.stores().actions), Arc::clone(&self.owner));
            let stored = self.during(store.store_targets(self.run.id, &owner, &batch)).await;
            drop(batch);
            match self.shared.journal.note_write(stored) {
                Ok(true) => self.storing = Arc::default(),
                Ok(false) => {
                    self.lose();
                    return Ok(());
                }
                Err(error) => self.store_later(error)?,
            }
        }
        Ok(())
    }

    /// Keeps what was not stored. If the store rejects it for good, results are the reason and are
    /// dropped.
    fn store_later(&mut self, error: StoreError) -> Result<(), StoreError> {
        let batch = Arc::make_mut(&mut self.storing);
        let has_results = batch.iter().any(|target| target.result.is_some());
        if error.prospect() != Prospect::Permanent || !has_results {
            return Err(error);
        }
        batch.iter_mut().filter(|one| one.result.is_some()).for_each(ActionTarget::drop_result);
        self.report(&error);
        self.put_back();
        Ok(())
    }

    /// Takes back what the store was given, if it is not known to have stored it.
    fn put_back(&mut self) {
        let batch = Arc::unwrap_or_clone(std::mem::take(&mut self.storing));
        self.unstored.put_back(batch);
    }

    /// Ends the run if all targets have ended, or logs its progress.
    async fn advance(&mut self) -> Result<(), StoreError> {
        if self.state == DriverState::Over {
            return Ok(());
        }
        let is_ended = self.waiting.is_empty()
            && self.recording.is_none()
            && self.ready.is_empty()
            && self.in_flight.len() == 0
            && self.unstored.len() == 0;
        let (logged, logged_at) = self.logged;
        let now = self.shared.monotonic();
        let is_due = logged != self.ended && now.since(logged_at) >= PROGRESS_EVERY;
        if !is_ended && !is_due {
            return Ok(());
        }
        let store = Arc::clone(&self.shared.stores().actions);
        let (id, owner, at) = (self.run.id, Arc::clone(&self.owner), self.shared.now());
        let write = async move {
            let advanced = store.advance_run(id, &owner, at).await?;
            let (run, entry) = advanced.unzip();
            Ok((run, entry.into_iter().collect()))
        };
        match self.shared.journal.write(write).await? {
            None => self.lose(),
            Some(run) if run.status.is_final() => self.state = DriverState::Over,
            Some(_) if is_ended => {
                let run = self.run.id;
                tracing::error!(%run, "targets of a run were lost track of; it is taken on again");
                self.state = DriverState::Over;
            }
            Some(_) => self.logged = (self.ended, now),
        }
        Ok(())
    }

    fn lose(&mut self) {
        self.storing = Arc::default();
        self.unstored.clear();
        tracing::warn!(run = %self.run.id, "run of an action belongs to another replica now");
        self.state = DriverState::Over;
    }

    fn report(&self, error: &StoreError) {
        let (run, error_text) = (self.run.id, error_chain(error));
        if error.prospect() == Prospect::Temporary {
            tracing::debug!(%run, error = error_text, "run of an action waits for the store");
        } else {
            tracing::error!(%run, error = error_text, "run of an action cannot be stored");
        }
    }

    /// Returns the time until the next step if nothing happens.
    fn pause(&self) -> Duration {
        if self.state == DriverState::Retrying {
            return RETRY_PAUSE;
        }
        let is_connected = self.shared.connection().is_some();
        if self.unstored.len() > 0 || is_connected && self.room() > 0 && !self.waiting.is_empty() {
            return Duration::ZERO;
        }
        if !self.waiting.is_empty() || !self.ready.is_empty() {
            return RETRY_PAUSE;
        }
        self.in_flight.next_expiry().unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)
    }
}
