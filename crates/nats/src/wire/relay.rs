use std::borrow::Cow;

use federation_domain::{Channel, Condition, Heartbeat, InstanceReport, Reports, Source};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use super::decode::{DecodeError, read_object};
use super::said::ReportFields;
use super::timestamp;
use crate::replica::ReplicaId;
use crate::subjects;

/// A heartbeat that a replica received over HTTP and relays to the others.
///
/// ```json
/// {"replica":"9f86d081884c7d65","at":"2025-11-18T12:00:00.123456Z","channel":"presence",
///  "status":"degraded","degradedReasons":["queue backlog"],"key":"1a2b3c4d"}
/// ```
///
/// The subject names the project. `channel` is `presence` or `health`. `status` is `online` or
/// `degraded`, and absent if the heartbeat reports none. `key` is the id of the API key, and absent
/// if there was none. `version`, `tools` and `capabilities` are absent if the heartbeat has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayedHeartbeat<'a> {
    /// Replica that received it.
    pub replica: ReplicaId,
    /// Time of receipt by the clock of that replica.
    pub at: OffsetDateTime,
    /// The heartbeat, with the source HTTP.
    pub heartbeat: Heartbeat<'a>,
}

#[derive(Serialize)]
struct Outgoing<'a> {
    replica: String,
    at: String,
    channel: &'a str,
    #[serde(flatten)]
    said: ReportFields<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tools: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<&'a [String]>,
}

/// Only replicas send these, so everything is strict except for keys that later versions may add.
#[derive(Deserialize)]
struct Incoming<'a> {
    #[serde(borrow)]
    replica: Cow<'a, str>,
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(default, rename = "degradedReasons")]
    degraded_reasons: Vec<String>,
    /// Borrowed, because the id of a key has no characters that JSON escapes.
    #[serde(borrow, default)]
    key: Option<&'a str>,
    #[serde(borrow, default)]
    version: Option<Cow<'a, str>>,
    #[serde(default)]
    tools: Option<Vec<String>>,
    #[serde(default)]
    capabilities: Option<Vec<String>>,
}

impl RelayedHeartbeat<'_> {
    /// Encodes the payload. Reasons are cut to what a report keeps, so that it is never too large.
    ///
    /// # Errors
    /// Fails if the year has more than four digits.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let condition = self.heartbeat.condition.as_ref().map(cut);
        serde_json::to_vec(&Outgoing {
            replica: self.replica.to_string(),
            at: timestamp::write(self.at)?,
            channel: name(self.heartbeat.channel),
            said: condition.as_ref().into(),
            key: self.heartbeat.key,
            version: self.heartbeat.instance.version.as_deref(),
            tools: self.heartbeat.instance.tools.as_deref(),
            capabilities: self.heartbeat.instance.capabilities.as_deref(),
        })
    }
}

/// Decodes a message on a subject of [`subjects::ALL_RELAYS`]. Never panics.
///
/// # Errors
/// Returns why the message is not a relayed heartbeat.
pub fn decode_relay<'a>(
    subject: &'a str,
    payload: &'a [u8],
) -> Result<RelayedHeartbeat<'a>, DecodeError> {
    let slug = subjects::parse_relay(subject).map_err(|_| DecodeError::BadSubject)?;
    let payload: Incoming<'a> = read_object(payload)?;
    let condition = match payload.status.as_deref() {
        None => None,
        Some("online") => Some(Condition::Online),
        Some("degraded") => Some(Condition::Degraded { reasons: payload.degraded_reasons }),
        Some(_) => return Err(DecodeError::Malformed),
    };
    let channel = [Channel::Presence, Channel::Health]
        .into_iter()
        .find(|channel| name(*channel) == payload.channel)
        .ok_or(DecodeError::Malformed)?;
    Ok(RelayedHeartbeat {
        replica: ReplicaId::parse(&payload.replica).ok_or(DecodeError::Malformed)?,
        at: timestamp::read(&payload.at).ok_or(DecodeError::Malformed)?,
        heartbeat: Heartbeat {
            slug,
            source: Source::Http,
            channel,
            condition,
            key: payload.key,
            instance: InstanceReport {
                version: payload.version,
                tools: payload.tools,
                capabilities: payload.capabilities,
            },
        },
    })
}

