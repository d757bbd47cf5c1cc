//! Listening periods.

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use federation_domain::{LISTENING_RETENTION, ListeningPeriod, Source};
use time::OffsetDateTime;

use crate::change_log::column;
use crate::error::PgError;
use crate::row::time_of;

/// Takes an advisory lock until the end of a transaction that joins periods. Without the lock,
/// two concurrent transactions would each miss the periods that the other inserts. Fails if another
/// replica, which may be paused, holds the lock for longer than a second.
///
/// It is an advisory lock because a lock on the table would block vacuum. It is a separate statement
/// because a statement that waits for a lock continues with its old snapshot. The number is arbitrary
/// but must never change.
const LOCK: &str = "SET LOCAL lock_timeout = '1s'; SELECT pg_advisory_xact_lock(7237094217002)";

/// Joins new periods with the stored ones that they overlap or touch.
///
/// A new period can touch only the last stored period that begins before it and those that begin
/// within it, because stored periods do not touch each other. All pieces are then numbered by the
/// joined period they belong to. A new number starts at each piece that begins after all earlier
/// ones have ended.
const JOIN: &str = "
    WITH heard AS (
        SELECT source, heard_from, heard_until
        FROM unnest($1, $2, $3) AS h (source, heard_from, heard_until)
    ), met AS (
        SELECT s.source, s.heard_from, s.heard_until
        FROM heard AS h CROSS JOIN LATERAL (
            (SELECT * FROM listening_periods AS l
             WHERE l.source = h.source AND l.heard_from < h.heard_from
             ORDER BY l.heard_from DESC LIMIT 1)
            UNION ALL
            SELECT * FROM listening_periods AS l
            WHERE l.source = h.source AND l.heard_from BETWEEN h.heard_from AND h.heard_until
        ) AS s
        WHERE s.heard_until >= h.heard_from
    ), ordered AS (
        SELECT *, heard_from > max(heard_until) OVER (
            PARTITION BY source ORDER BY heard_from, heard_until
            ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
        ) AS begins
        FROM (SELECT * FROM heard UNION ALL SELECT * FROM met) AS pieces
    ), numbered AS (
        SELECT *, count(*) FILTER (WHERE begins) OVER (
            PARTITION BY source ORDER BY heard_from, heard_until ROWS UNBOUNDED PRECEDING
        ) AS number
        FROM ordered
    ), joined AS (
        SELECT source, min(heard_from) AS heard_from, max(heard_until) AS heard_until
        FROM numbered
        GROUP BY source, number
    ), absorbed AS (
        DELETE FROM listening_periods AS l USING met
        WHERE l.source = met.source AND l.heard_from = met.heard_from
          AND NOT EXISTS (SELECT FROM joined AS j
                          WHERE j.source = l.source AND j.heard_from = l.heard_from)
    )
    INSERT INTO listening_periods AS l (source, heard_from, heard_until)
    SELECT source, heard_from, heard_until FROM joined
    ON CONFLICT (source, heard_from) DO UPDATE SET heard_until = excluded.heard_until
    WHERE l.heard_until < excluded.heard_until";

/// Deletes at most a hundred periods, so that no checkpoint is slow. A checkpoint adds far fewer.
const FORGET: &str = "
    DELETE FROM listening_periods AS l
    USING unnest($1, $2) AS h (source, forgotten) CROSS JOIN LATERAL (
        SELECT o.heard_from FROM listening_periods AS o
        WHERE o.source = h.source AND o.heard_from < h.forgotten AND o.heard_until < h.forgotten
        ORDER BY o.heard_from LIMIT 100
    ) AS old
    WHERE l.source = h.source AND l.heard_from = old.heard_from";

/// Joins periods with the stored ones and deletes expired ones, in three statements for any number of
/// periods. The caller has begun a transaction and takes no other lock after this.
pub(crate) async fn join(
    connection: &mut AsyncPgConnection,
    listening_periods: &[ListeningPeriod],
) -> Result<(), PgError> {
    connection.batch_execute(LOCK).await?;
    diesel::sql_query(JOIN)
        .bind::<Array<Text>, _>(column(listening_periods, |period| period.source.as_str()))
        .bind::<Array<Timestamptz>, _>(column(listening_periods, |period| period.from))
        .bind::<Array<Timestamptz>, _>(column(listening_periods, |period| period.until))
        .execute(connection)
        .await?;
    diesel::sql_query(FORGET)
        .bind::<Array<Text>, _>(column(listening_periods, |period| period.source.as_str()))
        .bind::<Array<Timestamptz>, _>(column(listening_periods, |period| {
            period.until - LISTENING_RETENTION
        }))
        .execute(connection)
        .await?;
    Ok(())
}

/// A row of `listening_periods`, without its source.
#[derive(QueryableByName)]
struct PeriodRow {
    #[diesel(sql_type = Timestamptz)]
    heard_from: PgTimestamp,
    #[diesel(sql_type = Timestamptz)]
    heard_until: PgTimestamp,
}

impl PeriodRow {
    /// Returns `None` for `infinity`, which no checkpoint writes.
    fn of(self, source: Source) -> Option<ListeningPeriod> {
        let (from, until) = (time_of(self.heard_from).ok()?, time_of(self.heard_until).ok()?);
        Some(ListeningPeriod { source, from, until })
    }
}

/// Reads the periods of a source that end after a time, in order.
pub(crate) async fn since(
    connection: &mut AsyncPgConnection,
    source: Source,
    since: OffsetDateTime,
) -> Result<Vec<ListeningPeriod>, PgError> {
    // Of the periods that begin before `since`, only the last one can end after it.
    const SELECT: &str = "
        SELECT heard_from, heard_until FROM listening_periods
        WHERE source = $1 AND heard_until > $2
          AND heard_from >= coalesce(
              (SELECT max(heard_from) FROM listening_periods
               WHERE source = $1 AND heard_from <= $2), $2)
        ORDER BY heard_from";
    let rows: Vec<PeriodRow> = diesel::sql_query(SELECT)
        .bind::<Text, _>(source.as_str())
        .bind::<Timestamptz, _>(since)
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(|row| row.of(source)).collect())
}
