//! From a message to a recorded heartbeat, or to a counted refusal.

use std::sync::Arc;

use async_nats::Message;
use federation_application::{DropReason, RecordError};
use federation_domain::{Clock, HubUrl, InvalidValue, MeshNamespace, Slug};
use time::Duration;
use tokio::sync::mpsc;

use crate::hearing::{Hearing, Record};
use crate::replica::ReplicaId;
use crate::subjects;
use crate::throttle::Throttle;
use crate::wire::{self, DecodedHeartbeat, Rejection, RelayedHeartbeat};

/// A project that is heard and is not in the catalog: what it takes to register it. How it is
/// doing is not kept here; its next heartbeat says so again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownProject {
    /// Its slug.
    pub slug: Slug,
    /// Where it says that it answers, if that is valid.
    pub hub_url: Option<HubUrl>,
    /// The subject prefix that it names, if that is valid.
    pub mesh_namespace: Option<MeshNamespace>,
}

/// How many characters of a subject a log line shows.
const SHOWN_CHARS: usize = 80;

/// How long ago, by the time of day, a heartbeat may have been heard that another replica hands on.
/// One that waited out an outage in its client would make a dead project look alive. Clocks of
/// replicas that differ by more than this are said in the log: the store compares their times too.
const OLDEST_RELAY: Duration = Duration::seconds(10);

pub(super) struct Recorder {
    hearing: Arc<dyn Hearing>,
    newcomers: Option<mpsc::Sender<UnknownProject>>,
    replica: ReplicaId,
    clock: Arc<dyn Clock>,
    refusals: [Throttle; 4],
    invalid_statuses: Throttle,
    overflow: Throttle,
    stale: Throttle,
}

impl Recorder {
    pub(super) fn new(
        hearing: Arc<dyn Hearing>,
        newcomers: Option<mpsc::Sender<UnknownProject>>,
        replica: ReplicaId,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            hearing,
            newcomers,
            replica,
            clock,
            refusals: Default::default(),
            invalid_statuses: Throttle::default(),
            overflow: Throttle::default(),
            stale: Throttle::default(),
        }
    }

    /// Takes one message in. Whatever it holds, nothing worse than a count comes of it.
    pub(super) fn hear(&mut self, message: &Message, record: &mut Record<'_>) {
        if subjects::is_relay(&message.subject) {
            return self.hear_relay(message, record);
        }
        let decoded = match wire::decode(&message.subject, &message.payload) {
            Ok(decoded) => decoded,
            Err(refusal) => return self.refuse(refusal, &message.subject),
        };
        for _ in 0..decoded.ignored_fields {
            self.hearing.ignore_field();
        }
        if let Some(error) = &decoded.invalid_status {
            self.log_invalid_status(decoded.heartbeat.slug, error);
        }
        match record(&decoded.heartbeat) {
            Ok(()) | Err(RecordError::NotLoaded) => {}
            Err(RecordError::UnknownProject) => self.introduce(&decoded),
        }
    }

    fn log_invalid_status(&mut self, slug: &str, error: &InvalidValue) {
        if let Some(suppressed) = self.invalid_statuses.admit(self.hearing.now()) {
            tracing::warn!(
                project.slug = slug,
                %error,
                suppressed,
                "heartbeat reports an unknown status; the previous report stands"
            );
        }
    }

    /// What is refused here counts as refused on NATS: it came over the bus, whoever sent it, and
    /// no project sent it over HTTP, where it would have been refused already.
    fn hear_relay(&mut self, message: &Message, record: &mut Record<'_>) {
        match wire::decode_relay(&message.subject, &message.payload) {
            Ok(relayed) if relayed.replica == self.replica => {}
            Ok(relayed) if self.clock.utc() - relayed.at > OLDEST_RELAY => self.pass_over(&relayed),
            // Who is not in the catalog yet was just registered at the other replica; this one
            // learns of it from the log.
            Ok(relayed) => drop(record(&relayed.heartbeat)),
            Err(refusal) => self.refuse(refusal, &message.subject),
        }
    }

    fn pass_over(&mut self, relayed: &RelayedHeartbeat<'_>) {
        if let Some(suppressed) = self.stale.admit(self.hearing.now()) {
            tracing::warn!(
                replica = %relayed.replica,
                age_seconds = (self.clock.utc() - relayed.at).whole_seconds(),
                suppressed,
                "passed over a heartbeat that another replica handed on too late, or the clocks of \
                 the replicas differ"
            );
        }
    }

    fn refuse(&mut self, refusal: Rejection, subject: &str) {
        let (reason, throttle) = match refusal {
            Rejection::Malformed => (DropReason::Malformed, 0),
            Rejection::Oversized => (DropReason::Oversized, 1),
            Rejection::Spoofed => (DropReason::Spoofed, 2),
            Rejection::BadSubject => (DropReason::BadSubject, 3),
        };
        self.hearing.drop_heartbeat(reason);
        if let Some(suppressed) = self.refusals[throttle].admit(self.hearing.now()) {
            // Anyone may choose a subject; a log line must survive it.
            let shown: String =
                subject.chars().take(SHOWN_CHARS).flat_map(char::escape_default).collect();
            tracing::warn!(nats.subject = shown, suppressed, "dropped a heartbeat: {refusal}");
        }
    }

    /// Hands a project that is not in the catalog to those who register such, if there are any.
    /// When they do not keep up, its next heartbeat is another chance.
    fn introduce(&mut self, decoded: &DecodedHeartbeat<'_>) {
        let Some(newcomers) = &self.newcomers else { return };
        let Ok(slug) = Slug::parse(decoded.heartbeat.slug) else { return };
        let unknown = UnknownProject {
            slug,
            hub_url: decoded.hub_url.as_deref().and_then(|url| HubUrl::parse(url).ok()),
            mesh_namespace: decoded
                .mesh_namespace
                .as_deref()
                .and_then(|namespace| MeshNamespace::parse(namespace).ok()),
        };
        let Err(mpsc::error::TrySendError::Full(unknown)) = newcomers.try_send(unknown) else {
            return;
        };
        self.hearing.drop_newcomer();
        if let Some(suppressed) = self.overflow.admit(self.hearing.now()) {
            let slug = unknown.slug.as_str();
            tracing::warn!(project.slug = slug, suppressed, "registering unknown projects lags");
        }
    }
}
