//! NATS adapter: receives the heartbeats of all projects, publishes those of one project, and
//! carries the messages between replicas of the service.
//!
//! **Owns** the subjects ([`subjects`]), the message formats ([`wire`]), the connections and their
//! state, and six clients of them:
//!
//! * [`HeartbeatSubscriber`] receives heartbeats and proves that it hears them.
//! * [`SampleSubscriber`] receives the metrics of all projects, on a connection of its own.
//! * [`HeartbeatPublisher`] sends heartbeats from a Rust project that embeds it.
//! * [`Peers`] announces changes, relays heartbeats received over HTTP, and pings projects.
//! * [`NatsActions`] sends signed requests of actions to projects and receives their replies.
//! * [`CatalogService`] answers queries for the catalog as a NATS micro service.
//!
//! **Must not know** SQL, HTTP, when a project is late, or which projects are in the catalog. It
//! passes heartbeats and proofs of hearing to the application, which decides.
//!
//! **To extend it**: a new optional field needs a key in `wire/reading.rs` and a check in
//! `wire/fields.rs`. A new subject needs a function in [`subjects`] and an inbox of the subscriber
//! that is drained before each sentinel.
//!
//! # Sending heartbeats from your own project
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
//! // Invalid settings are an error. An unreachable server is not: the client retries forever.
//! let publisher = HeartbeatPublisher::connect(settings).await?;
//! let reporter = publisher.reporter();
//! let metrics = publisher.metrics();
//! tokio::spawn(publisher.run(shutdown.clone()));
//!
//! // Call this from anywhere in the project. Each change is sent at once.
//! reporter.report_degraded(["queue backlog"]);
//! reporter.report_online();
//!
//! // Metrics are sent within a second, values that are set together as one message.
//! metrics.set("coverage.percent", 84.2)?;
//!
//! shutdown.cancel();
//! # Ok(())
//! # }
//! ```
//!
//! # Taking actions
//!
//! ```no_run
//! # use federation_domain::{HubUrl, Slug};
//! # use federation_nats::{ActionKeys, HeartbeatPublisher, NatsSettings, PublisherSettings};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = PublisherSettings::new(
//!     Slug::parse("docs")?,
//!     HubUrl::parse("http://localhost:8100")?,
//!     NatsSettings::new("nats://localhost:4222"),
//! );
//! settings.action_keys = ActionKeys::parse(&std::env::var("MESH_HMAC_KEY")?, &settings.slug)?;
//! let mut publisher = HeartbeatPublisher::connect(settings).await?;
//! publisher.on_action("audit.security", async |call| {
//!     call.report_progress(50.0).await;
//!     // The result is any JSON; an error text makes the target `failed`.
//!     Ok(serde_json::json!({"ok": true, "depth": call.params()["depth"]}))
//! })?;
//! # Ok(())
//! # }
//! ```

mod actions;
mod catalog;
mod connection;
mod edges;
mod hearing;
mod peers;
mod plain;
mod publisher;
mod replica;
mod samples;
pub mod subjects;
mod subscriber;
mod thread;
mod throttle;
pub mod wire;

pub use actions::{
    ActionKeys, HEADER_ID, HEADER_SIGNATURE, HEADER_TIMESTAMP, InvalidKey, MAX_CLOCK_DIFFERENCE,
    MasterKeys, NatsActions, RequestRejection, RequestVerifier, SignedRequest,
};
pub use catalog::{
    AppendFigures, CatalogService, QueryAuthorizer, RejectedQuery, WriteGraph, WriteProject,
};
pub use connection::{ConnectionError, NatsContext, NatsSettings, TlsSettings};
pub use edges::EdgeSubscriber;
pub use peers::Peers;
pub use plain::PlainSubjects;
pub use publisher::{
    ActionCall, ActionRejections, ConditionReporter, EdgeDeclarer, HandlerResult,
    HeartbeatPublisher, MetricReporter, PublisherSettings, ReportedValue,
};
pub use replica::ReplicaId;
pub use samples::SampleSubscriber;
pub use subscriber::{HeartbeatSubscriber, UnknownProject};
