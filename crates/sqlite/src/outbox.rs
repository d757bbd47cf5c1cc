//! Notifications that wait for delivery.

mod lease;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Text};
use diesel::sqlite::Sqlite;
use federation_domain::{
    ChannelDepth, ChannelName, DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryOutcome,
    DeliveryQuery, DeliveryRecord, DeliveryState, NewNotification, RetriedDelivery, Settlement,
    delivery_error,
};
use time::OffsetDateTime;

use crate::error::SqliteError;
use crate::load::report;
use crate::schema::outbox;
use crate::timestamp::{text_of, time_of};

pub(crate) use lease::{due_channels, lease};

/// A row of `outbox`.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = outbox, check_for_backend(Sqlite))]
struct OutboxRow {
    id: i64,
    incident: String,
    sequence: i64,
    channel: String,
    event: String,
    summary: String,
    grouped: i64,
    state: String,
    message: Option<i64>,
    attempts: i64,
    created_at: String,
    due_at: String,
    expires_at: String,
    finished_at: Option<String>,
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
            summary: serde_json::from_str(&self.summary).map_err(Into::into),
            grouped: self.grouped != 0,
            state: self.state,
            message: self.message,
            attempts: self.attempts,
            created_at: time_of(&self.created_at).map_err(Into::into),
            due_at: time_of(&self.due_at).map_err(Into::into),
            expires_at: time_of(&self.expires_at).map_err(Into::into),
            finished_at: self.finished_at.as_deref().map(time_of).transpose().map_err(Into::into),
            last_error: self.last_error,
        }
    }

    /// Parses a row. Logs an error and returns `None` if the row does not parse.
    fn readable(self) -> Option<Delivery> {
        self.into_record().parse().map_err(|error| report(&error)).ok()
    }
}

fn stored(time: OffsetDateTime) -> Result<String, SqliteError> {
    text_of(time).map_err(SqliteError::failed)
}

/// Stores notifications and returns the number of new ones. The caller has begun an immediate
/// transaction.
pub(crate) fn enqueue(
    connection: &mut SqliteConnection,
    notifications: &[NewNotification],
) -> Result<usize, SqliteError> {
    let mut new = 0;
    for one in notifications {
        let summary = serde_json::to_string(&one.summary).map_err(SqliteError::failed)?;
        new += diesel::insert_into(outbox::table)
            .values((
                outbox::incident.eq(&one.incident),
                outbox::sequence.eq(one.sequence),
                outbox::channel.eq(one.channel.as_str()),
                outbox::event.eq(one.event.as_str()),
                outbox::summary.eq(summary),
                outbox::grouped.eq(i64::from(one.grouped)),
                outbox::created_at.eq(stored(one.at)?),
                outbox::due_at.eq(stored(one.due_at)?),
                outbox::expires_at.eq(stored(one.due_at + DELIVERY_PERIOD)?),
            ))
            .on_conflict((outbox::incident, outbox::channel, outbox::sequence))
            .do_nothing()
            .execute(connection)?;
    }
    Ok(new)
}

/// Ends leases. The caller has begun an immediate transaction.
pub(crate) fn settle(
    connection: &mut SqliteConnection,
    owner: &str,
    settlements: &[Settlement],
) -> Result<usize, SqliteError> {
    let mut settled = 0;
    let nothing = None::<String>;
    for one in settlements {
        let leased = outbox::table
            .filter(outbox::message.eq(one.message.0))
            .filter(outbox::state.eq(DeliveryState::Pending.as_str()))
            .filter(outbox::leased_by.eq(owner));
        let free = outbox::leased_by.eq(&nothing);
        let (state, error) = match &one.outcome {
            DeliveryOutcome::Delivered => (DeliveryState::Delivered, None),
            DeliveryOutcome::Dead { error } => (DeliveryState::Dead, Some(delivery_error(error))),
            DeliveryOutcome::Failed { error, retry_at } => {
                let due_at = outbox::due_at.eq(stored(*retry_at)?);
                let error = outbox::last_error.eq(delivery_error(error));
                settled += diesel::update(leased).set((free, due_at, error)).execute(connection)?;
                continue;
            }
        };
        let state = outbox::state.eq(state.as_str());
        let finished_at = outbox::finished_at.eq(stored(one.at)?);
        let end = (free, state, finished_at, outbox::last_error.eq(error));
        settled += diesel::update(leased).set(end).execute(connection)?;
    }
    Ok(settled)
}

