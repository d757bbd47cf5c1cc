//! Notifications that wait for delivery.

mod lease;

use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use federation_domain::{
    ChannelDepth, ChannelName, DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryOutcome,
    DeliveryQuery, DeliveryRecord, DeliveryState, NewNotification, RetriedDelivery, Settlement,
    delivery_error,
};
use time::OffsetDateTime;

use crate::change_log::column;
use crate::error::PgError;
use crate::load::report;
use crate::row::{JsonText, time_of};
use crate::schema::outbox;

pub(crate) use lease::{due_channels, lease};

/// A row of `outbox`.
#[derive(Debug, Queryable, Selectable, QueryableByName)]
#[diesel(table_name = outbox, check_for_backend(Pg))]
struct OutboxRow {
    id: i64,
    incident: String,
    sequence: i64,
    channel: String,
    event: String,
    summary: JsonText,
    grouped: bool,
    state: String,
    message: Option<i64>,
    attempts: i64,
    created_at: PgTimestamp,
    due_at: PgTimestamp,
    expires_at: PgTimestamp,
    finished_at: Option<PgTimestamp>,
    last_error: Option<String>,
}

impl OutboxRow {
    fn into_record(self) -> DeliveryRecord {
        DeliveryRecord {
            id: self.id,
            incident: self.incident,
            sequence: self.sequence,
            channel: self.channel,
            event: self.event,
            summary: serde_json::from_str(&self.summary.into_text()).map_err(Into::into),
            grouped: self.grouped,
            state: self.state,
            message: self.message,
            attempts: self.attempts,
            created_at: time_of(self.created_at).map_err(Into::into),
            due_at: time_of(self.due_at).map_err(Into::into),
            expires_at: time_of(self.expires_at).map_err(Into::into),
            finished_at: self.finished_at.map(time_of).transpose().map_err(Into::into),
            last_error: self.last_error,
        }
    }

    /// Parses a row. Logs an error and returns `None` if the row does not parse.
    fn readable(self) -> Option<Delivery> {
        self.into_record().parse().map_err(|error| report(&error)).ok()
    }
}

/// Stores notifications and returns the number of new ones. The caller has begun a transaction.
pub(crate) async fn enqueue(
    connection: &mut AsyncPgConnection,
    notifications: &[NewNotification],
) -> Result<usize, PgError> {
    const INSERT: &str = "
        INSERT INTO outbox (incident, sequence, channel, event, summary, grouped, created_at, due_at,
                            expires_at)
        SELECT incident, sequence, channel, event, summary::json, is_grouped, created_at, due_at,
               expires_at
        FROM unnest($1, $2, $3, $4, $5, $6, $7, $8, $9)
            AS n (incident, sequence, channel, event, summary, is_grouped, created_at, due_at,
                  expires_at)
        ON CONFLICT (incident, channel, sequence) DO NOTHING";
    if notifications.is_empty() {
        return Ok(0);
    }
    let summaries: Result<Vec<String>, _> =
        notifications.iter().map(|one| serde_json::to_string(&one.summary)).collect();
    let stored = diesel::sql_query(INSERT)
        .bind::<Array<Text>, _>(column(notifications, |one| one.incident.as_str()))
        .bind::<Array<BigInt>, _>(column(notifications, |one| one.sequence))
        .bind::<Array<Text>, _>(column(notifications, |one| one.channel.as_str()))
        .bind::<Array<Text>, _>(column(notifications, |one| one.event.as_str()))
        .bind::<Array<Text>, _>(summaries.map_err(PgError::failed)?)
        .bind::<Array<Bool>, _>(column(notifications, |one| one.grouped))
        .bind::<Array<Timestamptz>, _>(column(notifications, |one| one.at))
        .bind::<Array<Timestamptz>, _>(column(notifications, |one| one.due_at))
        .bind::<Array<Timestamptz>, _>(column(notifications, |one| one.due_at + DELIVERY_PERIOD))
        .execute(connection)
        .await?;
    Ok(stored)
}

