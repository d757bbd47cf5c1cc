//! Leases of deliveries.

use diesel::QueryableByName;
use diesel::sql_types::{Array, BigInt, Bool, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{ChannelName, Delivery, Lease, join_messages};
use time::OffsetDateTime;

use super::OutboxRow;
use crate::change_log::column;
use crate::error::PgError;

/// Number of deliveries that are read for one lease.
const ROWS: usize = 1_000;

/// Pending deliveries of a channel that follow no pending one. A leased one is not due before the
/// end of its lease.
const ELIGIBLE: &str = "
    SELECT * FROM outbox AS o
    WHERE o.channel = $1 AND o.state = 'pending'
      AND NOT EXISTS (SELECT FROM outbox AS earlier
                      WHERE earlier.incident = o.incident AND earlier.channel = o.channel
                        AND earlier.sequence < o.sequence AND earlier.state = 'pending')";

/// Returns the channels with deliveries that are due.
pub(crate) async fn due_channels(
    connection: &mut AsyncPgConnection,
    now: OffsetDateTime,
) -> Result<Vec<ChannelName>, PgError> {
    const DUE: &str = "
        SELECT DISTINCT channel FROM outbox
        WHERE state = 'pending' AND due_at <= $1";
    let rows: Vec<DueRow> =
        diesel::sql_query(DUE).bind::<Timestamptz, _>(now).load(connection).await?;
    Ok(rows.into_iter().filter_map(|row| ChannelName::parse(&row.channel).ok()).collect())
}

#[derive(QueryableByName)]
struct DueRow {
    #[diesel(sql_type = Text)]
    channel: String,
}

#[derive(QueryableByName)]
struct Locked {
    #[diesel(sql_type = Bool)]
    locked: bool,
}

/// Leases deliveries. The caller has begun a transaction.
pub(crate) async fn lease(
    connection: &mut AsyncPgConnection,
    lease: &Lease,
) -> Result<Vec<Delivery>, PgError> {
    // One owner at a time leases from a channel, so that messages are not torn apart.
    const LOCK: &str =
        "SELECT pg_try_advisory_xact_lock(hashtextextended('outbox ' || $1, 0)) AS locked";
    let locked: Locked = diesel::sql_query(LOCK)
        .bind::<Text, _>(lease.channel.as_str())
        .get_result(connection)
        .await?;
    if !locked.locked {
        return Ok(Vec::new());
    }
    let (due, is_cut) = due(connection, lease).await?;
    let messages = join_messages(due, is_cut, lease.messages);
    let deliveries = messages.into_iter().flat_map(|message| message.deliveries);
    let leased = deliveries.map(|one| Delivery { attempts: one.attempts + 1, ..one });
    let leased: Vec<_> = leased.collect();
    mark(connection, lease, &leased).await?;
    Ok(leased)
}

/// Reads the deliveries that are due and those that join them. Returns also whether there are more.
async fn due(
    connection: &mut AsyncPgConnection,
    lease: &Lease,
) -> Result<(Vec<Delivery>, bool), PgError> {
    let due = format!("{ELIGIBLE} AND o.due_at <= $2 ORDER BY o.due_at, o.id LIMIT $3");
    let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
    let rows: Vec<OutboxRow> = diesel::sql_query(due)
        .bind::<Text, _>(lease.channel.as_str())
        .bind::<Timestamptz, _>(lease.now)
        .bind::<BigInt, _>(limit)
        .load(connection)
        .await?;
    let is_cut = rows.len() >= ROWS;
    let mut due: Vec<_> = rows.into_iter().filter_map(OutboxRow::readable).collect();
    let opens = due.iter().filter(|one| one.message.is_none() && one.notification.grouped);
    let mut events: Vec<_> = opens.map(|one| one.notification.event.as_str()).collect();
    events.sort_unstable();
    events.dedup();
    if !is_cut && !events.is_empty() {
        let joining = format!(
            "{ELIGIBLE} AND o.due_at > $2 AND o.grouped AND o.message IS NULL
             AND o.event = ANY ($4) ORDER BY o.due_at, o.id LIMIT $3"
        );
        let rows: Vec<OutboxRow> = diesel::sql_query(joining)
            .bind::<Text, _>(lease.channel.as_str())
            .bind::<Timestamptz, _>(lease.now)
            .bind::<BigInt, _>(limit)
            .bind::<Array<Text>, _>(&events)
            .load(connection)
            .await?;
        due.extend(rows.into_iter().filter_map(OutboxRow::readable));
    }
    Ok((due, is_cut))
}

async fn mark(
    connection: &mut AsyncPgConnection,
    lease: &Lease,
    leased: &[Delivery],
) -> Result<(), PgError> {
    const MARK: &str = "
        UPDATE outbox AS o
        SET message = l.message, attempts = o.attempts + 1, leased_by = $1, due_at = $2
        FROM unnest($3, $4) AS l (id, message) WHERE o.id = l.id";
    if leased.is_empty() {
        return Ok(());
    }
    let message = |one: &Delivery| one.message.map_or(one.id.0, |message| message.0);
    diesel::sql_query(MARK)
        .bind::<Text, _>(&lease.owner)
        .bind::<Timestamptz, _>(lease.until)
        .bind::<Array<BigInt>, _>(column(leased, |one| one.id.0))
        .bind::<Array<BigInt>, _>(column(leased, message))
        .execute(connection)
        .await?;
    Ok(())
}