/// Reads deliveries, newest first.
pub(crate) fn select(
    connection: &mut SqliteConnection,
    query: &DeliveryQuery,
) -> Result<Vec<Delivery>, SqliteError> {
    let mut rows = outbox::table
        .order(outbox::id.desc())
        .limit(i64::try_from(query.limit).unwrap_or(i64::MAX))
        .select(OutboxRow::as_select())
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
    Ok(rows.load(connection)?.into_iter().filter_map(OutboxRow::readable).collect())
}

/// Makes the message of a dead delivery pending again. The caller has begun an immediate transaction.
pub(crate) fn retry(
    connection: &mut SqliteConnection,
    id: DeliveryId,
    now: OffsetDateTime,
) -> Result<RetriedDelivery, SqliteError> {
    const LATER: &str = "
        SELECT count(*) AS rows FROM outbox AS o JOIN outbox AS later USING (incident, channel)
        WHERE coalesce(o.message, o.id) = $1 AND o.state = 'dead' AND later.sequence > o.sequence
          AND later.message IS NOT NULL";
    let found: Option<(Option<i64>, String)> = outbox::table
        .find(id.0)
        .select((outbox::message, outbox::state))
        .get_result(connection)
        .optional()?;
    let Some((message, state)) = found else { return Ok(RetriedDelivery::Unknown) };
    let state = DeliveryState::parse(&state).map_err(SqliteError::failed)?;
    if state != DeliveryState::Dead {
        return Ok(RetriedDelivery::NotDead(state));
    }
    let message = message.unwrap_or(id.0);
    let later = diesel::sql_query(LATER).bind::<BigInt, _>(message);
    if later.get_result::<Count>(connection)?.rows > 0 {
        return Ok(RetriedDelivery::Superseded);
    }
    let nothing = None::<String>;
    let dead = outbox::table
        .filter(outbox::id.eq(message).or(outbox::message.eq(message)))
        .filter(outbox::state.eq(DeliveryState::Dead.as_str()));
    let rows = diesel::update(dead)
        .set((
            outbox::state.eq(DeliveryState::Pending.as_str()),
            outbox::due_at.eq(stored(now)?),
            outbox::expires_at.eq(stored(now + DELIVERY_PERIOD)?),
            outbox::finished_at.eq(&nothing),
            outbox::leased_by.eq(&nothing),
        ))
        .returning(OutboxRow::as_returning())
        .load(connection)?;
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
pub(crate) fn depth(connection: &mut SqliteConnection) -> Result<Vec<ChannelDepth>, SqliteError> {
    const COUNT: &str = "
        SELECT channel, sum(pending) AS pending, sum(dead) AS dead
        FROM (SELECT channel, count(*) AS pending, 0 AS dead FROM outbox
              WHERE state = 'pending' GROUP BY channel
              UNION ALL
              SELECT channel, 0, count(*) FROM outbox WHERE state = 'dead' GROUP BY channel)
        GROUP BY channel ORDER BY channel";
    let rows: Vec<DepthRow> = diesel::sql_query(COUNT).load(connection)?;
    let depth = rows.into_iter().filter_map(|row| {
        let channel = ChannelName::parse(&row.channel).ok()?;
        let count = |count| u64::try_from(count).unwrap_or_default();
        Some(ChannelDepth { channel, pending: count(row.pending), dead: count(row.dead) })
    });
    Ok(depth.collect())
}

/// Gives up expired deliveries of channels that are gone or away, and drops old ones that are finished.
pub(crate) fn tidy(
    connection: &mut SqliteConnection,
    reached: &[ChannelName],
    now: OffsetDateTime,
    drop_before: OffsetDateTime,
    limit: usize,
) -> Result<usize, SqliteError> {
    const EXPIRE: &str = "
        UPDATE outbox
        SET state = 'dead', finished_at = $1, leased_by = NULL,
            last_error = coalesce(last_error, 'the channel was not reached in time')
        WHERE state = 'pending' AND expires_at <= $1
          AND channel NOT IN (SELECT value FROM json_each($2))
          AND due_at <= $1";
    const DROP: &str = "
        DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE finished_at < $1 ORDER BY finished_at LIMIT $2)";
    let names: Vec<&str> = reached.iter().map(ChannelName::as_str).collect();
    let expired = diesel::sql_query(EXPIRE)
        .bind::<Text, _>(stored(now)?)
        .bind::<Text, _>(serde_json::to_string(&names).map_err(SqliteError::failed)?)
        .execute(connection)?;
    let dropped = diesel::sql_query(DROP)
        .bind::<Text, _>(stored(drop_before)?)
        .bind::<BigInt, _>(i64::try_from(limit).unwrap_or(i64::MAX))
        .execute(connection)?;
    Ok(expired + dropped)
}
