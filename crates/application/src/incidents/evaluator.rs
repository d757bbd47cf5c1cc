//! Evaluation of the rules about incidents, by one replica at a time.

use std::time::Duration;

use federation_domain::{
    Actor, EvaluatorClaim, INCIDENT, IncidentId, IncidentRule, IncidentWrite, IncidentsVersion,
    LiveIncidents, LogEntry, LogPosition, Prospect, StoreError, decide_incidents, error_chain,
};
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::Incidents;
use super::statuses::Statuses;
use super::world::members;
use crate::changes::{ChangeFeed, ChangeWatcher, WatchEvent};
use crate::incident_table::MAX_RESOLVED;

/// Interval of evaluations, because time passes.
const EVERY: Duration = Duration::from_secs(1);

/// Time for which entries are collected before an evaluation.
const COLLECT: Duration = Duration::from_millis(20);

/// Interval at which notifications that no decision stores are looked for.
const NOTIFY_EVERY: Duration = Duration::from_secs(60);

/// Time for which a replica claims the evaluation, and the rest of it at which the claim is renewed.
const CLAIM: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(6);

/// Applies the rules about incidents. Every replica runs one, and one at a time evaluates: the one whose
/// claim the store holds. If it dies, its claim ends and another replica continues from the store.
///
/// Decisions depend on the log and on the listening periods in the store, never on what this replica
/// hears. A decision is stored only if the incidents have not changed meanwhile, so two replicas that
/// both believe to have the claim do no harm.
pub struct IncidentEvaluator {
    incidents: Incidents,
    changes: ChangeFeed,
    rule: IncidentRule,
    owner: String,
    evaluation: Option<Evaluation>,
    is_logged: bool,
}

/// State of the replica that evaluates.
struct Evaluation {
    started_at: OffsetDateTime,
    claimed_until: OffsetDateTime,
    watcher: ChangeWatcher,
    statuses: Statuses,
    live: LiveIncidents,
    version: IncidentsVersion,
    next_id: IncidentId,
    /// A person changed an incident, so that `live` has to be read again.
    is_outdated: bool,
    /// Time at which notifications that no decision stores were looked for.
    notified_at: Option<OffsetDateTime>,
}

impl IncidentEvaluator {
    pub(crate) fn new(
        incidents: Incidents,
        changes: ChangeFeed,
        rule: IncidentRule,
        owner: String,
    ) -> Self {
        Self { incidents, changes, rule, owner, evaluation: None, is_logged: false }
    }

