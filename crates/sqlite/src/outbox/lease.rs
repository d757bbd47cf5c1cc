//! Leases of deliveries.

use diesel::alias;
use diesel::dsl::{exists, not};
use diesel::prelude::*;
use federation_domain::{ChannelName, Delivery, DeliveryState, Lease, join_messages};
use time::OffsetDateTime;

use super::{OutboxRow, stored};
use crate::error::SqliteError;
use crate::schema::outbox;

/// Number of deliveries that are read for one lease.
const ROWS: usize = 1_000;

/// Returns the channels with deliveries that are due.
pub(crate) fn due_channels(
    connection: &mut SqliteConnection,
    now: OffsetDateTime,
) -> Result<Vec<ChannelName>, SqliteError> {
    let now = stored(now)?;
    let names: Vec<String> = outbox::table
        .filter(outbox::state.eq(DeliveryState::Pending.as_str()))
        .filter(outbox::due_at.le(&now))
        .select(outbox::channel)
        .distinct()
        .load(connection)?;
    Ok(names.iter().filter_map(|name| ChannelName::parse(name).ok()).collect())
}

/// Leases deliveries. The caller has begun an immediate transaction.
pub(crate) fn lease(
    connection: &mut SqliteConnection,
    lease: &Lease,
) -> Result<Vec<Delivery>, SqliteError> {
    let mut due = eligible(connection, lease, None)?;
    let is_cut = due.len() >= ROWS;
    let opens = due.iter().filter(|one| one.message.is_none() && one.notification.grouped);
    let events: Vec<_> = opens.map(|one| one.notification.event.as_str()).collect();
    if !is_cut && !events.is_empty() {
        due.extend(eligible(connection, lease, Some(&events))?);
    }
    let messages = join_messages(due, is_cut, lease.messages);
    let mut leased = Vec::new();
    for mut delivery in messages.into_iter().flat_map(|message| message.deliveries) {
        delivery.attempts += 1;
        diesel::update(outbox::table.find(delivery.id.0))
            .set((
                outbox::message.eq(delivery.message.map(|message| message.0)),
                outbox::attempts.eq(i64::from(delivery.attempts)),
                outbox::leased_by.eq(&lease.owner),
                outbox::due_at.eq(stored(lease.until)?),
            ))
            .execute(connection)?;
        leased.push(delivery);
    }
    Ok(leased)
}

/// Reads pending deliveries that follow no pending one: those that are due, or those that may join
/// messages with these events. A leased one is not due before the end of its lease.
fn eligible(
    connection: &mut SqliteConnection,
    lease: &Lease,
    joining: Option<&[&str]>,
) -> Result<Vec<Delivery>, SqliteError> {
    let now = stored(lease.now)?;
    let pending = DeliveryState::Pending.as_str();
    let earlier = alias!(outbox as earlier);
    let predecessor = earlier
        .filter(earlier.field(outbox::incident).eq(outbox::incident))
        .filter(earlier.field(outbox::channel).eq(outbox::channel))
        .filter(earlier.field(outbox::sequence).lt(outbox::sequence))
        .filter(earlier.field(outbox::state).eq(pending));
    let mut rows = outbox::table
        .filter(outbox::channel.eq(lease.channel.as_str()))
        .filter(outbox::state.eq(pending))
        .filter(not(exists(predecessor)))
        .order((outbox::due_at, outbox::id))
        .limit(i64::try_from(ROWS).unwrap_or(i64::MAX))
        .select(OutboxRow::as_select())
        .into_boxed();
    rows = match joining {
        None => rows.filter(outbox::due_at.le(now)),
        Some(events) => rows
            .filter(outbox::due_at.gt(now))
            .filter(outbox::grouped.eq(1))
            .filter(outbox::message.is_null())
            .filter(outbox::event.eq_any(events)),
    };
    Ok(rows.load(connection)?.into_iter().filter_map(OutboxRow::readable).collect())
}
