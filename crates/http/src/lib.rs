//! The REST API of the federation service.
//!
//! **Owns** the endpoints and their wire format: paths, bodies, status codes, error answers, the
//! OpenAPI document, and the page that shows it. The wire format of a project up to the key
//! `updated_at` is that of the API that this service took over, byte for byte.
//!
//! **Must not know** how projects are stored and how their heartbeats come over the bus: each
//! handler parses, makes one call to a use case of `federation-application`, and converts.
//!
//! **To extend it**: a new endpoint is a file in `routes/` (its handler, its documentation, its
//! tests), one line in the table of `routes.rs` and one in the list of `openapi.rs`; a test holds
//! the two lists against each other. A new way to fail is a variant of `ApiError` in `error.rs`,
//! where the compiler asks for its status code. Who may call an endpoint stands in the
//! same table; what that means is in `auth.rs`.

mod auth;
mod body;
mod change;
mod coding;
mod conditions;
mod error;
mod events;
mod explanation;
mod history;
mod lists;
mod middleware;
mod openapi;
mod params;
mod project;
mod routes;
mod server;
mod stamp;
mod state;
#[cfg(test)]
mod testing;
mod wait;

pub use auth::{Auth, Closed, InvalidDigest, Key, KeyDigest, Keys, Scope, Scopes, spell};
pub use openapi::document;
pub use project::write_project;
pub use routes::configure;
pub use server::{BindError, HttpServer, HttpSettings};
pub use state::ApiState;
