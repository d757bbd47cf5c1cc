//! Rows of runs and targets.

use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use federation_domain::{
    ActionRun, ActionRunRecord, ActionTarget, ActionTargetRecord, OutcomeCounts,
};

use crate::load::report;
use crate::schema::{action_runs, action_targets};
use crate::timestamp::time_of;

/// A row of `action_runs`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = action_runs, check_for_backend(Sqlite))]
pub(super) struct StoredRun {
    id: String,
    action: String,
    params: String,
    timeout_ms: i64,
    max_concurrency: i64,
    idempotent: i64,
    include_offline: i64,
    status: String,
    actor: String,
    created_at: String,
    ended_at: Option<String>,
    counts: String,
}

impl StoredRun {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Returns the counts of a run that has ended.
    pub(super) fn final_counts(&self) -> Option<OutcomeCounts> {
        self.ended_at.as_ref().and_then(|_| OutcomeCounts::parse(&self.counts))
    }

    /// Parses the row. Logs an error and returns `None` if it does not parse.
    pub(super) fn readable(self, counts: OutcomeCounts) -> Option<ActionRun> {
        let row = ActionRunRecord {
            id: self.id,
            action: self.action,
            params: self.params,
            timeout_ms: self.timeout_ms,
            max_concurrency: self.max_concurrency,
            idempotent: self.idempotent != 0,
            include_offline: self.include_offline != 0,
            status: self.status,
            actor: self.actor,
            created_at: time_of(&self.created_at).map_err(Into::into),
            ended_at: self.ended_at.as_deref().map(time_of).transpose().map_err(Into::into),
            counts,
        };
        row.parse().map_err(|error| report(&error)).ok()
    }
}

/// A row of `action_targets`.
#[derive(Queryable, Selectable)]
#[diesel(table_name = action_targets, check_for_backend(Sqlite))]
pub(super) struct StoredTarget {
    project: String,
    outcome: Option<String>,
    asked_at: Option<String>,
    accepted: i64,
    percent: Option<i64>,
    ended_at: Option<String>,
    result: Option<String>,
    error: Option<String>,
}

impl StoredTarget {
    /// Parses the row. Logs an error and returns `None` if it does not parse.
    pub(super) fn readable(self) -> Option<ActionTarget> {
        let row = ActionTargetRecord {
            project: self.project,
            outcome: self.outcome,
            asked_at: self.asked_at.as_deref().map(time_of).transpose().map_err(Into::into),
            accepted: self.accepted != 0,
            percent: self.percent,
            ended_at: self.ended_at.as_deref().map(time_of).transpose().map_err(Into::into),
            result: self.result,
            error: self.error,
        };
        row.parse().map_err(|error| report(&error)).ok()
    }
}
