//! Rows of the table `project_metrics`.

use diesel::prelude::*;
use diesel::sql_query;
use diesel::sql_types::{BigInt, Bool, Double, Nullable, Text};
use federation_domain::{ProjectId, RunQuery, RunRecord, SeriesRun, Tier, newest_of_each};
use time::{Duration, OffsetDateTime};

use super::table;
use crate::error::SqliteError;
use crate::timestamp::{text_of, time_of};

/// Statement that stores a run. `{table}` stands for the table of the tier, as in the others.
const STORE: &str = "
    INSERT INTO {table} AS m (
        project_id, metric_type, window_at, observed_at, until_at, samples, value_number,
        value_text, value_sum, value_min, value_max, is_constant, source)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
    ON CONFLICT (project_id, metric_type, window_at) DO UPDATE SET
        observed_at = excluded.observed_at, until_at = excluded.until_at,
        samples = excluded.samples, value_number = excluded.value_number,
        value_text = excluded.value_text, value_sum = excluded.value_sum,
        value_min = excluded.value_min, value_max = excluded.value_max,
        is_constant = excluded.is_constant, source = excluded.source
    WHERE excluded.samples > m.samples";

/// Finds the types of a project by one descent of the index for each.
const NEWEST: &str = "
    WITH RECURSIVE series (metric_type) AS (
        SELECT min(metric_type) FROM {table} WHERE project_id = ?1
        UNION ALL
        SELECT (SELECT min(m.metric_type) FROM {table} AS m
                WHERE m.project_id = ?1 AND m.metric_type > s.metric_type)
        FROM series AS s WHERE s.metric_type IS NOT NULL
    )
    SELECT m.* FROM series AS s JOIN {table} AS m
        ON m.project_id = ?1 AND m.metric_type = s.metric_type
        AND m.window_at = (SELECT max(n.window_at) FROM {table} AS n
                           WHERE n.project_id = ?1 AND n.metric_type = s.metric_type)";

/// A run is at most a day long. Formatted times sort chronologically.
const BETWEEN: &str = "
    SELECT * FROM {table}
    WHERE project_id = ?1 AND (?2 IS NULL OR metric_type = ?2)
      AND window_at >= ?3 AND window_at < ?5 AND until_at >= ?4 AND observed_at < ?5
    ORDER BY metric_type, window_at";

/// Rows are inserted in the order of time, except for late samples, which are at most a day late. So
/// the rows to delete are among the first ones.
const DELETE: &str = "
    DELETE FROM {table}
    WHERE id IN (SELECT id FROM {table} ORDER BY id LIMIT 5000) AND window_at < ?1";

/// A row of the table.
#[derive(QueryableByName)]
struct RunRow {
    #[diesel(sql_type = BigInt)]
    project_id: i64,
    #[diesel(sql_type = Text)]
    metric_type: String,
    #[diesel(sql_type = Text)]
    window_at: String,
    #[diesel(sql_type = Text)]
    observed_at: String,
    #[diesel(sql_type = Text)]
    until_at: String,
    #[diesel(sql_type = BigInt)]
    samples: i64,
    #[diesel(sql_type = Nullable<Double>)]
    value_number: Option<f64>,
    #[diesel(sql_type = Nullable<Text>)]
    value_text: Option<String>,
    #[diesel(sql_type = Nullable<Double>)]
    value_sum: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    value_min: Option<f64>,
    #[diesel(sql_type = Nullable<Double>)]
    value_max: Option<f64>,
    #[diesel(sql_type = Bool)]
    is_constant: bool,
    #[diesel(sql_type = Text)]
    source: String,
}

impl RunRow {
    fn parse(self) -> Result<SeriesRun, Box<dyn std::error::Error + Send + Sync>> {
        let record = RunRecord {
            project_id: self.project_id,
            metric_type: self.metric_type,
            window_at: time_of(&self.window_at)?,
            observed_at: time_of(&self.observed_at)?,
            until_at: time_of(&self.until_at)?,
            samples: self.samples,
            value_number: self.value_number,
            value_text: self.value_text,
            value_sum: self.value_sum,
            value_min: self.value_min,
            value_max: self.value_max,
            is_constant: self.is_constant,
            source: self.source,
        };
        Ok(record.parse()?)
    }
}

