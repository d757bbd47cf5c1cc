//! Messages to receivers outside the federation.
//!
//! **Owns** the channels ([`Channel`]), each an implementation of
//! [`Messenger`](federation_domain::Messenger) with the syntax and the protocol of its receiver, and
//! the policy for outbound connections ([`OutboundPolicy`]). Also owns the check of endpoints of
//! projects ([`HttpProbe`]).
//!
//! **Must not know** the outbox, routes or incidents. It sends a
//! [`Message`](federation_domain::Message) once and tells the result; the application retries.
//!
//! **To extend it**: a new kind of channel is a module that renders a message, a variant of
//! [`Channel`], and its keys in `federation/src/alerts_file`.

mod alertmanager;
mod channel;
mod client;
mod email;
mod endpoint_probe;
mod outbound;
mod signature;
mod slack;
mod text;
mod webhook;

pub use channel::{Channel, ChannelDeps};
pub use email::{EmailChannel, InvalidEmail, SmtpSecurity};
pub use endpoint_probe::{HttpProbe, MAX_DOCUMENT_BYTES, PROBE_TIMEOUT};
pub use outbound::{OutboundError, OutboundPolicy};
pub use signature::{InvalidSecret, WebhookSecret};

use std::time::Duration;

/// Deadline for an attempt to send a message.
pub const SEND_TIMEOUT: Duration = Duration::from_secs(10);

/// Maximum number of bytes that are read of a response.
pub const MAX_RESPONSE_BYTES: usize = 1_024;
