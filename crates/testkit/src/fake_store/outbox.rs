//! Notifications that wait for delivery.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use federation_domain::{
    ChannelDepth, ChannelName, DELIVERY_PERIOD, Delivery, DeliveryId, DeliveryOutcome,
    DeliveryQuery, DeliveryState, Lease, MessageId, NewNotification, Outbox, RetriedDelivery,
    Settlement, StoreError, delivery_error, join_messages,
};
use time::OffsetDateTime;

use super::FakeStore;

/// Rows by id, with the owner of the lease. A lease moves `due_at` to its end.
#[derive(Default, Clone)]
pub(super) struct OutboxTable {
    rows: BTreeMap<DeliveryId, Row>,
    last_id: i64,
}

#[derive(Clone)]
struct Row {
    delivery: Delivery,
    leased_by: Option<String>,
}

impl Row {
    fn is_pending(&self) -> bool {
        self.delivery.state == DeliveryState::Pending
    }

    fn is_due(&self, now: OffsetDateTime) -> bool {
        self.is_pending() && self.delivery.notification.due_at <= now
    }

    /// Returns whether this is a row of the same incident and channel with a smaller sequence.
    fn precedes(&self, other: &Self) -> bool {
        let (mine, other) = (&self.delivery.notification, &other.delivery.notification);
        mine.incident == other.incident
            && mine.channel == other.channel
            && mine.sequence < other.sequence
    }

    fn message(&self) -> MessageId {
        self.delivery.message.unwrap_or(MessageId(self.delivery.id.0))
    }

    fn finish(&mut self, state: DeliveryState, error: Option<&str>, at: OffsetDateTime) {
        self.delivery.state = state;
        self.delivery.last_error = error.map(delivery_error);
        self.delivery.finished_at = Some(at);
    }
}

impl OutboxTable {
    /// Stores notifications and returns the number of new ones.
    pub(super) fn enqueue(&mut self, notifications: &[NewNotification]) -> usize {
        let before = self.rows.len();
        for new in notifications {
            let is_known = self.rows.values().any(|row| {
                let known = &row.delivery.notification;
                (&known.incident, known.sequence, &known.channel)
                    == (&new.incident, new.sequence, &new.channel)
            });
            if is_known {
                continue;
            }
            self.last_id += 1;
            let delivery = Delivery {
                id: DeliveryId(self.last_id),
                notification: new.clone(),
                state: DeliveryState::Pending,
                message: None,
                attempts: 0,
                expires_at: new.due_at + DELIVERY_PERIOD,
                last_error: None,
                finished_at: None,
            };
            self.rows.insert(delivery.id, Row { delivery, leased_by: None });
        }
        self.rows.len() - before
    }

    fn lease(&mut self, lease: &Lease) -> Vec<Delivery> {
        let eligible = self.rows.values().filter(|row| {
            row.delivery.notification.channel == lease.channel
                && row.is_pending()
                && !self.rows.values().any(|other| other.is_pending() && other.precedes(row))
        });
        let eligible = eligible.map(|row| row.delivery.clone());
        let (mut due, later): (Vec<_>, Vec<_>) =
            eligible.partition(|one| one.notification.due_at <= lease.now);
        let is_open = |one: &Delivery| one.message.is_none() && one.notification.grouped;
        let opens = due.iter().filter(|one| is_open(one));
        let events: BTreeSet<_> = opens.map(|one| one.notification.event).collect();
        let joins = |one: &Delivery| is_open(one) && events.contains(&one.notification.event);
        due.extend(later.into_iter().filter(joins));
        due.sort_by_key(|one| (one.notification.due_at, one.id));
        let messages = join_messages(due, false, lease.messages);
        let mut leased: Vec<_> = messages.into_iter().flat_map(|one| one.deliveries).collect();
        for delivery in &mut leased {
            delivery.attempts += 1;
            let leased_by = Some(lease.owner.clone());
            let mut row = Row { delivery: delivery.clone(), leased_by };
            row.delivery.notification.due_at = lease.until;
            self.rows.insert(delivery.id, row);
        }
        leased
    }

    fn settle(&mut self, owner: &str, settlement: &Settlement) -> usize {
        let mut settled = 0;
        for row in self.rows.values_mut() {
            let is_leased = row.leased_by.as_deref() == Some(owner);
            if row.message() != settlement.message || !row.is_pending() || !is_leased {
                continue;
            }
            row.leased_by = None;
            settled += 1;
            match &settlement.outcome {
                DeliveryOutcome::Delivered => {
                    row.finish(DeliveryState::Delivered, None, settlement.at);
                }
                DeliveryOutcome::Dead { error } => {
                    row.finish(DeliveryState::Dead, Some(error), settlement.at);
                }
                DeliveryOutcome::Failed { error, retry_at } => {
                    row.delivery.notification.due_at = *retry_at;
                    row.delivery.last_error = Some(delivery_error(error));
                }
            }
        }
        settled
    }