    /// Evaluates every second and whenever a status changes, until cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut rounds = interval(EVERY);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => break,
                _ = rounds.tick() => {}
                () = self.entry_arrived() => sleep(COLLECT).await,
            }
            // A step that is interrupted is repeated by the next evaluator.
            let Some(done) = cancel.run_until_cancelled(self.step()).await else { break };
            self.note(done);
        }
        let store = &self.incidents.0.journal.stores().incidents;
        if self.evaluation.is_some()
            && let Err(error) = store.release_evaluation(&self.owner).await
        {
            tracing::debug!(error = error_chain(&error), "claim of the evaluation ends by itself");
        }
    }

    /// Waits for the next entry of the log, which is not taken yet.
    async fn entry_arrived(&mut self) {
        match &mut self.evaluation {
            Some(evaluation) => evaluation.watcher.arrived().await,
            None => std::future::pending().await,
        }
    }

    /// Evaluates once, if this replica has the claim or gets it.
    ///
    /// # Errors
    /// Returns [`StoreError`]; the next call continues.
    pub async fn step(&mut self) -> Result<(), StoreError> {
        let now = self.incidents.0.catalog.now();
        let renew_at = |evaluation: &Evaluation| evaluation.claimed_until - RENEW;
        if self.evaluation.as_ref().is_none_or(|one| now >= renew_at(one)) {
            self.claim(now).await?;
        }
        let Some(evaluation) = &mut self.evaluation else { return Ok(()) };
        if !evaluation.take_entries().await {
            // Entries were missed. The next call starts again from the store.
            self.evaluation = None;
            return Ok(());
        }
        if evaluation.is_outdated {
            evaluation.reload(&self.incidents).await?;
        }
        if evaluation.notified_at.is_none_or(|at| now - at >= NOTIFY_EVERY) {
            self.incidents.notify_of_time(&evaluation.live, now).await?;
            evaluation.notified_at = Some(now);
        }
        self.decide().await
    }

    /// Claims the evaluation or renews the claim.
    async fn claim(&mut self, now: OffsetDateTime) -> Result<(), StoreError> {
        let until = now + CLAIM;
        let claim = EvaluatorClaim { owner: self.owner.clone(), now, until };
        let stores = self.incidents.0.journal.stores();
        let Some(state) = stores.incidents.claim_evaluation(&claim).await? else {
            self.evaluation = None;
            return Ok(());
        };
        if let Some(evaluation) = &mut self.evaluation {
            evaluation.claimed_until = until;
            return Ok(());
        }
        // Entries that arrive while the statuses are read are applied again.
        let Ok(watcher) = self.changes.follow() else { return Ok(()) };
        let recent = now - self.rule.reopen_within;
        let read = stores.incidents.load_incidents(recent, MAX_RESOLVED).await?;
        let statuses = Statuses::read(&self.incidents, members(&read.incidents)).await?;
        tracing::debug!(owner = self.owner, "this replica evaluates the rules about incidents");
        self.evaluation = Some(Evaluation {
            started_at: now,
            claimed_until: until,
            watcher,
            statuses,
            live: read.incidents,
            version: read.version,
            next_id: state.next_id,
            is_outdated: false,
            notified_at: None,
        });
        Ok(())
    }

    /// Decides and stores the decision.
    async fn decide(&mut self) -> Result<(), StoreError> {
        let Some(evaluation) = &mut self.evaluation else { return Ok(()) };
        let facts = self.incidents.facts(&evaluation.statuses, evaluation.started_at).await?;
        let (live, next_id) = (&evaluation.live, evaluation.next_id);
        let changes = decide_incidents(live, &facts, &self.rule, next_id);
        if changes.is_empty() {
            return Ok(());
        }
        let newest = changes.iter().map(|change| change.incident.id.0 + 1).max();
        let next_id = IncidentId(newest.unwrap_or_default().max(next_id.0));
        let notifications = self.incidents.notifications(live, &changes).await?;
        let is_told = !notifications.is_empty();
        let write = IncidentWrite {
            known: evaluation.version,
            next_id,
            changes: changes.clone(),
            notifications,
            cursor: evaluation.watcher.position(),
            at: facts.now,
        };
        if self.incidents.0.journal.write_incidents(write).await? {
            if is_told {
                self.incidents.0.notifications.wake();
            }
            evaluation.live.apply(&changes);
            evaluation.version.0 += 1;
            evaluation.next_id = next_id;
            evaluation.forget_statuses();
            evaluation.live.forget_before(facts.now - self.rule.reopen_within);
        } else {
            // Another replica or a person was faster.
            evaluation.is_outdated = true;
        }
        Ok(())
    }

    /// Logs an outage once.
    fn note(&mut self, done: Result<(), StoreError>) {
        match done {
            Ok(()) => self.is_logged = false,
            Err(error) if error.prospect() == Prospect::Temporary || self.is_logged => {
                tracing::debug!(error = error_chain(&error), "incidents cannot be evaluated");
            }
            Err(error) => {
                tracing::error!(error = error_chain(&error), "incidents cannot be evaluated");
                self.is_logged = true;
            }
        }
    }
}

impl Evaluation {
    /// Takes the entries that have arrived. Returns `false` if some were missed.
    async fn take_entries(&mut self) -> bool {
        loop {
            let event = tokio::select! {
                biased;
                event = self.watcher.next() => event,
                () = std::future::ready(()) => return true,
            };
            match event {
                Ok(WatchEvent::Entries { entries, .. }) => {
                    for entry in entries {
                        self.is_outdated |= is_edit(&entry);
                        self.statuses.take(&entry);
                    }
                }
                Ok(WatchEvent::StartedOver(LogPosition { .. })) | Err(_) => return false,
            }
        }
    }

    /// Reads the incidents again.
    async fn reload(&mut self, incidents: &Incidents) -> Result<(), StoreError> {
        let recent = self.started_at - Duration::from_secs(60 * 60);
        let store = &incidents.0.journal.stores().incidents;
        let read = store.load_incidents(recent, MAX_RESOLVED).await?;
        let newest = read.incidents.iter().map(|one| one.incident.id.0 + 1).max();
        self.next_id.0 = self.next_id.0.max(newest.unwrap_or_default());
        (self.live, self.version, self.is_outdated) = (read.incidents, read.version, false);
        self.notified_at = None;
        Ok(())
    }

    fn forget_statuses(&mut self) {
        let needed = members(&self.live);
        self.statuses.forget(|slug| needed.contains(slug));
    }
}

/// Returns `true` if a person changed an incident.
fn is_edit(entry: &LogEntry) -> bool {
    entry.entity() == INCIDENT && *entry.actor() != Actor::SERVICE
}
