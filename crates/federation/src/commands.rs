//! Subcommands other than `serve`, one per file.

pub mod actions;
pub mod alerts;
mod api_key;
pub mod bench;
pub mod completions;
pub mod config;
pub mod edges;
mod events;
pub mod graph;
pub mod health;
pub mod heartbeat;
pub mod keys;
pub mod maintenance;
pub mod man;
pub mod metrics;
pub mod migrate;
pub mod notifications;
pub mod projects;
pub mod status;
pub mod verify;
