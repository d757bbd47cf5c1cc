//! Tests of the built binary.

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails cannot go on")]

mod cli;
mod endpoints;
mod heartbeat;
mod keys;
mod metrics;
mod program;
mod projects;
mod service;
mod verify;