fn name(channel: Channel) -> &'static str {
    match channel {
        Channel::Presence => "presence",
        Channel::Health => "health",
    }
}

fn cut(condition: &Condition) -> Condition {
    match condition {
        Condition::Online | Condition::Unclear => condition.clone(),
        Condition::Degraded { reasons } => {
            let cut = |reason: &String| reason.chars().take(Reports::MAX_REASON_CHARS).collect();
            Condition::Degraded {
                reasons: reasons.iter().take(Reports::MAX_REASONS).map(cut).collect(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::MAX_PAYLOAD_BYTES;
    use proptest::prelude::*;
    use time::macros::datetime;

    const SUBJECT: &str = "hub.federation.heartbeats.a";

    fn relayed(channel: Channel, condition: Option<Condition>) -> RelayedHeartbeat<'static> {
        let key = matches!(channel, Channel::Presence).then_some("env-1");
        RelayedHeartbeat {
            replica: ReplicaId::parse("9f86d081884c7d65").unwrap(),
            at: datetime!(2025-11-18 12:00:00.123456 UTC),
            heartbeat: Heartbeat {
                slug: "a",
                source: Source::Http,
                channel,
                condition,
                key,
                instance: InstanceReport::default(),
            },
        }
    }

    fn degraded(reasons: Vec<String>) -> Option<Condition> {
        Some(Condition::Degraded { reasons })
    }

    #[test]
    fn a_relayed_heartbeat_is_decoded_as_it_was_encoded() {
        for channel in [Channel::Presence, Channel::Health] {
            for condition in [None, Some(Condition::Online), degraded(vec!["\"ä\n".into()])] {
                let relayed = relayed(channel, condition);
                let payload = relayed.encode().unwrap();
                assert_eq!(decode_relay(SUBJECT, &payload), Ok(relayed));
            }
        }
    }

    #[test]
    fn the_format_is_fixed() {
        let payload = relayed(Channel::Presence, degraded(vec!["x".into()])).encode().unwrap();
        assert_eq!(
            String::from_utf8(payload).unwrap(),
            r#"{"replica":"9f86d081884c7d65","at":"2025-11-18T12:00:00.123456Z","#.to_owned()
                + r#""channel":"presence","status":"degraded","degradedReasons":["x"],"key":"env-1"}"#
        );
    }

    #[test]
    fn long_reasons_do_not_make_a_payload_too_large() {
        let reasons = vec!["\0".repeat(10_000); 100];
        let payload = relayed(Channel::Health, degraded(reasons)).encode().unwrap();
        assert!(payload.len() < MAX_PAYLOAD_BYTES, "{} bytes", payload.len());
    }

    #[test]
    fn an_invalid_relay_is_rejected_with_its_reason() {
        let whole = String::from_utf8(relayed(Channel::Presence, None).encode().unwrap()).unwrap();
        let with_more = whole.replace('}', r#","later":[1]}"#);
        assert!(decode_relay(SUBJECT, with_more.as_bytes()).is_ok());
        for (from, to) in [
            ("9f86d081884c7d65", "9F86D081884C7D65"),
            ("presence", "rumour"),
            ("Z\"", "\""),
            ("}", r#","status":"asleep"}"#),
            ("}", r#","channel":"health"}"#),
            ("{", "["),
            (r#""at""#, r#""when""#),
        ] {
            let bad = whole.replace(from, to);
            assert_ne!(bad, whole);
            assert_eq!(decode_relay(SUBJECT, bad.as_bytes()), Err(DecodeError::Malformed), "{bad}");
        }
        let large = " ".repeat(MAX_PAYLOAD_BYTES + 1);
        assert_eq!(decode_relay(SUBJECT, large.as_bytes()), Err(DecodeError::Oversized));
        for subject in ["hub.federation.heartbeats.A", "hub.presence.a", ""] {
            assert_eq!(decode_relay(subject, whole.as_bytes()), Err(DecodeError::BadSubject));
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(
            subject in "\\PC*", payload in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let _ = decode_relay(&subject, &payload);
            let _ = decode_relay(SUBJECT, &payload);
        }
    }
}
