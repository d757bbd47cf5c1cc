//! Rows of runs and targets.

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Json, Nullable, Timestamptz, Varchar};
use federation_domain::{
    ActionRun, ActionRunRecord, ActionTarget, ActionTargetRecord, OutcomeCounts,
};

use crate::load::report;
use crate::row::{JsonText, time_of};

/// A row of `action_runs`.
#[derive(QueryableByName)]
pub(super) struct StoredRun {
    #[diesel(sql_type = Varchar)]
    id: String,
    #[diesel(sql_type = Varchar)]
    action: String,
    #[diesel(sql_type = Json)]
    params: JsonText,
    #[diesel(sql_type = BigInt)]
    timeout_ms: i64,
    #[diesel(sql_type = BigInt)]
    max_concurrency: i64,
    #[diesel(sql_type = Bool)]
    idempotent: bool,
    #[diesel(sql_type = Bool)]
    include_offline: bool,
    #[diesel(sql_type = Varchar)]
    status: String,
    #[diesel(sql_type = Varchar)]
    actor: String,
    #[diesel(sql_type = Timestamptz)]
    created_at: PgTimestamp,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ended_at: Option<PgTimestamp>,
    #[diesel(sql_type = Varchar)]
    counts: String,
}

impl StoredRun {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the counts of a run that has ended.
    pub(super) fn final_counts(&self) -> Option<OutcomeCounts> {
        self.ended_at.and_then(|_| OutcomeCounts::parse(&self.counts))
    }

    /// Parses the row. Logs an error and returns `None` if it does not parse.
    pub(super) fn readable(self, counts: OutcomeCounts) -> Option<ActionRun> {
        let row = ActionRunRecord {
            id: self.id,
            action: self.action,
            params: self.params.into_text(),
            timeout_ms: self.timeout_ms,
            max_concurrency: self.max_concurrency,
            idempotent: self.idempotent,
            include_offline: self.include_offline,
            status: self.status,
            actor: self.actor,
            created_at: time_of(self.created_at).map_err(Into::into),
            ended_at: self.ended_at.map(time_of).transpose().map_err(Into::into),
            counts,
        };
        row.parse().map_err(|error| report(&error)).ok()
    }
}

/// A row of `action_targets`.
#[derive(QueryableByName)]
pub(super) struct StoredTarget {
    #[diesel(sql_type = Varchar)]
    project: String,
    #[diesel(sql_type = Nullable<Varchar>)]
    outcome: Option<String>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    asked_at: Option<PgTimestamp>,
    #[diesel(sql_type = Bool)]
    accepted: bool,
    #[diesel(sql_type = Nullable<BigInt>)]
    percent: Option<i64>,
    #[diesel(sql_type = Nullable<Timestamptz>)]
    ended_at: Option<PgTimestamp>,
    #[diesel(sql_type = Nullable<Json>)]
    result: Option<JsonText>,
    #[diesel(sql_type = Nullable<Varchar>)]
    error: Option<String>,
}

impl StoredTarget {
    /// Parses the row. Logs an error and returns `None` if it does not parse.
    pub(super) fn readable(self) -> Option<ActionTarget> {
        let row = ActionTargetRecord {
            project: self.project,
            outcome: self.outcome,
            asked_at: self.asked_at.map(time_of).transpose().map_err(Into::into),
            accepted: self.accepted,
            percent: self.percent,
            ended_at: self.ended_at.map(time_of).transpose().map_err(Into::into),
            result: self.result.map(JsonText::into_text),
            error: self.error,
        };
        row.parse().map_err(|error| report(&error)).ok()
    }
}
