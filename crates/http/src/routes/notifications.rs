//! Notifications: the log of deliveries.

pub(crate) mod list;
pub(crate) mod retry;
