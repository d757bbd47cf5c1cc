//! Dropping old entries of the log and old days.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use federation_domain::{Dropped, Revision};
use time::{Date, OffsetDateTime};

use crate::change_log;
use crate::error::SqliteError;
use crate::schema::{changes, heard_days};
use crate::timestamp::{text_of, time_of};
use crate::uptime::text_of_day;

/// Drops the oldest entries. The caller has begun an immediate transaction.
pub(crate) fn drop_entries(
    connection: &mut SqliteConnection,
    before: OffsetDateTime,
    through: Revision,
    limit: usize,
) -> Result<Dropped, SqliteError> {
    let log = change_log::state(connection)?;
    let through = through.0.min(log.newest.0 - 1);
    let before = text_of(before).map_err(SqliteError::failed)?;
    let seen: Vec<(i64, String)> = changes::table
        .filter(changes::revision.between(log.oldest.0, through))
        .order(changes::revision)
        .limit(i64::try_from(limit).unwrap_or(i64::MAX))
        .select((changes::revision, changes::at))
        .load(connection)?;
    // A time that does not parse must not keep all later entries.
    let is_old = |at: &str| at < before.as_str() || time_of(at).is_err();
    let old = seen.iter().take_while(|(_, at)| is_old(at)).count();
    let mut dropped = Dropped { has_more: old == seen.len() && old > 0, ..Dropped::default() };
    let mut oldest = log.oldest;
    if let Some((last, _)) = old.checked_sub(1).and_then(|index| seen.get(index)) {
        dropped.entries = delete(connection, log.oldest, Revision(*last))?;
        oldest = Revision(last + 1);
        change_log::set_oldest(connection, oldest)?;
    }
    dropped.oldest_at = oldest_at(connection, oldest)?;
    Ok(dropped)
}

/// Deletes the entries between two revisions, and earlier ones of the same keys that were kept so far.
/// Keeps the newest entry of each project that exists.
fn delete(
    connection: &mut SqliteConnection,
    first: Revision,
    last: Revision,
) -> QueryResult<usize> {
    const DELETE: &str = "
        DELETE FROM changes
        WHERE revision <= ?2
          AND (entity, key) IN (SELECT entity, key FROM changes WHERE revision BETWEEN ?1 AND ?2)
          AND NOT (entity = 'project'
                   AND EXISTS (SELECT 1 FROM projects AS p WHERE p.slug = changes.key)
                   AND NOT EXISTS (SELECT 1 FROM changes AS n
                                   WHERE n.entity = changes.entity AND n.key = changes.key
                                     AND n.revision > changes.revision))";
    diesel::sql_query(DELETE)
        .bind::<BigInt, _>(first.0)
        .bind::<BigInt, _>(last.0)
        .execute(connection)
}

fn oldest_at(
    connection: &mut SqliteConnection,
    oldest: Revision,
) -> QueryResult<Option<OffsetDateTime>> {
    let at: Option<String> = changes::table
        .filter(changes::revision.ge(oldest.0))
        .order(changes::revision)
        .select(changes::at)
        .first(connection)
        .optional()?;
    Ok(at.and_then(|at| time_of(&at).ok()))
}

/// Drops at most `limit` days before a day.
pub(crate) fn drop_uptime(
    connection: &mut SqliteConnection,
    before: Date,
    limit: usize,
) -> Result<usize, SqliteError> {
    const DROP_DAYS: &str = "
        DELETE FROM uptime_days
        WHERE (slug, day) IN (SELECT slug, day FROM uptime_days WHERE day < ? LIMIT ?)";
    let before = text_of_day(before)?;
    let dropped = diesel::sql_query(DROP_DAYS)
        .bind::<Text, _>(&before)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(connection)?;
    diesel::delete(heard_days::table.filter(heard_days::day.lt(&before))).execute(connection)?;
    Ok(dropped)
}
