//! Evaluation of the rules about incidents, by one replica at a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use federation_domain::{
    Actor, EvaluatorClaim, INCIDENT, Incident, IncidentChange, IncidentId, IncidentKind,
    IncidentRule, IncidentWrite, IncidentsVersion, LiveIncidents, LogEntry, LogPosition, Prospect,
    Slug, StoreError, decide_incidents, error_chain,
};
use time::OffsetDateTime;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::Incidents;
use super::notices::Told;
use super::rule_board::RuleBoard;
use super::rule_watch::RuleWatch;
use super::statuses::Statuses;
use super::world::members;
use crate::bisection::store_acceptable;
use crate::changes::{ChangeFeed, ChangeWatcher, WatchEvent};
use crate::incident_table::MAX_RESOLVED;
use crate::rejected_writes::RejectedWrite;

/// Interval of evaluations, because time passes.
const EVERY: Duration = Duration::from_secs(1);

/// Time for which entries are collected before an evaluation.
const COLLECT: Duration = Duration::from_millis(20);

/// Maximum number of changes of incidents of metric rules in one evaluation.
const MAX_METRIC_CHANGES: usize = 100;

/// Time for which a replica claims the evaluation, and the rest of it at which the claim is renewed.
const CLAIM: Duration = Duration::from_secs(10);
const RENEW: Duration = Duration::from_secs(6);

/// Time for which an incident is left out of writes after the store rejected it for good.
const REJECTED_FOR: Duration = Duration::from_secs(60);

/// Applies the rules about incidents. Every replica runs one, and one at a time evaluates: the one whose
/// claim the store holds. If it dies, its claim ends and another replica continues from the store.
///
/// Decisions about statuses depend on the log and on the listening periods in the store, never on what
/// this replica hears. Those of metric rules depend on the verdicts of a [`RuleWatch`]. A decision is
/// stored only if the incidents have not changed meanwhile, so two replicas that both believe to have the
/// claim do no harm.
pub struct IncidentEvaluator {
    incidents: Incidents,
    changes: ChangeFeed,
    rule: IncidentRule,
    board: Option<Arc<RuleBoard>>,
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
    /// Incidents whose changes the store rejected for good.
    rejected: RejectedIncidents,
    /// A person changed an incident, so that `live` has to be read again.
    is_outdated: bool,
    /// Events that no decision stores and that are in the outbox.
    told: Told,
}

impl IncidentEvaluator {
    pub(crate) fn new(
        incidents: Incidents,
        changes: ChangeFeed,
        rule: IncidentRule,
        owner: String,
    ) -> Self {
        let board = None;
        Self { incidents, changes, rule, board, owner, evaluation: None, is_logged: false }
    }

    /// Applies the verdicts of a watch of metric rules, which runs beside this evaluator. Without one,
    /// incidents of metric rules stay as they are.
    #[must_use]
    pub fn with_rules(mut self, watch: Option<&RuleWatch>) -> Self {
        self.board = watch.map(RuleWatch::board);
        self
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
        let done = self.evaluate().await;
        if let (Some(board), None) = (&self.board, &self.evaluation) {
            board.clear();
        }
        done
    }

