//! Parsing of stored deliveries, shared by all stores.

use std::error::Error;

use time::OffsetDateTime;

use super::{
    ChannelName, Delivery, DeliveryId, DeliveryState, IncidentSummary, MessageId, NewNotification,
    NotificationEvent,
};
use crate::error::StoreError;
use crate::stored::Decoded;

/// The columns of a stored delivery.
#[derive(Debug)]
pub struct DeliveryRecord {
    /// Primary key.
    pub id: i64,
    /// See [`NewNotification::incident`].
    pub incident: String,
    /// See [`NewNotification::sequence`].
    pub sequence: i64,
    /// See [`ChannelName`].
    pub channel: String,
    /// See [`NotificationEvent`].
    pub event: String,
    /// Summary, decoded from JSON.
    pub summary: Decoded<IncidentSummary>,
    /// See [`NewNotification::grouped`].
    pub grouped: bool,
    /// See [`DeliveryState`].
    pub state: String,
    /// See [`Delivery::message`].
    pub message: Option<i64>,
    /// See [`Delivery::attempts`].
    pub attempts: i64,
    /// Time of the event.
    pub created_at: Decoded<OffsetDateTime>,
    /// Time of the next attempt.
    pub due_at: Decoded<OffsetDateTime>,
    /// See [`Delivery::expires_at`].
    pub expires_at: Decoded<OffsetDateTime>,
    /// See [`Delivery::finished_at`].
    pub finished_at: Decoded<Option<OffsetDateTime>>,
    /// See [`Delivery::last_error`].
    pub last_error: Option<String>,
}

impl DeliveryRecord {
    /// Parses the columns.
    ///
    /// # Errors
    /// Returns [`StoreError::Corrupt`] for the first column that does not parse.
    pub fn parse(self) -> Result<Delivery, StoreError> {
        let id = self.id;
        let corrupt = |column| {
            move |source: Box<dyn Error + Send + Sync>| StoreError::Corrupt {
                table: "outbox",
                column,
                row: id,
                source,
            }
        };
        let channel = ChannelName::parse(&self.channel);
        let event = NotificationEvent::parse(&self.event);
        let state = DeliveryState::parse(&self.state);
        let notification = NewNotification {
            incident: self.incident,
            sequence: self.sequence,
            channel: channel.map_err(|error| corrupt("channel")(error.into()))?,
            event: event.map_err(|error| corrupt("event")(error.into()))?,
            summary: self.summary.map_err(corrupt("summary"))?,
            at: self.created_at.map_err(corrupt("created_at"))?,
            due_at: self.due_at.map_err(corrupt("due_at"))?,
            grouped: self.grouped,
        };
        Ok(Delivery {
            id: DeliveryId(id),
            notification,
            state: state.map_err(|error| corrupt("state")(error.into()))?,
            message: self.message.map(MessageId),
            attempts: u32::try_from(self.attempts).unwrap_or(u32::MAX),
            expires_at: self.expires_at.map_err(corrupt("expires_at"))?,
            last_error: self.last_error,
            finished_at: self.finished_at.map_err(corrupt("finished_at"))?,
        })
    }
}
