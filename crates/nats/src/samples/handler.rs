//! Turns messages into samples or counted errors.

use std::sync::Arc;

use async_nats::Message;
use federation_application::{SampleBatch, SampleDropReason, Series};
use federation_domain::{Clock, Slug, Source};

use super::SOURCE;
use crate::replica::ReplicaId;
use crate::subjects::{self, HEALTH_PREFIX, METRICS_PREFIX, RELAYED_METRICS_PREFIX};
use crate::throttle::Throttle;
use crate::wire::{self, DecodeError, DecodedSamples, DecodedSummary};

/// Number of characters of a subject in a log line.
const SHOWN_CHARS: usize = 80;

/// Decodes messages and takes in their samples.
pub(super) struct SampleHandler {
    series: Series,
    clock: Arc<dyn Clock>,
    accepts_plain: bool,
    replica: ReplicaId,
    throttles: [Throttle; SampleDropReason::ALL.len()],
}

impl SampleHandler {
    pub(super) fn new(series: Series, clock: Arc<dyn Clock>, replica: ReplicaId) -> Self {
        Self { series, clock, accepts_plain: false, replica, throttles: Default::default() }
    }

    /// Accepts or refuses messages on plain subjects from now on.
    pub(super) fn accept_plain(&mut self, is_accepted: bool) {
        self.accepts_plain = is_accepted;
    }

    /// Notes that messages may have been missed.
    pub(super) fn note_gap(&self) {
        self.series.note_gap();
    }

    /// Records whether the connection is up.
    pub(super) fn set_link(&self, is_up: bool) {
        self.series.set_link(is_up);
    }

    /// Takes in the samples of a message. Invalid ones are only counted.
    pub(super) fn handle(&mut self, message: &Message) {
        if let Err(reason) = self.take(message) {
            self.reject(reason, 1, &message.subject);
        }
    }

    fn take(&mut self, message: &Message) -> Result<(), SampleDropReason> {
        let (subject, payload) = (message.subject.as_str(), &message.payload);
        if subject.starts_with(METRICS_PREFIX) {
            let decoded = wire::decode_samples(subject, payload).map_err(reason_of)?;
            self.record(decoded, SOURCE, subject);
        } else if subject.starts_with(RELAYED_METRICS_PREFIX) {
            let decoded = wire::decode_relayed_samples(subject, payload).map_err(reason_of)?;
            if decoded.0 != self.replica {
                self.record(decoded.1, Source::Http, subject);
            }
        } else if subject.starts_with(HEALTH_PREFIX) {
            let decoded = wire::decode_latency(subject, payload).map_err(reason_of)?;
            self.record(decoded, SOURCE, subject);
        } else {
            let parsed = subjects::parse_summary(subject);
            let (kind, namespace) = parsed.map_err(|_| SampleDropReason::BadSubject)?;
            let summary = wire::decode_summary(kind, payload).map_err(reason_of)?;
            let slug = self.sender(namespace, summary.named.as_deref())?;
            let DecodedSummary { samples, invalid, observed_at, .. } = summary;
            let slug = slug.as_str();
            let decoded = DecodedSamples { slug, samples, invalid, observed_at };
            self.record(decoded, SOURCE, subject);
        }
        Ok(())
    }

    /// Returns the project that a summary is of. A namespace decides the project; without one, the
    /// payload does, if plain subjects are accepted.
    fn sender(
        &self,
        namespace: Option<&str>,
        named: Option<&str>,
    ) -> Result<Slug, SampleDropReason> {
        let Some(namespace) = namespace else {
            if !self.accepts_plain {
                return Err(SampleDropReason::Spoofed);
            }
            let named = named.ok_or(SampleDropReason::Malformed)?;
            return Slug::parse(named).map_err(|_| SampleDropReason::UnknownProject);
        };
        let projects = self.series.projects_in(namespace);
        match (named, &projects[..]) {
            (_, []) => Err(SampleDropReason::UnknownProject),
            (None, [only]) => Ok(only.clone()),
            // Several projects share the namespace, so the payload must say which one it is.
            (None, _) => Err(SampleDropReason::Malformed),
            (Some(named), all) => {
                let found = all.iter().find(|slug| slug.as_str() == named);
                found.cloned().ok_or(SampleDropReason::Spoofed)
            }
        }
    }

    fn record(&mut self, decoded: DecodedSamples<'_>, source: Source, subject: &str) {
        if decoded.invalid > 0 {
            self.reject(SampleDropReason::Malformed, decoded.invalid, subject);
        }
        if decoded.samples.is_empty() {
            return;
        }
        let batch =
            SampleBatch { samples: decoded.samples, observed_at: decoded.observed_at, source };
        if let Err(reason) = self.series.record(decoded.slug, &batch) {
            self.log(reason, subject);
        }
    }

    /// Counts and logs dropped samples.
    pub(super) fn reject(&mut self, reason: SampleDropReason, samples: u64, subject: &str) {
        self.series.count_dropped(SOURCE, reason, samples);
        self.log(reason, subject);
    }

    fn log(&mut self, reason: SampleDropReason, subject: &str) {
        let throttle = &mut self.throttles[reason as usize];
        if let Some(suppressed) = throttle.admit(self.clock.monotonic()) {
            // A subject may contain anything.
            let shown: String =
                subject.chars().take(SHOWN_CHARS).flat_map(char::escape_default).collect();
            tracing::warn!(
                nats.subject = shown,
                reason = reason.as_str(),
                suppressed,
                "metrics are dropped"
            );
        }
    }
}

fn reason_of(error: DecodeError) -> SampleDropReason {
    match error {
        DecodeError::Malformed => SampleDropReason::Malformed,
        DecodeError::Oversized => SampleDropReason::Oversized,
        DecodeError::Spoofed => SampleDropReason::Spoofed,
        DecodeError::BadSubject => SampleDropReason::BadSubject,
    }
}
