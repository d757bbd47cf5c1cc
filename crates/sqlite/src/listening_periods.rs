//! Listening periods.

use diesel::prelude::*;
use diesel::sql_types::Text;
use federation_domain::{LISTENING_RETENTION, ListeningPeriod, Source};
use time::OffsetDateTime;

use crate::error::SqliteError;
use crate::schema::listening_periods;
use crate::timestamp::{text_of, time_of};

/// Deletes and returns the periods that a new one overlaps or touches. These are the last period
/// that begins before it and those that begin within it, because stored periods do not touch each
/// other.
const TAKE_MET: &str = "
    DELETE FROM listening_periods
    WHERE source = ?1 AND heard_until >= ?2 AND heard_from <= ?3
      AND heard_from >= coalesce(
          (SELECT max(heard_from) FROM listening_periods
           WHERE source = ?1 AND heard_from < ?2), ?2)
    RETURNING heard_from, heard_until";

/// A row of `listening_periods`, without its source. Formatted times sort chronologically.
#[derive(QueryableByName)]
struct PeriodRow {
    #[diesel(sql_type = Text)]
    heard_from: String,
    #[diesel(sql_type = Text)]
    heard_until: String,
}

impl PeriodRow {
    /// Returns `None` if a time does not parse, which no checkpoint writes.
    fn of(self, source: Source) -> Option<ListeningPeriod> {
        let (from, until) = (time_of(&self.heard_from).ok()?, time_of(&self.heard_until).ok()?);
        Some(ListeningPeriod { source, from, until })
    }

    fn joined(self, other: Self) -> Self {
        Self {
            heard_from: self.heard_from.min(other.heard_from),
            heard_until: self.heard_until.max(other.heard_until),
        }
    }
}

/// Joins a period with the stored ones and deletes expired ones. The caller has begun an immediate
/// transaction.
pub(crate) fn join(
    connection: &mut SqliteConnection,
    period: &ListeningPeriod,
) -> Result<(), SqliteError> {
    let source = period.source.as_str();
    let new = PeriodRow {
        heard_from: text_of(period.from).map_err(SqliteError::failed)?,
        heard_until: text_of(period.until).map_err(SqliteError::failed)?,
    };
    let met: Vec<PeriodRow> = diesel::sql_query(TAKE_MET)
        .bind::<Text, _>(source)
        .bind::<Text, _>(&new.heard_from)
        .bind::<Text, _>(&new.heard_until)
        .load(connection)?;
    let joined = met.into_iter().fold(new, PeriodRow::joined);
    diesel::insert_into(listening_periods::table)
        .values((
            listening_periods::source.eq(source),
            listening_periods::heard_from.eq(joined.heard_from),
            listening_periods::heard_until.eq(joined.heard_until),
        ))
        .execute(connection)?;
    forget(connection, period)
}

fn forget(connection: &mut SqliteConnection, newest: &ListeningPeriod) -> Result<(), SqliteError> {
    let forgotten = text_of(newest.until - LISTENING_RETENTION).map_err(SqliteError::failed)?;
    // The condition on `heard_from` is implied, and lets the query use the primary key.
    let ended = listening_periods::table
        .filter(listening_periods::source.eq(newest.source.as_str()))
        .filter(listening_periods::heard_from.lt(&forgotten))
        .filter(listening_periods::heard_until.lt(&forgotten));
    diesel::delete(ended).execute(connection)?;
    Ok(())
}

/// Reads the periods of a source that end after a time, in order.
pub(crate) fn since(
    connection: &mut SqliteConnection,
    source: Source,
    since: OffsetDateTime,
) -> Result<Vec<ListeningPeriod>, SqliteError> {
    // Of the periods that begin before `since`, only the last one can end after it.
    const SELECT: &str = "
        SELECT heard_from, heard_until FROM listening_periods
        WHERE source = ?1 AND heard_until > ?2
          AND heard_from >= coalesce(
              (SELECT max(heard_from) FROM listening_periods
               WHERE source = ?1 AND heard_from <= ?2), ?2)
        ORDER BY heard_from";
    let rows: Vec<PeriodRow> = diesel::sql_query(SELECT)
        .bind::<Text, _>(source.as_str())
        .bind::<Text, _>(text_of(since).map_err(SqliteError::failed)?)
        .load(connection)?;
    Ok(rows.into_iter().filter_map(|row| row.of(source)).collect())
}