    async fn evaluate(&mut self) -> Result<(), StoreError> {
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
        self.decide().await?;
        // After the decision, so that reads of the outbox do not delay it.
        match &mut self.evaluation {
            Some(Evaluation { is_outdated: false, live, told, .. }) => {
                self.incidents.notify_of_time(live, told, now).await
            }
            _ => Ok(()),
        }
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
            rejected: RejectedIncidents::default(),
            is_outdated: false,
            told: Told::new(),
        });
        Ok(())
    }

    /// Decides and stores the decision.
    async fn decide(&mut self) -> Result<(), StoreError> {
        let Some(evaluation) = &mut self.evaluation else { return Ok(()) };
        let now = self.incidents.0.catalog.now();
        let metrics = self.board.as_ref().map(|board| board.verdicts(now)).unwrap_or_default();
        let (statuses, started_at) = (&evaluation.statuses, evaluation.started_at);
        let facts = self.incidents.facts(statuses, metrics, &self.rule, started_at).await?;
        let (live, next_id) = (&evaluation.live, evaluation.next_id);
        let mut changes = decide_incidents(live, &facts, &self.rule, next_id);
        changes.retain(|change| !evaluation.rejected.contains(&change.incident, facts.now));
        // Outages never wait for metric rules, and are not rejected with them.
        let is_metric = |change: &IncidentChange| change.incident.kind == IncidentKind::Metric;
        let (mut of_rules, others): (Vec<_>, Vec<_>) = changes.into_iter().partition(is_metric);
        of_rules.truncate(MAX_METRIC_CHANGES);
        let is_changed = !others.is_empty() || !of_rules.is_empty();
        for changes in [others, of_rules] {
            if !changes.is_empty() {
                evaluation.store_all(&self.incidents, &changes, facts.now).await?;
            }
        }
        if is_changed {
            evaluation.forget_statuses();
            evaluation.live.forget_before(facts.now - self.rule.reopen_within);
        }
        if let Some(board) = &self.board {
            board.show(&evaluation.live);
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

    /// Stores changes. Those that the store rejects for good are isolated, and left out for a while.
    async fn store_all(
        &mut self,
        incidents: &Incidents,
        changes: &[IncidentChange],
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        let evaluation = tokio::sync::Mutex::new(self);
        let stored = store_acceptable(changes, |part| {
            let evaluation = &evaluation;
            async move { evaluation.lock().await.store(incidents, part, now).await }
        });
        let rejected = stored.await.map_err(|(error, _)| error)?;
        let evaluation = evaluation.into_inner();
        let Some(error) = &rejected.first else { return Ok(()) };
        for place in rejected.places {
            let incident = &changes[place].incident;
            let subject = incident.root.as_ref().map_or("", Slug::as_str);
            let rejections = incidents.0.journal.rejections();
            rejections.report(RejectedWrite::Incident, subject, error);
            evaluation.rejected.add(incident, now);
        }
        Ok(())
    }

    /// Stores changes that are accepted or rejected together.
    async fn store(
        &mut self,
        incidents: &Incidents,
        changes: Vec<IncidentChange>,
        now: OffsetDateTime,
    ) -> Result<(), StoreError> {
        if self.is_outdated {
            return Ok(());
        }
        let newest = changes.iter().map(|change| change.incident.id.0 + 1).max();
        let next_id = IncidentId(newest.unwrap_or_default().max(self.next_id.0));
        let notifications = incidents.notifications(&self.live, &changes).await?;
        let is_told = !notifications.is_empty();
        let write = IncidentWrite {
            known: self.version,
            next_id,
            changes: changes.clone(),
            notifications,
            cursor: self.watcher.position(),
            at: now,
        };
        if !incidents.0.journal.write_incidents(write).await? {
            // Another replica or a person was faster.
            self.is_outdated = true;
            return Ok(());
        }
        if is_told {
            incidents.0.notifications.wake();
        }
        self.live.apply(&changes);
        self.version.0 += 1;
        self.next_id = next_id;
        Ok(())
    }

    /// Reads the incidents again.
    async fn reload(&mut self, incidents: &Incidents) -> Result<(), StoreError> {
        let recent = self.started_at - Duration::from_secs(60 * 60);
        let store = &incidents.0.journal.stores().incidents;
        let read = store.load_incidents(recent, MAX_RESOLVED).await?;
        let newest = read.incidents.iter().map(|one| one.incident.id.0 + 1).max();
        self.next_id.0 = self.next_id.0.max(newest.unwrap_or_default());
        (self.live, self.version, self.is_outdated) = (read.incidents, read.version, false);
        Ok(())
    }

    fn forget_statuses(&mut self) {
        let needed = members(&self.live);
        self.statuses.forget(|slug| needed.contains(slug));
    }
}

/// Identifies an incident across decisions. Its id does not: one that was never stored is used again.
type Subject = (IncidentKind, Option<Slug>, Option<String>);

/// Incidents that are left out of writes for a while, because the store rejected them.
#[derive(Default)]
struct RejectedIncidents(BTreeMap<Subject, OffsetDateTime>);

impl RejectedIncidents {
    fn add(&mut self, incident: &Incident, now: OffsetDateTime) {
        self.0.retain(|_, at| now - *at < REJECTED_FOR);
        self.0.insert(Self::subject(incident), now);
    }

    fn contains(&self, incident: &Incident, now: OffsetDateTime) -> bool {
        let at = self.0.get(&Self::subject(incident));
        at.is_some_and(|at| (now - *at).abs() < REJECTED_FOR)
    }

    fn subject(incident: &Incident) -> Subject {
        (incident.kind, incident.root.clone(), incident.rule.clone())
    }
}

/// Returns `true` if a person changed an incident.
fn is_edit(entry: &LogEntry) -> bool {
    entry.entity() == INCIDENT && *entry.actor() != Actor::SERVICE
}
