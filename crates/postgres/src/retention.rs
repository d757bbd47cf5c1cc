//! Dropping old entries of the log and old days.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Date as SqlDate, Nullable, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{Dropped, Revision};
use time::{Date, OffsetDateTime};

use crate::change_log;
use crate::error::PgError;

/// Tries to take the lock for dropping entries, so that one replica does it at a time. The number is
/// arbitrary but must not change.
const LOCK: &str = "SELECT pg_try_advisory_xact_lock(7237094217003) AS locked";

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

#[derive(QueryableByName)]
struct Prefix {
    /// Newest entry of the prefix that is old enough.
    #[diesel(sql_type = Nullable<BigInt>)]
    last: Option<i64>,
    /// Number of entries looked at.
    #[diesel(sql_type = BigInt)]
    seen: i64,
    /// Number of entries that are old enough.
    #[diesel(sql_type = BigInt)]
    old: i64,
}

#[derive(QueryableByName)]
struct OldestAt {
    #[diesel(sql_type = Timestamptz)]
    at: OffsetDateTime,
}

/// Drops the oldest entries. The caller has begun a transaction.
pub(crate) async fn drop_entries(
    connection: &mut AsyncPgConnection,
    before: OffsetDateTime,
    through: Revision,
    limit: usize,
) -> Result<Dropped, PgError> {
    let Locked { locked } = diesel::sql_query(LOCK).get_result(connection).await?;
    if !locked {
        return Ok(Dropped::default());
    }
    let log = change_log::state(connection).await?;
    let through = through.0.min(log.newest.0 - 1);
    let Prefix { last, seen, old } = prefix(connection, log.oldest, before, through, limit).await?;
    let mut dropped = Dropped { has_more: old == seen && seen > 0, ..Dropped::default() };
    let mut oldest = log.oldest;
    if let Some(last) = last {
        dropped.entries = delete(connection, log.oldest, Revision(last)).await?;
        oldest = Revision(last + 1);
        change_log::set_oldest(connection, oldest).await?;
    }
    dropped.oldest_at = oldest_at(connection, oldest).await?;
    Ok(dropped)
}

/// Finds the entries from the oldest on that are old enough, up to the first that is not.
async fn prefix(
    connection: &mut AsyncPgConnection,
    oldest: Revision,
    before: OffsetDateTime,
    through: i64,
    limit: usize,
) -> QueryResult<Prefix> {
    const PREFIX: &str = "
        WITH seen AS (
            SELECT revision,
                   bool_and(at < $2 OR NOT isfinite(at)) OVER (ORDER BY revision) AS is_old
            FROM (SELECT revision, at FROM changes WHERE revision >= $1 AND revision <= $3
                  ORDER BY revision LIMIT $4) AS first
        )
        SELECT max(revision) FILTER (WHERE is_old) AS last, count(*) AS seen,
               count(*) FILTER (WHERE is_old) AS old
        FROM seen";
    diesel::sql_query(PREFIX)
        .bind::<BigInt, _>(oldest.0)
        .bind::<Timestamptz, _>(before)
        .bind::<BigInt, _>(through)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .get_result(connection)
        .await
}

/// Deletes the entries between two revisions, and earlier ones of the same keys that were kept so far.
/// Keeps the newest entry of each project that exists.
async fn delete(
    connection: &mut AsyncPgConnection,
    first: Revision,
    last: Revision,
) -> QueryResult<usize> {
    const DELETE: &str = "
        WITH touched AS (
            SELECT DISTINCT entity, key FROM changes WHERE revision BETWEEN $1 AND $2
        )
        DELETE FROM changes AS c
        USING touched AS t
        WHERE c.entity = t.entity AND c.key = t.key AND c.revision <= $2
          AND NOT (c.entity = 'project'
                   AND EXISTS (SELECT FROM projects AS p WHERE p.slug = c.key)
                   AND NOT EXISTS (SELECT FROM changes AS n
                                   WHERE n.entity = c.entity AND n.key = c.key
                                     AND n.revision > c.revision))";
    diesel::sql_query(DELETE)
        .bind::<BigInt, _>(first.0)
        .bind::<BigInt, _>(last.0)
        .execute(connection)
        .await
}

async fn oldest_at(
    connection: &mut AsyncPgConnection,
    oldest: Revision,
) -> QueryResult<Option<OffsetDateTime>> {
    const OLDEST: &str = "
        SELECT at FROM changes WHERE revision >= $1 AND isfinite(at) ORDER BY revision LIMIT 1";
    let row: Option<OldestAt> = diesel::sql_query(OLDEST)
        .bind::<BigInt, _>(oldest.0)
        .get_result(connection)
        .await
        .optional()?;
    Ok(row.map(|row| row.at))
}

/// Drops at most `limit` days before a day.
pub(crate) async fn drop_uptime(
    connection: &mut AsyncPgConnection,
    before: Date,
    limit: usize,
) -> Result<usize, PgError> {
    const DROP_DAYS: &str = "
        DELETE FROM uptime_days
        WHERE ctid = ANY (ARRAY (SELECT ctid FROM uptime_days WHERE day < $1 LIMIT $2))";
    const DROP_HEARD: &str = "DELETE FROM heard_days WHERE day < $1";
    let dropped = diesel::sql_query(DROP_DAYS)
        .bind::<SqlDate, _>(before)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    diesel::sql_query(DROP_HEARD).bind::<SqlDate, _>(before).execute(connection).await?;
    Ok(dropped)
}
