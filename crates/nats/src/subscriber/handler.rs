//! Turns messages into recorded heartbeats or counted rejections.

use std::sync::Arc;

use async_nats::Message;
use federation_application::{DropReason, EdgeObserver, ObservedEdge, RecordError};
use federation_domain::{Clock, EdgeKind, HubUrl, InvalidValue, MeshNamespace, Slug, Strength};
use time::Duration;
use tokio::sync::mpsc;

use crate::hearing::{Hearing, RecordHeartbeat};
use crate::replica::ReplicaId;
use crate::subjects;
use crate::throttle::Throttle;
use crate::wire::{self, DecodeError, DecodedHeartbeat, RelayedHeartbeat};

/// Registration data of a project that sends heartbeats and is not in the catalog. Its report is not
/// kept, because the next heartbeat repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownProject {
    /// Slug of the project.
    pub slug: Slug,
    /// Hub URL in the heartbeat, if it is valid.
    pub hub_url: Option<HubUrl>,
    /// Subject prefix in the heartbeat, if it is valid.
    pub mesh_namespace: Option<MeshNamespace>,
}

/// Number of characters of a subject in a log line.
const SHOWN_CHARS: usize = 80;

/// Maximum age of a relayed heartbeat, by wall clock. A heartbeat that waited out an outage in the
/// client of another replica would make a dead project look alive. Clocks of replicas that differ by
/// more than this are logged, because the store compares their times too.
const MAX_RELAY_AGE: Duration = Duration::seconds(10);

/// Decodes messages and records their heartbeats.
pub(super) struct MessageHandler<H> {
    hearing: Arc<H>,
    unknown_projects: Option<mpsc::Sender<UnknownProject>>,
    edges: Option<EdgeObserver>,
    /// Edges in the heartbeats of a batch, until it ends.
    hints: Vec<(Slug, Vec<ObservedEdge>)>,
    replica: ReplicaId,
    clock: Arc<dyn Clock>,
    rejections: [Throttle; 4],
    invalid_reports: Throttle,
    overflow: Throttle,
    stale: Throttle,
}

