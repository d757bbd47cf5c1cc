//! Driver of one run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{
    ActionDecision, ActionRequest, ActionRun, ActionTarget, Monotonic, NotAsked, Prospect,
    RUN_LIMIT, RunStatus, Slug, StoreError, error_chain, to_micros,
};
use time::OffsetDateTime;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::in_flight::InFlight;
use super::shared::{Shared, Signals};
use super::unstored::{Unstored, pending_targets};

/// Longest pause between two steps, and the pause while something has to be repeated.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
const RETRY_PAUSE: Duration = Duration::from_millis(250);

/// Deadline for finishing a step, and for storing outcomes, when the process stops.
const STOP_WITHIN: Duration = Duration::from_secs(1);

/// Interval of entries about progress in the log.
const PROGRESS_EVERY: Duration = Duration::from_secs(2);

/// Maximum number of targets that are recorded at once, so that a call stays short.
const BATCH: usize = 1_000;

/// Drives one run: asks its targets, takes in their replies, and stores the outcomes.
pub(super) struct RunDriver {
    shared: Arc<Shared>,
    signals: Arc<Signals>,
    owner: Arc<str>,
    run: ActionRun,
    subject: Option<Arc<str>>,
    waiting: VecDeque<Slug>,
    /// Targets that are about to be asked, and the time that is recorded for them. It is not known
    /// yet if that is recorded.
    recording: Option<(Vec<Slug>, OffsetDateTime)>,
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
            shared,
            signals,
            owner,
            run,
            waiting: VecDeque::new(),
            recording: None,
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
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.in_flight.replied() => {}
                () = self.signals.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        if self.state != DriverState::Over {
            self.take_replies();
            // Whatever is not stored in time is unknown to the replica that takes over.
            let _ = timeout(STOP_WITHIN, self.store()).await;
        }
        self.shared.end(self.run.id);
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
        for project in recording.into_iter().chain(std::mem::take(&mut self.waiting)) {
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

    /// Asks as many waiting targets as may be in flight.
    async fn dispatch(&mut self) -> Result<(), StoreError> {
        while self.state != DriverState::Over && self.shared.connection().is_some() {
            let (projects, at) = match self.recording.take() {
                Some(recording) => recording,
                None => (self.next_targets(), to_micros(self.shared.now())),
            };
            if projects.is_empty() {
                return Ok(());
            }
            let store = Arc::clone(&self.shared.stores().actions);
            let recorded = store.record_dispatch(self.run.id, &self.owner, &projects, at).await;
            let recorded = match self.shared.journal.note_write(recorded) {
                Ok(recorded) => recorded,
                Err(error) => {
                    self.recording = Some((projects, at));
                    return Err(error);
                }
            };
            let is_complete = recorded.len() == projects.len();
            recorded.into_iter().for_each(|project| self.ask(project, at));
            if !is_complete {
                return self.find_out().await;
            }
        }
        Ok(())
    }

    /// Takes targets that may be asked now. Others end.
    fn next_targets(&mut self) -> Vec<Slug> {
        let mine = self.run.order.max_concurrency.get().saturating_sub(self.in_flight.len());
        let room = mine.min(self.shared.in_flight.available_permits()).min(BATCH);
        let mut projects = Vec::new();
        while projects.len() < room
            && let Some(project) = self.waiting.pop_front()
        {
            match self.decide(&project) {
                ActionDecision::Ask => projects.push(project),
                ActionDecision::Skip(reason) => self.skip(project, &reason),
            }
        }
        projects
    }

    fn decide(&self, project: &Slug) -> ActionDecision {
        let order = &self.run.order;
        self.shared.decide(project, &order.action, &self.run.actor, order.include_offline)
    }

    /// Sends a request that is recorded, unless the project must not be asked any more.
    fn ask(&mut self, project: Slug, at: OffsetDateTime) {
        if let ActionDecision::Skip(reason) = self.decide(&project) {
            return self.skip(project, &reason);
        }
        let state = self.shared.catalog.find(&project).ok();
        let namespace = state.and_then(|state| state.project.mesh_namespace);
        let permit = Arc::clone(&self.shared.in_flight).try_acquire_owned();
        let (Some(subject), Some(namespace), Ok(permit)) = (&self.subject, namespace, permit)
        else {
            // It was not sent, so the store may say that it waits.
            self.unstored.push(ActionTarget::waiting(project.clone()));
            return self.waiting.push_front(project);
        };
        let request = ActionRequest {
            run: self.run.id,
            project: project.clone(),
            namespace,
            subject: Arc::clone(subject),
            order: Arc::new(self.run.order.clone()),
            at: self.shared.now(),
        };
        let mut target = ActionTarget::waiting(project);
        target.ask(at);
        if let Some(mut unsent) = self.in_flight.send(&request, target, permit) {
            unsent.fail_to_send(self.shared.now());
            self.keep(unsent);
        }
    }

    /// Finds out why the store did not record a dispatch.
    async fn find_out(&mut self) -> Result<(), StoreError> {
        let id = self.run.id;
        let store = Arc::clone(&self.shared.stores().actions);
        let Some(run) = store.find_run(id).await? else {
            self.state = DriverState::Over;
            return Ok(());
        };
        self.run.status = run.status;
        // Stores outcomes that were reached meanwhile, so that these targets are not asked again.
        self.store().await?;
        let (stored, _) = pending_targets(store.as_ref(), id).await?;
        let waits =
            |target: &&ActionTarget| target.is_waiting() && !self.in_flight.has(&target.project);
        self.waiting = stored.iter().filter(waits).map(|target| target.project.clone()).collect();
        Ok(())
    }

    /// Stores the targets that changed.
    async fn store(&mut self) -> Result<(), StoreError> {
        let store = Arc::clone(&self.shared.stores().actions);
        loop {
            let batch = self.unstored.batch();
            let count = batch.len();
            if count == 0 {
                return Ok(());
            }
            let stored = store.store_targets(self.run.id, &self.owner, batch).await;
            match self.shared.journal.note_write(stored) {
                Ok(true) => self.unstored.stored(count),
                Ok(false) => {
                    self.unstored.clear();
                    self.lose();
                    return Ok(());
                }
                Err(error) => {
                    let has_results = batch.iter().any(|target| target.result.is_some());
                    if error.prospect() != Prospect::Permanent || !has_results {
                        return Err(error);
                    }
                    let with_results = batch.iter_mut().filter(|target| target.result.is_some());
                    with_results.for_each(ActionTarget::drop_result);
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
        let is_ended =
            self.waiting.is_empty() && self.recording.is_none() && self.in_flight.len() == 0;
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
        if self.state == DriverState::Retrying || !self.waiting.is_empty() {
            return RETRY_PAUSE;
        }
        self.in_flight.next_expiry().unwrap_or(LONGEST_PAUSE).min(LONGEST_PAUSE)
    }
}
