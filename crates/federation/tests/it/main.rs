//! The built binary, as people and init systems meet it.

#![expect(clippy::unwrap_used, reason = "a test whose set-up fails cannot go on")]

mod cli;
mod heartbeat;
mod keys;
mod program;
mod projects;
mod service;
