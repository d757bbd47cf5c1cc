//! Checks requests on the side of the project.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use federation_domain::Slug;
use parking_lot::Mutex;
use time::OffsetDateTime;

use super::keys::ActionKeys;
use super::message::ActionMessage;
use super::signature::SignedRequest;

/// Maximum difference between the time of a request and that of the project.
pub const MAX_CLOCK_DIFFERENCE: Duration = Duration::from_secs(5 * 60);

/// Maximum number of requests that are remembered to recognize replays.
const MAX_SEEN: usize = 10_000;

/// Reason why a request is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestRejection {
    /// A header is missing.
    Unsigned,
    /// No signature is by a key of this project.
    BadSignature,
    /// The time of the request differs too much from that of the project.
    BadTime,
    /// The same request arrived before.
    Replayed,
    /// The payload is not of the expected form, or is about another project.
    Malformed,
    /// Too many requests arrived.
    TooMany,
}

impl RequestRejection {
    /// All reasons.
    pub const ALL: [Self; 6] = [
        Self::Unsigned,
        Self::BadSignature,
        Self::BadTime,
        Self::Replayed,
        Self::Malformed,
        Self::TooMany,
    ];

    /// Returns the name in logs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unsigned => "unsigned",
            Self::BadSignature => "bad_signature",
            Self::BadTime => "bad_time",
            Self::Replayed => "replayed",
            Self::Malformed => "malformed",
            Self::TooMany => "too_many",
        }
    }
}

/// Checks the requests to one project.
#[derive(Debug)]
pub struct RequestVerifier {
    slug: Slug,
    keys: ActionKeys,
    seen: Mutex<Seen>,
}

/// Signed texts that were accepted, by id and timestamp.
#[derive(Debug, Default)]
struct Seen {
    texts: HashSet<String>,
    order: VecDeque<(OffsetDateTime, String)>,
}

impl RequestVerifier {
    /// Creates a verifier with the keys of a project.
    #[must_use]
    pub fn new(slug: Slug, keys: ActionKeys) -> Self {
        Self { slug, keys, seen: Mutex::default() }
    }

    /// Checks signature, time and replay of a request that arrived now.
    ///
    /// # Errors
    /// Returns the reason why the request must be ignored.
    pub(crate) fn verify(
        &self,
        request: &SignedRequest<'_>,
        signatures: &str,
        now: OffsetDateTime,
    ) -> Result<ActionMessage, RequestRejection> {
        if !request.is_signed(signatures, &self.keys) {
            return Err(RequestRejection::BadSignature);
        }
        let millis: i128 = request.timestamp.parse().map_err(|_| RequestRejection::BadTime)?;
        let sent = millis
            .checked_mul(1_000_000)
            .and_then(|nanos| OffsetDateTime::from_unix_timestamp_nanos(nanos).ok())
            .ok_or(RequestRejection::BadTime)?;
        if (now - sent).unsigned_abs() > MAX_CLOCK_DIFFERENCE {
            return Err(RequestRejection::BadTime);
        }
        let message = ActionMessage::decode(request.payload).ok_or(RequestRejection::Malformed)?;
        if message.project != self.slug.as_str() || message.id != request.id {
            return Err(RequestRejection::Malformed);
        }
        // The same run asks a project again with another time, if at all.
        let text = format!("{} {} {}", request.id, request.timestamp, request.subject);
        self.seen.lock().note(text, now)?;
        Ok(message)
    }
}

impl Seen {
    fn note(&mut self, text: String, now: OffsetDateTime) -> Result<(), RequestRejection> {
        // A request is accepted from 5 minutes before to 5 minutes after its time.
        let kept = MAX_CLOCK_DIFFERENCE * 2;
        while let Some((at, _)) = self.order.front()
            && now - *at > kept
        {
            if let Some((_, old)) = self.order.pop_front() {
                self.texts.remove(&old);
            }
        }
        if self.texts.contains(&text) {
            return Err(RequestRejection::Replayed);
        }
        if self.texts.len() >= MAX_SEEN {
            return Err(RequestRejection::TooMany);
        }
        self.texts.insert(text.clone());
        self.order.push_back((now, text));
        Ok(())
    }
}