/// Ends leases. The caller has begun a transaction.
pub(crate) async fn settle(
    connection: &mut AsyncPgConnection,
    owner: &str,
    settlements: &[Settlement],
) -> Result<usize, PgError> {
    const UPDATE: &str = "
        UPDATE outbox AS o
        SET state = s.state, due_at = coalesce(s.due_at, o.due_at), finished_at = s.finished_at,
            last_error = s.last_error, leased_by = NULL
        FROM unnest($2, $3, $4, $5, $6) AS s (message, state, due_at, finished_at, last_error)
        WHERE o.message = s.message AND o.state = 'pending' AND o.leased_by = $1";
    if settlements.is_empty() {
        return Ok(0);
    }
    let ended: Vec<_> = settlements.iter().map(Ended::of).collect();
    let settled = diesel::sql_query(UPDATE)
        .bind::<Text, _>(owner)
        .bind::<Array<BigInt>, _>(column(settlements, |one| one.message.0))
        .bind::<Array<Text>, _>(column(&ended, |one| one.state.as_str()))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(&ended, |one| one.due_at))
        .bind::<Array<Nullable<Timestamptz>>, _>(column(&ended, |one| one.finished_at))
        .bind::<Array<Nullable<Text>>, _>(column(&ended, |one| one.error.as_deref()))
        .execute(connection)
        .await?;
    Ok(settled)
}

/// Columns of an outcome.
struct Ended {
    state: DeliveryState,
    due_at: Option<OffsetDateTime>,
    finished_at: Option<OffsetDateTime>,
    error: Option<String>,
}

impl Ended {
    fn of(settlement: &Settlement) -> Self {
        let finished_at = Some(settlement.at);
        match &settlement.outcome {
            DeliveryOutcome::Delivered => {
                Self { state: DeliveryState::Delivered, due_at: None, finished_at, error: None }
            }
            DeliveryOutcome::Failed { error, retry_at } => Self {
                state: DeliveryState::Pending,
                due_at: Some(*retry_at),
                finished_at: None,
                error: Some(delivery_error(error)),
            },
            DeliveryOutcome::Dead { error } => Self {
                state: DeliveryState::Dead,
                due_at: None,
                finished_at,
                error: Some(delivery_error(error)),
            },
        }
    }
}

/// Reads deliveries, newest first.
pub(crate) async fn select(
    connection: &mut AsyncPgConnection,
    query: &DeliveryQuery,
) -> Result<Vec<Delivery>, PgError> {
    let mut rows = outbox::table
        .order(outbox::id.desc())
        .limit(i64::try_from(query.limit).unwrap_or(i64::MAX))
        .select(<OutboxRow as SelectableHelper<Pg>>::as_select())
        .into_boxed();
    if let Some(channel) = &query.channel {
        rows = rows.filter(outbox::channel.eq(channel.as_str()));
    }
    if let Some(state) = query.state {
        rows = rows.filter(outbox::state.eq(state.as_str()));
    }
    if let Some(incident) = &query.incident {
        rows = rows.filter(outbox::incident.eq(incident));
    }
    if let Some(before) = query.before {
        rows = rows.filter(outbox::id.lt(before.0));
    }
    let rows: Vec<OutboxRow> = rows.load(connection).await?;
    Ok(rows.into_iter().filter_map(OutboxRow::readable).collect())
}

