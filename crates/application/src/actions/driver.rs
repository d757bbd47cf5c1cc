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
    recording: Option<(Vec<Slug>, OffsetDateTime)>,
    /// Targets that are recorded as asked and are sent when there is room for them in flight.
    ready: VecDeque<Slug>,
    lookahead: Lookahead,
    in_flight: InFlight,
    unstored: Unstored,
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
            let unsent = std::mem::take(&mut self.ready);
            unsent.into_iter().for_each(|project| self.keep(ActionTarget::waiting(project)));
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
        let recording = self.recording.take().map(|(projects, _)| projects).unwrap_or_default();
        let recorded = std::mem::take(&mut self.ready).into_iter().chain(recording);
        for project in recorded.chain(std::mem::take(&mut self.waiting)) {
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
                    self.lookahead.called_for(self.shared.monotonic().since(began));
                    return result;
                }
                () = self.in_flight.replied() => {
                    self.take_replies();
                    self.send_ready();
                }
            }
        }
    }

    /// Stores the targets that changed.
    async fn store(&mut self) -> Result<(), StoreError> {
        let store = Arc::clone(&self.shared.stores().actions);
        loop {
            let mut batch = self.unstored.take();
            if batch.is_empty() {
                return Ok(());
            }
            let (id, owner) = (self.run.id, Arc::clone(&self.owner));
            let stored = self.during(store.store_targets(id, &owner, &batch)).await;
            match self.shared.journal.note_write(stored) {
                Ok(true) => {}
                Ok(false) => {
                    self.unstored.clear();
                    self.lose();
                    return Ok(());
                }
                Err(error) => {
                    let has_results = batch.iter().any(|target| target.result.is_some());
                    let is_retried = error.prospect() != Prospect::Permanent || !has_results;
                    if !is_retried {
                        batch
                            .iter_mut()
                            .filter(|target| target.result.is_some())
                            .for_each(ActionTarget::drop_result);
                    }
                    self.unstored.put_back(batch);
                    if is_retried {
                        return Err(error);
                    }
                    self.report(&error);
                }
            }
        }
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
            Some(_) => self.logged = (self.ended, now),
        }
        Ok(())
    }

    fn lose(&mut self) {
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
