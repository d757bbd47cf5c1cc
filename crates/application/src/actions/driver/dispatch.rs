//! Asking targets: each is recorded before it is sent.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use federation_domain::{ActionDecision, ActionRequest, ActionTarget, Slug, StoreError, to_micros};

use super::super::unstored::pending_targets;
use super::{DriverState, RunDriver};
use crate::presence::ProjectState;

/// Maximum number of targets that are recorded at once, so that a call stays short.
const BATCH: usize = 1_000;

impl RunDriver {
    /// Records waiting targets as asked and sends as many as may be in flight.
    pub(super) async fn dispatch(&mut self) -> Result<(), StoreError> {
        while self.state != DriverState::Over && self.shared.connection().is_some() {
            let (projects, at) = match self.recording.take() {
                Some(recording) => recording,
                None => (self.next_targets(), to_micros(self.shared.now())),
            };
            if projects.is_empty() {
                return Ok(());
            }
            let store = Arc::clone(&self.shared.stores().actions);
            let (id, owner) = (self.run.id, Arc::clone(&self.owner));
            let recorded = self.during(store.record_dispatch(id, &owner, &projects, at)).await;
            let recorded = match self.shared.journal.note_write(recorded) {
                Ok(recorded) => recorded,
                Err(error) => {
                    self.recording = Some((projects, at));
                    return Err(error);
                }
            };
            let is_complete = recorded.len() == projects.len();
            self.lookahead.adapt(self.shared.monotonic(), self.ended, self.ready.is_empty());
            self.ready.extend(recorded);
            self.send_ready();
            if !is_complete {
                return self.find_out().await;
            }
            if self.unstored.len() >= BATCH {
                // Outcomes may be large.
                return Ok(());
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
            && self.shared.connection().is_some()
            && !self.signals.lost.load(Ordering::SeqCst)
            && self.stopped().is_none()
            && let Some(project) = self.ready.pop_front()
        {
            self.ask(project);
        }
    }

    /// Sends a request that is recorded, unless the project must not be asked any more.
    fn ask(&mut self, project: Slug) {
        let state = self.shared.catalog.find(&project).ok();
        if let ActionDecision::Skip(reason) = self.decide(state.as_ref()) {
            return self.skip(project, &reason);
        }
        let namespace = state.and_then(|state| state.project.mesh_namespace);
        let permit = Arc::clone(&self.shared.in_flight).try_acquire_owned();
        let (Some(subject), Some(namespace), Ok(permit)) = (&self.subject, namespace, permit)
        else {
            // It was not sent, so the store may say that it waits.
            self.unstored.push(ActionTarget::waiting(project.clone()));
            return self.waiting.push_front(project);
        };
        let at = self.shared.now();
        let request = ActionRequest {
            run: self.run.id,
            project: project.clone(),
            namespace,
            subject: Arc::clone(subject),
            order: Arc::clone(&self.order),
            at,
        };
        let mut target = ActionTarget::waiting(project);
        target.ask(to_micros(at));
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
}
