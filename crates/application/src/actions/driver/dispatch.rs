//! Asking targets: each is recorded before it is sent.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use federation_domain::{ActionDecision, ActionRequest, ActionTarget, Slug, StoreError, to_micros};

use time::OffsetDateTime;

use super::super::unstored::pending_targets;
use super::{DriverState, RunDriver};
use crate::presence::ProjectState;

/// Maximum number of targets that are recorded at once, so that a call stays short.
const BATCH: usize = 1_000;

/// Size of unstored results above which they are stored before more targets are recorded.
const STORED_FIRST: usize = 4 * 1024 * 1024;

/// Size of unstored results above which no more targets are sent. Each in flight may add one.
const MAX_UNSTORED: usize = 16 * 1024 * 1024;

/// Longest time between the record and the request.
const SENT_WITHIN: Duration = Duration::from_secs(1);

impl RunDriver {
    /// Records waiting targets as asked and sends as many as may be in flight.
    pub(super) async fn dispatch(&mut self) -> Result<(), StoreError> {
        while self.state != DriverState::Over
            && self.shared.connection().is_some()
            && !self.stopping.is_cancelled()
            && self.unstored.bytes() < STORED_FIRST
        {
            let (projects, at) = match &self.recording {
                Some(recording) => recording.clone(),
                None => (self.next_targets().into(), to_micros(self.shared.now())),
            };
            if projects.is_empty() {
                return Ok(());
            }
            self.recording = Some((Arc::clone(&projects), at));
            let (store, owner) =
                (Arc::clone(&self.shared.stores().actions), Arc::clone(&self.owner));
            let call = store.record_dispatch(self.run.id, &owner, &projects, at);
            let recorded = self.during(call).await;
            let recorded = self.shared.journal.note_write(recorded)?;
            self.recording = None;
            self.lookahead.adapt(self.shared.monotonic(), self.ended, self.ready.is_empty());
            let is_complete = recorded.len() == projects.len();
            if !is_complete {
                let recorded: HashSet<&Slug> = recorded.iter().collect();
                let left = projects.iter().filter(|project| !recorded.contains(project));
                self.waiting.extend(left.cloned());
            }
            self.ready.extend(recorded.into_iter().map(|project| (project, at)));
            self.send_ready();
            if !is_complete {
                return self.find_out().await;
            }
        }
        Ok(())
    }

    /// Returns the number of targets to record now.
    pub(super) fn room(&self) -> usize {
        let mine = self.run.order.max_concurrency.get().saturating_sub(self.in_flight.len());
        let room = mine.min(self.shared.in_flight.available_permits()) + self.lookahead.targets();
        room.saturating_sub(self.ready.len()).min(BATCH)
    }

    /// Takes targets that may be asked now. Others end.
    fn next_targets(&mut self) -> Vec<Slug> {
        let room = self.room();
        let mut projects = Vec::new();
        while projects.len() < room
            && let Some(project) = self.waiting.pop_front()
        {
            match self.decide(self.shared.catalog.find(&project).ok().as_ref()) {
                ActionDecision::Ask => projects.push(project),
                ActionDecision::Skip(reason) => self.skip(project, &reason),
            }
        }
        projects
    }

    fn decide(&self, state: Option<&ProjectState>) -> ActionDecision {
        self.shared.decide(state, &self.order, &self.run.actor)
    }

    /// Sends targets that are recorded, while there is room for them in flight.
    pub(super) fn send_ready(&mut self) {
        while self.in_flight.len() < self.run.order.max_concurrency.get()
            && self.shared.in_flight.available_permits() > 0
            && self.unstored.bytes() < MAX_UNSTORED
            && self.shared.connection().is_some()
            && !self.signals.lost.load(Ordering::SeqCst)
            && !self.stopping.is_cancelled()
            && self.stopped().is_none()
            && let Some((project, at)) = self.ready.pop_front()
        {
            if self.is_old(at) {
                self.unrecord(project);
            } else {
                self.ask(project, at);
            }
        }
    }

    /// Returns `true` if a target that was recorded then must not be sent any more: this replica may have
    /// lost the lease.
    fn is_old(&self, at: OffsetDateTime) -> bool {
        (self.shared.now() - at).unsigned_abs() > SENT_WITHIN
    }

    /// Has targets that could not be sent in time wait again.
    pub(super) fn forget_old(&mut self) {
        while self.ready.front().is_some_and(|(_, at)| self.is_old(*at))
            && let Some((project, _)) = self.ready.pop_front()
        {
            self.unrecord(project);
        }
    }

    /// Has all targets wait again that may be recorded as asked. They were certainly not sent.
    pub(super) fn forget_dispatch(&mut self) {
        let recording = self.recording.take().map(|(projects, _)| projects);
        let recording = recording.iter().flat_map(|projects| projects.iter().cloned());
        let ready = std::mem::take(&mut self.ready).into_iter().map(|(project, _)| project);
        for project in ready.chain(recording) {
            self.unrecord(project);
        }
    }

    fn unrecord(&mut self, project: Slug) {
        self.keep(ActionTarget::waiting(project.clone()));
        self.waiting.push_front(project);
    }

    /// Sends a request that is recorded, unless the project must not be asked any more.
    fn ask(&mut self, project: Slug, at: OffsetDateTime) {
        let state = self.shared.catalog.find(&project).ok();
        if let ActionDecision::Skip(reason) = self.decide(state.as_ref()) {
            return self.skip(project, &reason);
        }
        let namespace = state.and_then(|state| state.project.mesh_namespace);
        let permit = Arc::clone(&self.shared.in_flight).try_acquire_owned();
        let (Some(subject), Some(namespace), Ok(permit)) = (&self.subject, namespace, permit)
        else {
            return self.unrecord(project);
        };
        let request = ActionRequest {
            run: self.run.id,
            project: project.clone(),
            namespace,
            subject: Arc::clone(subject),
            order: Arc::clone(&self.order),
            at: self.shared.now(),
        };
        let mut target = ActionTarget::waiting(project);
        target.ask(at);
        if let Some(mut unsent) = self.in_flight.send(&request, target, permit) {
            unsent.fail_to_send(self.shared.now());
            self.keep(unsent);
        }
    }

    /// Finds out why the store did not record a dispatch. The next attempt is after a pause.
    async fn find_out(&mut self) -> Result<(), StoreError> {
        self.state = DriverState::Retrying;
        let id = self.run.id;
        let store = Arc::clone(&self.shared.stores().actions);
        // Stores outcomes that were reached meanwhile, so that these targets are not asked again.
        self.store().await?;
        if self.state == DriverState::Over || !store.store_targets(id, &self.owner, &[]).await? {
            self.lose();
            return Ok(());
        }
        let Some(run) = store.find_run(id).await? else {
            self.lose();
            return Ok(());
        };
        self.run.status = run.status;
        let (stored, _) = pending_targets(store.as_ref(), id).await?;
        let waits = |target: &&ActionTarget| {
            let project = &target.project;
            target.is_waiting() && !self.in_flight.has(project) && !self.unstored.has(project)
        };
        self.waiting = stored.iter().filter(waits).map(|target| target.project.clone()).collect();
        Ok(())
    }
}