    fn retry(&mut self, id: DeliveryId, now: OffsetDateTime) -> RetriedDelivery {
        let Some(row) = self.rows.get(&id) else { return RetriedDelivery::Unknown };
        if row.delivery.state != DeliveryState::Dead {
            return RetriedDelivery::NotDead(row.delivery.state);
        }
        let message = row.message();
        let is_retried =
            |row: &Row| row.message() == message && row.delivery.state == DeliveryState::Dead;
        let is_superseded = self.rows.values().filter(|row| is_retried(row)).any(|row| {
            let mut others = self.rows.values();
            others.any(|other| row.precedes(other) && other.delivery.message.is_some())
        });
        if is_superseded {
            return RetriedDelivery::Superseded;
        }
        let retried = self.rows.values_mut().filter(|row| is_retried(row)).map(|row| {
            row.leased_by = None;
            row.delivery.state = DeliveryState::Pending;
            row.delivery.notification.due_at = now;
            row.delivery.expires_at = now + DELIVERY_PERIOD;
            row.delivery.finished_at = None;
            row.delivery.clone()
        });
        RetriedDelivery::Pending(retried.collect())
    }

    fn tidy(
        &mut self,
        reached: &[ChannelName],
        now: OffsetDateTime,
        drop_before: OffsetDateTime,
        limit: usize,
    ) -> usize {
        let mut changed = 0;
        for row in self.rows.values_mut() {
            let is_unreached = !reached.contains(&row.delivery.notification.channel);
            if is_unreached && row.is_due(now) && row.delivery.expires_at <= now {
                let error = row.delivery.last_error.take();
                let error = error.as_deref().unwrap_or("the channel was not reached in time");
                row.finish(DeliveryState::Dead, Some(error), now);
                changed += 1;
            }
        }
        let is_old = |row: &Row| row.delivery.finished_at.is_some_and(|at| at < drop_before);
        let mut old: Vec<_> = self.rows.values().filter(|row| is_old(row)).collect();
        old.sort_by_key(|row| row.delivery.finished_at);
        let old: Vec<_> = old.into_iter().take(limit).map(|row| row.delivery.id).collect();
        old.iter().for_each(|id| drop(self.rows.remove(id)));
        changed + old.len()
    }
}

#[async_trait]
impl Outbox for FakeStore {
    async fn enqueue(&self, notifications: &[NewNotification]) -> Result<usize, StoreError> {
        Ok(self.tables()?.outbox.enqueue(notifications))
    }

    async fn due_channels(&self, now: OffsetDateTime) -> Result<Vec<ChannelName>, StoreError> {
        let tables = self.tables()?;
        let due = tables.outbox.rows.values().filter(|row| row.is_due(now));
        let channels: BTreeSet<_> =
            due.map(|row| row.delivery.notification.channel.clone()).collect();
        Ok(channels.into_iter().collect())
    }

    async fn lease(&self, lease: &Lease) -> Result<Vec<Delivery>, StoreError> {
        Ok(self.tables()?.outbox.lease(lease))
    }

    async fn settle(&self, owner: &str, settlements: &[Settlement]) -> Result<usize, StoreError> {
        let mut tables = self.tables()?;
        Ok(settlements.iter().map(|one| tables.outbox.settle(owner, one)).sum())
    }

    async fn deliveries(&self, query: &DeliveryQuery) -> Result<Vec<Delivery>, StoreError> {
        let tables = self.tables()?;
        let all = tables.outbox.rows.values().rev().map(|row| &row.delivery);
        let chosen = all.filter(|one| {
            let notification = &one.notification;
            query.channel.as_ref().is_none_or(|channel| *channel == notification.channel)
                && query.state.is_none_or(|state| state == one.state)
                && query.incident.as_ref().is_none_or(|id| *id == notification.incident)
                && query.before.is_none_or(|before| one.id < before)
        });
        Ok(chosen.take(query.limit).cloned().collect())
    }

    async fn retry_delivery(
        &self,
        id: DeliveryId,
        now: OffsetDateTime,
    ) -> Result<RetriedDelivery, StoreError> {
        Ok(self.tables()?.outbox.retry(id, now))
    }

    async fn outbox_depth(&self) -> Result<Vec<ChannelDepth>, StoreError> {
        let tables = self.tables()?;
        let mut depth: BTreeMap<ChannelName, ChannelDepth> = BTreeMap::new();
        for row in tables.outbox.rows.values() {
            let channel = row.delivery.notification.channel.clone();
            let (pending, dead) = match row.delivery.state {
                DeliveryState::Pending => (1, 0),
                DeliveryState::Dead => (0, 1),
                DeliveryState::Delivered => continue,
            };
            let empty = || ChannelDepth { channel: channel.clone(), pending: 0, dead: 0 };
            let of_channel = depth.entry(channel.clone()).or_insert_with(empty);
            of_channel.pending += pending;
            of_channel.dead += dead;
        }
        Ok(depth.into_values().collect())
    }

    async fn tidy_outbox(
        &self,
        reached: &[ChannelName],
        now: OffsetDateTime,
        drop_before: OffsetDateTime,
        limit: usize,
    ) -> Result<usize, StoreError> {
        Ok(self.tables()?.outbox.tidy(reached, now, drop_before, limit))
    }
}