impl<H: Hearing> MessageHandler<H> {
    pub(super) fn new(
        hearing: Arc<H>,
        unknown_projects: Option<mpsc::Sender<UnknownProject>>,
        replica: ReplicaId,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            hearing,
            unknown_projects,
            edges: None,
            hints: Vec::new(),
            replica,
            clock,
            rejections: Default::default(),
            invalid_reports: Throttle::default(),
            overflow: Throttle::default(),
            stale: Throttle::default(),
        }
    }

    /// Passes edges in heartbeats on to this observer.
    pub(super) fn observe_edges(&mut self, edges: EdgeObserver) {
        self.edges = Some(edges);
    }

    /// Passes on the edges of a batch that has ended.
    pub(super) fn pass_hints(&mut self) {
        if let Some(edges) = &self.edges {
            self.hints.drain(..).for_each(|(from, hints)| edges.observe(from, hints));
        }
    }

    /// Keeps the edges in a heartbeat. Names that are not slugs are counted as ignored.
    fn take_hints(&mut self, from: &str, depends_on: &[String]) {
        let (Some(_), Ok(from)) = (&self.edges, Slug::parse(from)) else { return };
        let mut hints = Vec::with_capacity(depends_on.len());
        for name in depends_on {
            match Slug::parse(name) {
                Ok(to) => hints.push(ObservedEdge {
                    to,
                    kind: EdgeKind::default(),
                    strength: Strength::default(),
                    details: None,
                }),
                Err(_) => self.hearing.count_ignored_field(),
            }
        }
        if !hints.is_empty() {
            self.hints.push((from, hints));
        }
    }

    /// Records a message. An invalid one is only counted.
    pub(super) fn handle(&mut self, message: &Message, batch: &mut impl RecordHeartbeat) {
        if subjects::is_relay(&message.subject) {
            return self.handle_relay(message, batch);
        }
        let decoded = match wire::decode(&message.subject, &message.payload) {
            Ok(decoded) => decoded,
            Err(rejection) => return self.reject(rejection, &message.subject),
        };
        for _ in 0..decoded.ignored_fields {
            self.hearing.count_ignored_field();
        }
        if let Some(error) = &decoded.invalid_report {
            self.log_invalid_report(decoded.heartbeat.slug, error);
        }
        match batch.record(&decoded.heartbeat) {
            Ok(()) => {
                if let Some(depends_on) = &decoded.depends_on {
                    self.take_hints(decoded.heartbeat.slug, depends_on);
                }
            }
            Err(RecordError::NotLoaded) => {}
            Err(RecordError::UnknownProject) => self.introduce(&decoded),
        }
    }

    fn log_invalid_report(&mut self, slug: &str, error: &InvalidValue) {
        if let Some(suppressed) = self.invalid_reports.admit(self.hearing.now()) {
            tracing::warn!(
                project.slug = slug,
                %error,
                suppressed,
                "heartbeat reports an unknown status or reasons; the previous report stands"
            );
        }
    }

    /// A rejected relay counts as rejected on NATS. It came over the bus, and an invalid heartbeat
    /// over HTTP would have been rejected there.
    fn handle_relay(&mut self, message: &Message, batch: &mut impl RecordHeartbeat) {
        match wire::decode_relay(&message.subject, &message.payload) {
            Ok(relayed) if relayed.replica == self.replica => {}
            Ok(relayed) if self.clock.utc() - relayed.at > MAX_RELAY_AGE => {
                self.ignore_stale(&relayed)
            }
            // An unknown project was just registered by the other replica. This one reads it from
            // the log.
            Ok(relayed) => drop(batch.record(&relayed.heartbeat)),
            Err(rejection) => self.reject(rejection, &message.subject),
        }
    }

    fn ignore_stale(&mut self, relayed: &RelayedHeartbeat<'_>) {
        if let Some(suppressed) = self.stale.admit(self.hearing.now()) {
            tracing::warn!(
                replica = %relayed.replica,
                age_seconds = (self.clock.utc() - relayed.at).whole_seconds(),
                suppressed,
                "relayed heartbeat is ignored: it is too old, or the clocks of the replicas differ"
            );
        }
    }

    fn reject(&mut self, rejection: DecodeError, subject: &str) {
        let (reason, throttle) = match rejection {
            DecodeError::Malformed => (DropReason::Malformed, 0),
            DecodeError::Oversized => (DropReason::Oversized, 1),
            DecodeError::Spoofed => (DropReason::Spoofed, 2),
            DecodeError::BadSubject => (DropReason::BadSubject, 3),
        };
        self.hearing.count_dropped_heartbeat(reason);
        if let Some(suppressed) = self.rejections[throttle].admit(self.hearing.now()) {
            // A subject may contain anything.
            let shown: String =
                subject.chars().take(SHOWN_CHARS).flat_map(char::escape_default).collect();
            tracing::warn!(nats.subject = shown, suppressed, "heartbeat is rejected: {rejection}");
        }
    }

    /// Queues a project that is not in the catalog for registration, if that is enabled. If the queue
    /// is full, the project is retried at its next heartbeat.
    fn introduce(&mut self, decoded: &DecodedHeartbeat<'_>) {
        let Some(unknown_projects) = &self.unknown_projects else { return };
        let Ok(slug) = Slug::parse(decoded.heartbeat.slug) else { return };
        let unknown = UnknownProject {
            slug,
            hub_url: decoded.hub_url.as_deref().and_then(|url| HubUrl::parse(url).ok()),
            mesh_namespace: decoded
                .mesh_namespace
                .as_deref()
                .and_then(|namespace| MeshNamespace::parse(namespace).ok()),
        };
        let Err(mpsc::error::TrySendError::Full(unknown)) = unknown_projects.try_send(unknown)
        else {
            return;
        };
        self.hearing.count_dropped_unknown_project();
        if let Some(suppressed) = self.overflow.admit(self.hearing.now()) {
            let slug = unknown.slug.as_str();
            tracing::warn!(
                project.slug = slug,
                suppressed,
                "registration queue is full; unknown project is retried at its next heartbeat"
            );
        }
    }
}
