//! The federation service as a program.
//!
//! **Owns** the settings, the wiring of the crates, the command line, the set-up of the log, start
//! and stop.
//!
//! **Must not know** business rules: what a project is and when it is alive is the domain's, what
//! happens to it is the application's.
//!
//! **To extend it**: a new setting is a field in a section of [`settings`] and reaches the service
//! through [`settings::ServeSettings`]; a new subcommand is a file in [`commands`] and a variant
//! of [`cli::Command`].

pub mod cli;
pub mod commands;
pub mod dotenv;
mod files;
pub mod keys_file;
pub mod log;
mod open_files;
pub mod output;
pub mod projects_file;
pub mod serve;
pub mod settings;
mod signals;
pub mod store;
