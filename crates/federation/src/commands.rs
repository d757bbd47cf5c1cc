//! The subcommands beside `serve`, one in each file.

pub mod bench;
pub mod completions;
pub mod config;
pub mod health;
pub mod heartbeat;
pub mod migrate;
pub mod projects;
