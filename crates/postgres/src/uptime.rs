//! Rolled-up uptime.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Date as SqlDate, Nullable, Text, Timestamptz, Varchar};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    DayStep, HeardDay, ProjectStatus, Revision, RollUpProgress, RollUpStep, Slug, Source,
    StatusStep, TimeByStatus, UptimeDay, UptimeDays,
};
use time::{Date, OffsetDateTime};

use crate::change_log::column;
use crate::error::PgError;
use crate::schema::roll_up;

const THE_ROW: i16 = 1;

/// Reads the progress of the roll-up.
pub(crate) async fn progress(
    connection: &mut AsyncPgConnection,
) -> Result<RollUpProgress, PgError> {
    let columns = (roll_up::revision, roll_up::until, roll_up::until_revision);
    let (revision, until, until_revision): (i64, Option<Date>, i64) =
        roll_up::table.find(THE_ROW).select(columns).get_result(connection).await?;
    let (revision, until_revision) = (Revision(revision), Revision(until_revision));
    Ok(RollUpProgress { revision, until, until_revision })
}

/// Stores a step, unless another replica made one. The caller has begun a transaction.
pub(crate) async fn store(
    connection: &mut AsyncPgConnection,
    known: &RollUpProgress,
    step: &RollUpStep,
) -> Result<bool, PgError> {
    let locked = roll_up::table.find(THE_ROW).select(roll_up::id).for_update();
    locked.get_result::<i16>(connection).await?;
    if progress(connection).await? != *known {
        return Ok(false);
    }
    let RollUpProgress { revision, until, until_revision } = step.progress;
    diesel::update(roll_up::table.find(THE_ROW))
        .set((
            roll_up::revision.eq(revision.0),
            roll_up::until.eq(until),
            roll_up::until_revision.eq(until_revision.0),
        ))
        .execute(connection)
        .await?;
    store_days(connection, &step.days).await?;
    store_heard(connection, &step.heard).await?;
    Ok(true)
}

async fn store_days(
    connection: &mut AsyncPgConnection,
    days: &[(Slug, UptimeDay)],
) -> Result<(), PgError> {
    const UPSERT: &str = "
        INSERT INTO uptime_days (slug, day, online_us, degraded_us, offline_us, unobserved_us, opens,
                                 closes, first_revision, last_revision)
        SELECT * FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (slug, day) DO UPDATE
        SET online_us = excluded.online_us, degraded_us = excluded.degraded_us,
            offline_us = excluded.offline_us, unobserved_us = excluded.unobserved_us,
            opens = excluded.opens, closes = excluded.closes,
            first_revision = excluded.first_revision, last_revision = excluded.last_revision";
    if days.is_empty() {
        return Ok(());
    }
    let name = |status: Option<ProjectStatus>| status.map(ProjectStatus::as_str);
    diesel::sql_query(UPSERT)
        .bind::<Array<Text>, _>(column(days, |(slug, _)| slug.as_str()))
        .bind::<Array<SqlDate>, _>(column(days, |(_, one)| one.day))
        .bind::<Array<BigInt>, _>(column(days, |(_, one)| one.spent.online_us))
        .bind::<Array<BigInt>, _>(column(days, |(_, one)| one.spent.degraded_us))
        .bind::<Array<BigInt>, _>(column(days, |(_, one)| one.spent.offline_us))
        .bind::<Array<BigInt>, _>(column(days, |(_, one)| one.spent.unobserved_us))
        .bind::<Array<Nullable<Text>>, _>(column(days, |(_, one)| name(one.opens)))
        .bind::<Array<Nullable<Text>>, _>(column(days, |(_, one)| name(one.closes)))
        .bind::<Array<BigInt>, _>(column(days, |(_, one)| one.first.0))
        .bind::<Array<BigInt>, _>(column(days, |(_, one)| one.last.0))
        .execute(connection)
        .await?;
    Ok(())
}

async fn store_heard(
    connection: &mut AsyncPgConnection,
    heard: &[HeardDay],
) -> Result<(), PgError> {
    const UPSERT: &str = "
        INSERT INTO heard_days (source, day, heard_us)
        SELECT * FROM unnest($1, $2, $3)
        ON CONFLICT (source, day) DO UPDATE SET heard_us = excluded.heard_us";
    if heard.is_empty() {
        return Ok(());
    }
    diesel::sql_query(UPSERT)
        .bind::<Array<Text>, _>(column(heard, |one| one.source.as_str()))
        .bind::<Array<SqlDate>, _>(column(heard, |one| one.day))
        .bind::<Array<BigInt>, _>(column(heard, |one| one.heard_us))
        .execute(connection)
        .await?;
    Ok(())
}

#[derive(QueryableByName)]
struct DayRow {
    #[diesel(sql_type = SqlDate)]
    day: Date,
    #[diesel(sql_type = BigInt)]
    online_us: i64,
    #[diesel(sql_type = BigInt)]
    degraded_us: i64,
    #[diesel(sql_type = BigInt)]
    offline_us: i64,
    #[diesel(sql_type = BigInt)]
    unobserved_us: i64,
    #[diesel(sql_type = Nullable<Varchar>)]
    opens: Option<String>,
    #[diesel(sql_type = Nullable<Varchar>)]
    closes: Option<String>,
    #[diesel(sql_type = BigInt)]
    first_revision: i64,
    #[diesel(sql_type = BigInt)]
    last_revision: i64,
}

