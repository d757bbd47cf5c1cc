//! Parsing of stored runs and targets, shared by all stores.

use std::error::Error;

use time::OffsetDateTime;

use super::{
    ActionName, ActionOrder, ActionOutcome, ActionParams, ActionRun, ActionTarget, ActionTimeout,
    MaxConcurrency, OutcomeCounts, Percent, RunId, RunStatus,
};
use crate::error::StoreError;
use crate::log::Actor;
use crate::stored::Decoded;
use crate::values::Slug;

/// The columns of a stored run.
#[derive(Debug)]
pub struct ActionRunRecord {
    /// See [`RunId`].
    pub id: String,
    /// See [`ActionName`].
    pub action: String,
    /// JSON text of the parameters.
    pub params: String,
    /// See [`ActionTimeout`].
    pub timeout_ms: i64,
    /// See [`MaxConcurrency`].
    pub max_concurrency: i64,
    /// See [`ActionOrder::idempotent`].
    pub idempotent: bool,
    /// See [`ActionOrder::include_offline`].
    pub include_offline: bool,
    /// See [`RunStatus`].
    pub status: String,
    /// See [`Actor`].
    pub actor: String,
    /// Time of creation.
    pub created_at: Decoded<OffsetDateTime>,
    /// Time of the end.
    pub ended_at: Decoded<Option<OffsetDateTime>>,
    /// Targets by outcome.
    pub counts: OutcomeCounts,
}

impl ActionRunRecord {
    /// Parses the columns.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first column that does not parse.
    pub fn parse(self) -> Result<ActionRun, StoreError> {
        let of = |column| move |error| corrupt("action_runs", column, error);
        let timeout = u64::try_from(self.timeout_ms).ok().and_then(ActionTimeout::from_millis);
        #[expect(clippy::cast_precision_loss, reason = "larger numbers are refused anyway")]
        let max_concurrency = MaxConcurrency::new(self.max_concurrency as f64);
        Ok(ActionRun {
            id: RunId::parse(&self.id).map_err(|e| corrupt("action_runs", "id", e.into()))?,
            order: ActionOrder {
                action: ActionName::parse(&self.action)
                    .map_err(|e| corrupt("action_runs", "action", e.into()))?,
                params: ActionParams::from_json(&self.params)
                    .map_err(|e| corrupt("action_runs", "params", e.into()))?,
                timeout: timeout.ok_or_else(|| {
                    corrupt("action_runs", "timeout_ms", "expected one second to one hour".into())
                })?,
                max_concurrency: max_concurrency
                    .map_err(|e| corrupt("action_runs", "max_concurrency", e.into()))?,
                idempotent: self.idempotent,
                include_offline: self.include_offline,
            },
            status: RunStatus::parse(&self.status)
                .map_err(|e| corrupt("action_runs", "status", e.into()))?,
            actor: Actor::parse(&self.actor),
            created_at: self.created_at.map_err(of("created_at"))?,
            ended_at: self.ended_at.map_err(of("ended_at"))?,
            counts: self.counts,
        })
    }
}

/// The columns of a stored target.
#[derive(Debug)]
pub struct ActionTargetRecord {
    /// Slug of the project.
    pub project: String,
    /// See [`ActionOutcome`].
    pub outcome: Option<String>,
    /// Time of the request.
    pub asked_at: Decoded<Option<OffsetDateTime>>,
    /// See [`ActionTarget::is_accepted`].
    pub accepted: bool,
    /// See [`Percent`].
    pub percent: Option<i64>,
    /// Time of the outcome.
    pub ended_at: Decoded<Option<OffsetDateTime>>,
    /// JSON text of the result.
    pub result: Option<String>,
    /// Explanation of the outcome.
    pub error: Option<String>,
}

impl ActionTargetRecord {
    /// Parses the columns.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first column that does not parse.
    pub fn parse(self) -> Result<ActionTarget, StoreError> {
        let of = |column| move |error| corrupt("action_targets", column, error);
        let outcome = self.outcome.as_deref().map(ActionOutcome::parse).transpose();
        #[expect(clippy::cast_precision_loss, reason = "the number is limited to 100")]
        let percent = self.percent.and_then(|percent| Percent::new(percent as f64));
        Ok(ActionTarget {
            project: Slug::parse(&self.project)
                .map_err(|e| corrupt("action_targets", "project", e.into()))?,
            outcome: outcome.map_err(|e| corrupt("action_targets", "outcome", e.into()))?,
            asked_at: self.asked_at.map_err(of("asked_at"))?,
            is_accepted: self.accepted,
            percent,
            ended_at: self.ended_at.map_err(of("ended_at"))?,
            result: self.result.map(Into::into),
            error: self.error,
        })
    }
}

/// Returns the error of a column. The keys of both tables are texts, so no row number is given.
fn corrupt(
    table: &'static str,
    column: &'static str,
    source: Box<dyn Error + Send + Sync>,
) -> StoreError {
    StoreError::Corrupt { table, column, row: 0, source }
}
