//! Rows of the table `project_metrics`.

use diesel::sql_types::{Array, BigInt, Bool, Double, Nullable, Text, Timestamptz};
use diesel::{QueryableByName, sql_query};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    MetricType, ProjectId, RunQuery, RunRecord, SeriesRun, Tier, newest_of_each,
};
use time::OffsetDateTime;

use super::table;
use crate::error::PgError;

/// Statement that stores runs. `{table}` stands for the table of the tier, as in the others.
const STORE: &str = "
    INSERT INTO {table} AS m (
        project_id, metric_type, window_at, observed_at, until_at, samples, value_number,
        value_text, value_sum, value_min, value_max, is_constant, source)
    SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (project_id, metric_type, window_at) DO UPDATE SET
        observed_at = excluded.observed_at, until_at = excluded.until_at,
        samples = excluded.samples, value_number = excluded.value_number,
        value_text = excluded.value_text, value_sum = excluded.value_sum,
        value_min = excluded.value_min, value_max = excluded.value_max,
        is_constant = excluded.is_constant, source = excluded.source
    WHERE excluded.samples > m.samples";

/// Finds the types of each project by one descent of the index for each.
const NEWEST: &str = "
    WITH RECURSIVE series (project_id, metric_type) AS (
        SELECT p.id, (SELECT min(m.metric_type) FROM {table} AS m WHERE m.project_id = p.id)
        FROM unnest($1) AS p (id)
        UNION ALL
        SELECT s.project_id, (SELECT min(m.metric_type) FROM {table} AS m
                              WHERE m.project_id = s.project_id AND m.metric_type > s.metric_type)
        FROM series AS s WHERE s.metric_type IS NOT NULL
    )
    SELECT newest.* FROM series AS s CROSS JOIN LATERAL (
        SELECT * FROM {table} AS m
        WHERE m.project_id = s.project_id AND m.metric_type = s.metric_type
        ORDER BY m.window_at DESC LIMIT 1) AS newest
    WHERE s.metric_type IS NOT NULL";

/// A run is at most a day long.
const BETWEEN: &str = "
    SELECT * FROM {table}
    WHERE project_id = $1 AND ($2::text[] IS NULL OR metric_type = ANY ($2))
      AND window_at >= $3 - interval '1 day' AND window_at < $4
      AND until_at >= $3 AND observed_at < $4
    ORDER BY metric_type, window_at";

/// A row of the table. Times are in UTC.
#[derive(QueryableByName)]
struct RunRow {
    #[diesel(sql_type = BigInt)]
    project_id: i64,
    #[diesel(sql_type = Text)]
    metric_type: String,
    #[diesel(sql_type = Timestamptz)]
    window_at: OffsetDateTime,
    #[diesel(sql_type = Timestamptz)]
    observed_at: OffsetDateTime,
    #[diesel(sql_type = Timestamptz)]
    until_at: OffsetDateTime,
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

impl From<RunRow> for RunRecord {
    fn from(row: RunRow) -> Self {
        Self {
            project_id: row.project_id,
            metric_type: row.metric_type,
            window_at: row.window_at,
            observed_at: row.observed_at,
            until_at: row.until_at,
            samples: row.samples,
            value_number: row.value_number,
            value_text: row.value_text,
            value_sum: row.value_sum,
            value_min: row.value_min,
            value_max: row.value_max,
            is_constant: row.is_constant,
            source: row.source,
        }
    }
}

/// Stores runs, which are distinct and in the order of their keys, so that two replicas cannot
/// deadlock.
pub(crate) async fn store(
    connection: &mut AsyncPgConnection,
    tier: Tier,
    runs: &[&SeriesRun],
) -> Result<(), PgError> {
    let numbers = |of: fn(federation_domain::Numbers) -> f64| -> Vec<Option<f64>> {
        runs.iter().map(|run| run.run.numbers.map(of)).collect()
    };
    let samples = |run: &&SeriesRun| i64::try_from(run.run.samples).unwrap_or(i64::MAX);
    sql_query(of_tier(STORE, tier))
        .bind::<Array<BigInt>, _>(column(runs, |run| run.project.0))
        .bind::<Array<Text>, _>(column(runs, |run| run.metric.as_str()))
        .bind::<Array<Timestamptz>, _>(column(runs, |run| run.run.window_at))
        .bind::<Array<Timestamptz>, _>(column(runs, |run| run.run.observed_at))
        .bind::<Array<Timestamptz>, _>(column(runs, |run| run.run.until_at))
        .bind::<Array<BigInt>, _>(runs.iter().map(samples).collect::<Vec<_>>())
        .bind::<Array<Nullable<Double>>, _>(column(runs, |run| run.run.last.as_number()))
        .bind::<Array<Nullable<Text>>, _>(column(runs, |run| run.run.last.as_text()))
        .bind::<Array<Nullable<Double>>, _>(numbers(|numbers| numbers.sum))
        .bind::<Array<Nullable<Double>>, _>(numbers(|numbers| numbers.min))
        .bind::<Array<Nullable<Double>>, _>(numbers(|numbers| numbers.max))
        .bind::<Array<Bool>, _>(column(runs, |run| run.run.is_constant))
        .bind::<Array<Text>, _>(column(runs, |run| run.run.source.as_str()))
        .execute(connection)
        .await?;
    Ok(())
}

fn column<'a, T>(runs: &[&'a SeriesRun], of: impl Fn(&'a SeriesRun) -> T) -> Vec<T> {
    runs.iter().map(|run| of(run)).collect()
}

/// Reads the newest run of each series of these projects.
pub(crate) async fn newest(
    connection: &mut AsyncPgConnection,
    projects: &[ProjectId],
) -> Result<Vec<SeriesRun>, PgError> {
    let ids: Vec<i64> = projects.iter().map(|project| project.0).collect();
    let mut rows = Vec::new();
    for tier in Tier::ALL {
        let newest = sql_query(of_tier(NEWEST, tier)).bind::<Array<BigInt>, _>(&ids);
        let newest: Vec<RunRow> = newest.load(connection).await?;
        rows.extend(newest);
    }
    Ok(newest_of_each(parsed(rows)))
}

fn of_tier(statement: &str, tier: Tier) -> String {
    statement.replace("{table}", table(tier))
}

/// Reads the runs that a query selects.
pub(crate) async fn between(
    connection: &mut AsyncPgConnection,
    query: &RunQuery,
) -> Result<Vec<SeriesRun>, PgError> {
    let metrics = query.metrics.as_ref();
    let metrics = metrics.map(|all| all.iter().map(MetricType::as_str).collect::<Vec<_>>());
    let rows: Vec<RunRow> = sql_query(of_tier(BETWEEN, query.tier))
        .bind::<BigInt, _>(query.project.0)
        .bind::<Nullable<Array<Text>>, _>(metrics)
        .bind::<Timestamptz, _>(query.from)
        .bind::<Timestamptz, _>(query.to)
        .load(connection)
        .await?;
    Ok(parsed(rows))
}

/// Skips and logs rows that another program broke.
fn parsed(rows: Vec<RunRow>) -> Vec<SeriesRun> {
    let parse = |row: RunRow| {
        let (project, metric) = (row.project_id, row.metric_type.clone());
        let parsed = RunRecord::from(row).parse();
        parsed
            .inspect_err(|error| {
                tracing::warn!(project.id = project, metric, %error, "stored metric is skipped");
            })
            .ok()
    };
    rows.into_iter().filter_map(parse).collect()
}
