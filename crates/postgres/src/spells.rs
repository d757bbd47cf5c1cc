//! Spells of listening.

use diesel::data_types::PgTimestamp;
use diesel::prelude::*;
use diesel::sql_types::{Array, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use federation_domain::{Listened, SPELLS_KEPT, Source};
use time::OffsetDateTime;

use crate::change_log::column;
use crate::error::Fault;
use crate::row::time_of;
use crate::schema::listening_spells;

/// Held from here to the end of the transaction by whoever joins spells: two that did so at once
/// would each join with what was there before the other. An advisory lock, since one on the table
/// would stop its vacuum. A statement of its own, since one that waits for a lock goes on with what
/// it saw before. The number means nothing; it must only never change.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7237094217002)";

/// Finds for each spell those that it meets: the one that begins before it, and those that begin
/// within it. No two stored spells meet, so the one that begins before it is the only one of its
/// kind. Then all of them are numbered by the spell to be, which begins wherever one begins after
/// the ends of all before it.
const JOIN: &str = "
    WITH heard AS (
        SELECT source, heard_from, heard_until
        FROM unnest($1, $2, $3) AS h (source, heard_from, heard_until)
    ), met AS (
        SELECT s.source, s.heard_from, s.heard_until
        FROM heard AS h CROSS JOIN LATERAL (
            (SELECT * FROM listening_spells AS l
             WHERE l.source = h.source AND l.heard_from < h.heard_from
             ORDER BY l.heard_from DESC LIMIT 1)
            UNION ALL
            SELECT * FROM listening_spells AS l
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
        DELETE FROM listening_spells AS l USING met
        WHERE l.source = met.source AND l.heard_from = met.heard_from
          AND NOT EXISTS (SELECT FROM joined AS j
                          WHERE j.source = l.source AND j.heard_from = l.heard_from)
    )
    INSERT INTO listening_spells AS l (source, heard_from, heard_until)
    SELECT source, heard_from, heard_until FROM joined
    ON CONFLICT (source, heard_from) DO UPDATE SET heard_until = excluded.heard_until
    WHERE l.heard_until < excluded.heard_until";

/// A hundred at most, so that no checkpoint is slow: far more than one of them adds.
const FORGET: &str = "
    DELETE FROM listening_spells AS l
    USING unnest($1, $2) AS h (source, forgotten) CROSS JOIN LATERAL (
        SELECT o.heard_from FROM listening_spells AS o
        WHERE o.source = h.source AND o.heard_from < h.forgotten AND o.heard_until < h.forgotten
        ORDER BY o.heard_from LIMIT 100
    ) AS old
    WHERE l.source = h.source AND l.heard_from = old.heard_from";

/// Joins the spells with those that they meet, and forgets what ended too long before them: three
/// statements, however many spells. The caller has begun a transaction, and does nothing after this
/// that waits for another lock.
pub(crate) async fn join(
    connection: &mut AsyncPgConnection,
    listened: &[Listened],
) -> Result<(), Fault> {
    connection.batch_execute(LOCK).await?;
    diesel::sql_query(JOIN)
        .bind::<Array<Text>, _>(column(listened, |spell| spell.source.as_str()))
        .bind::<Array<Timestamptz>, _>(column(listened, |spell| spell.from))
        .bind::<Array<Timestamptz>, _>(column(listened, |spell| spell.until))
        .execute(connection)
        .await?;
    diesel::sql_query(FORGET)
        .bind::<Array<Text>, _>(column(listened, |spell| spell.source.as_str()))
        .bind::<Array<Timestamptz>, _>(column(listened, |spell| spell.until - SPELLS_KEPT))
        .execute(connection)
        .await?;
    Ok(())
}

/// A row of `listening_spells`, without its source.
#[derive(Queryable, QueryableByName)]
struct Spell {
    #[diesel(sql_type = Timestamptz)]
    heard_from: PgTimestamp,
    #[diesel(sql_type = Timestamptz)]
    heard_until: PgTimestamp,
}

impl Spell {
    /// None for `infinity`, which no checkpoint writes.
    fn of(self, source: Source) -> Option<Listened> {
        let (from, until) = (time_of(self.heard_from).ok()?, time_of(self.heard_until).ok()?);
        Some(Listened { source, from, until })
    }
}

/// The spells of a source that end after a moment, in their order.
pub(crate) async fn since(
    connection: &mut AsyncPgConnection,
    source: Source,
    since: OffsetDateTime,
) -> Result<Vec<Listened>, Fault> {
    // Of those that begin no later than the moment, the last alone may end after it.
    const SELECT: &str = "
        SELECT heard_from, heard_until FROM listening_spells
        WHERE source = $1 AND heard_until > $2
          AND heard_from >= coalesce(
              (SELECT max(heard_from) FROM listening_spells
               WHERE source = $1 AND heard_from <= $2), $2)
        ORDER BY heard_from";
    let rows: Vec<Spell> = diesel::sql_query(SELECT)
        .bind::<Text, _>(source.as_str())
        .bind::<Timestamptz, _>(since)
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(|row| row.of(source)).collect())
}

/// Of each source the spell that ends last.
pub(crate) async fn last_of_each(connection: &mut AsyncPgConnection) -> QueryResult<Vec<Listened>> {
    let mut last = Vec::new();
    for source in Source::ALL {
        let row: Option<Spell> = listening_spells::table
            .filter(listening_spells::source.eq(source.as_str()))
            .order(listening_spells::heard_from.desc())
            .select((listening_spells::heard_from, listening_spells::heard_until))
            .first(connection)
            .await
            .optional()?;
        last.extend(row.and_then(|row| row.of(source)));
    }
    Ok(last)
}
