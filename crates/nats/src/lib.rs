//! Heartbeats over NATS: hearing those of all projects, and sending those of one; and what the
//! replicas of the service say to each other.
//!
//! **Owns** the subjects ([`subjects`]), the formats of the messages ([`wire`]), connections and
//! their state, the [`HeartbeatSubscriber`] with its proof of hearing, the [`HeartbeatPublisher`]
//! that a Rust project embeds, and [`Peers`], which tells of changes, hands on heartbeats that came
//! over HTTP, and asks projects whether they are alive; and the catalog as a micro service
//! ([`CatalogService`]).
//!
//! **Must not know** SQL and HTTP, when a project is late, and who is in the catalog: it hands on
//! heartbeats and proofs of hearing, the application decides.
//!
//! **To extend it**: a new optional field is a line in `wire/decode.rs` and a reader in
//! `wire/fields.rs`; a new subject is a function in [`subjects`] and an inbox of the subscriber,
//! which must be among those that are drained in front of a sentinel.
//!
//! # Sending heartbeats from a project of your own
//!
//! ```no_run
//! use federation_domain::{HubUrl, Slug};
//! use federation_nats::{HeartbeatPublisher, NatsSettings, PublisherSettings};
//! use tokio_util::sync::CancellationToken;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # let shutdown = CancellationToken::new();
//! let settings = PublisherSettings::new(
//!     Slug::parse("docs")?,
//!     HubUrl::parse("http://localhost:8100")?,
//!     NatsSettings::new("nats://localhost:4222"),
//! );
//! // Wrong settings are an error here; an absent broker is not: it is tried for ever.
//! let publisher = HeartbeatPublisher::connect(settings).await?;
//! let reporter = publisher.reporter();
//! tokio::spawn(publisher.run(shutdown.clone()));
//!
//! // From anywhere in the project; each change is sent at once.
//! reporter.report_degraded(["queue backlog"]);
//! reporter.report_online();
//!
//! shutdown.cancel();
//! # Ok(())
//! # }
//! ```

mod catalog;
mod connection;
mod hearing;
mod peers;
mod publisher;
mod replica;
pub mod subjects;
mod subscriber;
mod throttle;
pub mod wire;

pub use catalog::{CatalogService, QueryAuthorizer, RejectedQuery, WriteProject};
pub use connection::{ConnectionError, NatsContext, NatsSettings, TlsSettings};
pub use peers::Peers;
pub use publisher::{ConditionReporter, HeartbeatPublisher, PublisherSettings};
pub use replica::ReplicaId;
pub use subscriber::{HeartbeatSubscriber, UnknownProject};