/// Makes the message of a dead delivery pending again. The caller has begun a transaction.
pub(crate) async fn retry(
    connection: &mut AsyncPgConnection,
    id: DeliveryId,
    now: OffsetDateTime,
) -> Result<RetriedDelivery, PgError> {
    const LATER: &str = "
        SELECT count(*) AS rows FROM outbox AS o JOIN outbox AS later USING (incident, channel)
        WHERE coalesce(o.message, o.id) = $1 AND o.state = 'dead' AND later.sequence > o.sequence
          AND later.message IS NOT NULL";
    const UPDATE: &str = "
        UPDATE outbox
        SET state = 'pending', due_at = $2, expires_at = $3, finished_at = NULL, leased_by = NULL
        WHERE (id = $1 OR message = $1) AND state = 'dead'
        RETURNING *";
    let found: Option<(Option<i64>, String)> = outbox::table
        .find(id.0)
        .select((outbox::message, outbox::state))
        .for_update()
        .get_result(connection)
        .await
        .optional()?;
    let Some((message, state)) = found else { return Ok(RetriedDelivery::Unknown) };
    let state = DeliveryState::parse(&state).map_err(PgError::failed)?;
    if state != DeliveryState::Dead {
        return Ok(RetriedDelivery::NotDead(state));
    }
    let message = message.unwrap_or(id.0);
    let later = diesel::sql_query(LATER).bind::<BigInt, _>(message);
    if later.get_result::<Count>(connection).await?.rows > 0 {
        return Ok(RetriedDelivery::Superseded);
    }
    let rows: Vec<OutboxRow> = diesel::sql_query(UPDATE)
        .bind::<BigInt, _>(message)
        .bind::<Timestamptz, _>(now)
        .bind::<Timestamptz, _>(now + DELIVERY_PERIOD)
        .load(connection)
        .await?;
    Ok(RetriedDelivery::Pending(rows.into_iter().filter_map(OutboxRow::readable).collect()))
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    rows: i64,
}

#[derive(QueryableByName)]
struct DepthRow {
    #[diesel(sql_type = Text)]
    channel: String,
    #[diesel(sql_type = BigInt)]
    pending: i64,
    #[diesel(sql_type = BigInt)]
    dead: i64,
}

/// Counts the deliveries that are not delivered, by channel.
pub(crate) async fn depth(
    connection: &mut AsyncPgConnection,
) -> Result<Vec<ChannelDepth>, PgError> {
    const COUNT: &str = "
        SELECT channel, sum(pending)::bigint AS pending, sum(dead)::bigint AS dead
        FROM (SELECT channel, count(*) AS pending, 0 AS dead FROM outbox
              WHERE state = 'pending' GROUP BY channel
              UNION ALL
              SELECT channel, 0, count(*) FROM outbox WHERE state = 'dead' GROUP BY channel) AS n
        GROUP BY channel ORDER BY channel";
    let rows: Vec<DepthRow> = diesel::sql_query(COUNT).load(connection).await?;
    let depth = rows.into_iter().filter_map(|row| {
        let channel = ChannelName::parse(&row.channel).ok()?;
        let count = |count| u64::try_from(count).unwrap_or_default();
        Some(ChannelDepth { channel, pending: count(row.pending), dead: count(row.dead) })
    });
    Ok(depth.collect())
}

/// Gives up expired deliveries of channels that are gone or away, and drops old ones that are finished.
pub(crate) async fn tidy(
    connection: &mut AsyncPgConnection,
    reached: &[ChannelName],
    now: OffsetDateTime,
    drop_before: OffsetDateTime,
    limit: usize,
) -> Result<usize, PgError> {
    const EXPIRE: &str = "
        UPDATE outbox
        SET state = 'dead', finished_at = $1, leased_by = NULL,
            last_error = coalesce(last_error, 'the channel was not reached in time')
        WHERE state = 'pending' AND expires_at <= $1 AND channel <> ALL ($2)
          AND due_at <= $1";
    const DROP: &str = "
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE finished_at < $1 ORDER BY finished_at LIMIT $2
            FOR UPDATE SKIP LOCKED)";
    let expired = diesel::sql_query(EXPIRE)
        .bind::<Timestamptz, _>(now)
        .bind::<Array<Text>, _>(column(reached, ChannelName::as_str))
        .execute(connection)
        .await?;
    let dropped = diesel::sql_query(DROP)
        .bind::<Timestamptz, _>(drop_before)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(connection)
        .await?;
    Ok(expired + dropped)
}
