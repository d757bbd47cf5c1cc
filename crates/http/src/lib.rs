//! The REST API of the federation service.
//!
//! **Owns** the endpoints and their wire format: paths, bodies, status codes, error responses, the
//! OpenAPI document, and the page that shows it. The JSON of a project up to the key `updated_at` is
//! identical to that of the predecessor API, byte for byte.
//!
//! **Must not know** how projects are stored or how heartbeats arrive over the bus. A handler parses
//! the request, makes one call to a use case of `federation-application`, and converts the result.
//!
//! **To extend it**: a new endpoint is a file in `routes/` with its handler, documentation and tests,
//! one entry in the table of `routes.rs`, and one entry in the list of `openapi.rs`. A test compares
//! the table with the list. A new kind of error is a variant of `ApiError` in `error.rs`, where an
//! exhaustive match requires its status code. The table also defines which scope a handler requires;
//! `auth.rs` explains access control.
//!
//! ```text
//! server ─▶ app ─▶ openapi ─▶ routes ─▶ state ─▶ lists, auth
//!                               │
//!                               ├─▶ body, params, conditions   requests
//!                               └─▶ wire, shapes, error        responses
//! ```
//!
//! Dependencies follow the arrows only. Routes do not know the document that describes them.

mod app;
mod auth;
mod badges;
mod body;
mod clients;
mod coding;
mod conditions;
mod connection;
mod cors;
mod encoded;
mod error;
mod events;
mod graphs;
mod lists;
mod long_poll;
mod middleware;
mod openapi;
mod params;
mod public_url;
mod routes;
mod server;
mod shapes;
mod sliced;
mod slot;
mod state;
#[cfg(test)]
mod testing;
mod text;
mod wire;

pub use app::configure;
pub use auth::{
    Auth, Closed, InvalidDigest, Key, KeyDigest, Keys, QueryRejection, Scope, Scopes, format_key,
};
pub use badges::BadgePolicy;
pub use cors::Cors;
pub use openapi::document;
pub use public_url::PublicUrl;
pub use server::{BindError, HttpServer, HttpSettings};
pub use state::{ApiState, MAX_STREAMS_PER_CLIENT};
pub use wire::graph::{AssessProject, write_graph};
pub use wire::kpis::append_figures;
pub use wire::project::write::write_project;