impl From<DayRow> for UptimeDay {
    fn from(row: DayRow) -> Self {
        let DayRow { day, online_us, degraded_us, offline_us, unobserved_us, .. } = row;
        let status = |name: Option<String>| name.and_then(|name| ProjectStatus::parse(&name).ok());
        Self {
            day,
            spent: TimeByStatus { online_us, degraded_us, offline_us, unobserved_us },
            opens: status(row.opens),
            closes: status(row.closes),
            first: Revision(row.first_revision),
            last: Revision(row.last_revision),
        }
    }
}

#[derive(QueryableByName)]
struct KeyedRow {
    #[diesel(sql_type = Varchar)]
    slug: String,
    #[diesel(embed)]
    day: DayRow,
}

/// Finds days of projects.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    keys: &[(Slug, Date)],
) -> Result<Vec<(Slug, UptimeDay)>, PgError> {
    const FIND: &str = "
        SELECT slug, day, online_us, degraded_us, offline_us, unobserved_us, opens, closes,
               first_revision, last_revision
        FROM uptime_days JOIN unnest($1, $2) AS k (slug, day) USING (slug, day)";
    let rows: Vec<KeyedRow> = diesel::sql_query(FIND)
        .bind::<Array<Text>, _>(column(keys, |(slug, _)| slug.as_str()))
        .bind::<Array<SqlDate>, _>(column(keys, |(_, day)| *day))
        .load(connection)
        .await?;
    let keyed = |KeyedRow { slug, day }| Some((Slug::parse(&slug).ok()?, UptimeDay::from(day)));
    Ok(rows.into_iter().filter_map(keyed).collect())
}

#[derive(QueryableByName)]
struct HeardRow {
    #[diesel(sql_type = SqlDate)]
    day: Date,
    #[diesel(sql_type = BigInt)]
    heard_us: i64,
}

/// Reads the days of a project and the listening times of a source since a day, newest first.
pub(crate) async fn days(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    source: Source,
    since: Date,
) -> Result<UptimeDays, PgError> {
    const DAYS: &str = "
        SELECT day, online_us, degraded_us, offline_us, unobserved_us, opens, closes, first_revision,
               last_revision
        FROM uptime_days WHERE slug = $1 AND day >= $2 ORDER BY day DESC";
    const HEARD: &str =
        "SELECT day, heard_us FROM heard_days WHERE source = $1 AND day >= $2 ORDER BY day DESC";
    // The progress first: days beyond it are ignored, and missing ones would count as quiet.
    let progress = progress(connection).await?;
    let days: Vec<DayRow> = diesel::sql_query(DAYS)
        .bind::<Text, _>(slug.as_str())
        .bind::<SqlDate, _>(since)
        .load(connection)
        .await?;
    let heard: Vec<HeardRow> = diesel::sql_query(HEARD)
        .bind::<Text, _>(source.as_str())
        .bind::<SqlDate, _>(since)
        .load(connection)
        .await?;
    let of_source = |HeardRow { day, heard_us }| HeardDay { day, source, heard_us };
    Ok(UptimeDays {
        progress,
        days: days.into_iter().map(UptimeDay::from).collect(),
        heard: heard.into_iter().map(of_source).collect(),
    })
}

#[derive(QueryableByName)]
struct StepRow {
    #[diesel(sql_type = BigInt)]
    revision: i64,
    #[diesel(sql_type = Timestamptz)]
    at: OffsetDateTime,
    #[diesel(sql_type = Text)]
    payload: String,
}

/// Reads the changes of a project after one revision and through another, newest first.
pub(crate) async fn steps(
    connection: &mut AsyncPgConnection,
    slug: &Slug,
    (after, through): (Revision, Revision),
    limit: usize,
) -> Result<Vec<DayStep>, PgError> {
    // Times that are not finite have no place in a day. The payload is parsed here, because Postgres
    // would reject the whole query for an escape that it cannot convert.
    const STEPS: &str = "
        SELECT revision, at, payload::text AS payload
        FROM changes
        WHERE entity = 'project' AND key = $1 AND revision > $2 AND revision <= $3 AND isfinite(at)
        ORDER BY revision DESC LIMIT $4";
    let rows: Vec<StepRow> = diesel::sql_query(STEPS)
        .bind::<Text, _>(slug.as_str())
        .bind::<BigInt, _>(after.0)
        .bind::<BigInt, _>(through.0)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .load(connection)
        .await?;
    let step = |row: StepRow| {
        let step: StatusStep = serde_json::from_str(&row.payload).ok()?;
        Some(DayStep { revision: Revision(row.revision), at: row.at, step })
    };
    Ok(rows.into_iter().filter_map(step).collect())
}