/// Stores runs. The caller has begun an immediate transaction.
pub(crate) fn store(
    connection: &mut SqliteConnection,
    tier: Tier,
    runs: &[SeriesRun],
) -> Result<(), SqliteError> {
    let time = |at| text_of(at).map_err(SqliteError::failed);
    let store = of_tier(STORE, tier);
    for SeriesRun { project, metric, run } in runs {
        sql_query(&store)
            .bind::<BigInt, _>(project.0)
            .bind::<Text, _>(metric.as_str())
            .bind::<Text, _>(time(run.window_at)?)
            .bind::<Text, _>(time(run.observed_at)?)
            .bind::<Text, _>(time(run.until_at)?)
            .bind::<BigInt, _>(i64::try_from(run.samples).unwrap_or(i64::MAX))
            .bind::<Nullable<Double>, _>(run.last.as_number())
            .bind::<Nullable<Text>, _>(run.last.as_text())
            .bind::<Nullable<Double>, _>(run.numbers.map(|numbers| numbers.sum))
            .bind::<Nullable<Double>, _>(run.numbers.map(|numbers| numbers.min))
            .bind::<Nullable<Double>, _>(run.numbers.map(|numbers| numbers.max))
            .bind::<Bool, _>(run.is_constant)
            .bind::<Text, _>(run.source.as_str())
            .execute(connection)?;
    }
    Ok(())
}

/// Reads the newest run of each series of these projects.
pub(crate) fn newest(
    connection: &mut SqliteConnection,
    projects: &[ProjectId],
) -> Result<Vec<SeriesRun>, SqliteError> {
    let mut newest = Vec::new();
    for tier in Tier::ALL {
        let statement = of_tier(NEWEST, tier);
        for project in projects {
            let rows: Vec<RunRow> =
                sql_query(&statement).bind::<BigInt, _>(project.0).load(connection)?;
            newest.extend(parsed(rows));
        }
    }
    Ok(newest_of_each(newest))
}

fn of_tier(statement: &str, tier: Tier) -> String {
    statement.replace("{table}", table(tier))
}

/// Reads the runs that a query selects.
pub(crate) fn between(
    connection: &mut SqliteConnection,
    query: &RunQuery,
) -> Result<Vec<SeriesRun>, SqliteError> {
    let time = |at| text_of(at).map_err(SqliteError::failed);
    let statement = of_tier(BETWEEN, query.tier);
    let metrics: Vec<Option<&str>> = match &query.metrics {
        None => vec![None],
        Some(metrics) => {
            let mut metrics: Vec<_> = metrics.iter().map(|metric| Some(metric.as_str())).collect();
            metrics.sort_unstable();
            metrics.dedup();
            metrics
        }
    };
    let mut runs = Vec::new();
    for metric in metrics {
        let rows: Vec<RunRow> = sql_query(&statement)
            .bind::<BigInt, _>(query.project.0)
            .bind::<Nullable<Text>, _>(metric)
            .bind::<Text, _>(time(query.from - Duration::days(1))?)
            .bind::<Text, _>(time(query.from)?)
            .bind::<Text, _>(time(query.to)?)
            .load(connection)?;
        runs.extend(parsed(rows));
    }
    Ok(runs)
}

/// Deletes some of the runs of UTC days that end before a time. Returns `true` if there may be more.
/// The caller has begun an immediate transaction.
pub(crate) fn delete_some(
    connection: &mut SqliteConnection,
    tier: Tier,
    before: OffsetDateTime,
) -> Result<bool, SqliteError> {
    let first_kept = before.replace_time(time::Time::MIDNIGHT);
    let first_kept = text_of(first_kept).map_err(SqliteError::failed)?;
    let delete = sql_query(of_tier(DELETE, tier)).bind::<Text, _>(first_kept);
    Ok(delete.execute(connection)? > 0)
}

/// Skips and logs rows that another program broke.
fn parsed(rows: Vec<RunRow>) -> impl Iterator<Item = SeriesRun> {
    rows.into_iter().filter_map(|row| {
        let (project, metric) = (row.project_id, row.metric_type.clone());
        let parsed = row.parse();
        parsed
            .inspect_err(|error| {
                tracing::warn!(project.id = project, metric, error, "stored metric is skipped");
            })
            .ok()
    })
}
