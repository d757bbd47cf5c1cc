//! The federation program.
//!
//! **Owns** the settings, the wiring of the crates, the command line, the log, start and stop.
//!
//! **Must not know** business rules. The domain defines a project and its liveness; the application
//! has the use cases.
//!
//! **To extend it**: a new setting is a field in a section of [`settings`] and reaches the service
//! through [`settings::ServeSettings`]; a new subcommand is a file in [`commands`] and a variant
//! of [`cli::Command`]. [`mod@reference`] generates `docs/CONFIGURATION.md` and `.env.example`.

pub mod alerts_file;
pub mod cli;
pub mod commands;
pub mod dotenv;
mod files;
pub mod keys_file;
pub mod log;
mod open_files;
pub mod output;
pub mod projects_file;
pub mod reference;
pub mod serve;
pub mod settings;
mod signals;
pub mod store;
