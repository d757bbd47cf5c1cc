//! Path and query parameters.

pub(crate) mod across;
pub(crate) mod actions;
pub(crate) mod alerts;
pub(crate) mod badge;
mod cursor;
pub(crate) mod events;
mod filters;
pub(crate) mod graph;
pub(crate) mod graph_schema;
pub(crate) mod list;
pub(crate) mod list_schema;
pub(crate) mod maintenance;
pub(crate) mod notifications;
mod number;
pub(crate) mod page;
mod pairs;
mod position;
pub(crate) mod series;
pub(crate) mod slug;
pub(crate) mod uptime;
pub(crate) mod wait;
