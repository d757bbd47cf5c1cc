//! Projects written as JSON without serde, whose handling of keys and of texts that need no escaping
//! is most of the cost of a list. A test holds the two against each other.

use serde::Serialize;

use super::ProjectBody;
use crate::stamp::Stamp;

/// As long as most are, and some room.
const USUAL_BYTES: usize = 512;

impl ProjectBody<'_> {
    /// The project by itself.
    pub(crate) fn to_json(&self) -> Vec<u8> {
        let mut json = Vec::with_capacity(USUAL_BYTES);
        self.write(&mut json);
        json
    }

    /// Appends the project, byte for byte as serde writes it.
    pub(crate) fn write(&self, json: &mut Vec<u8>) {
        json.extend_from_slice(br#"{"id":"#);
        value(json, &self.id);
        json.extend_from_slice(br#","slug":"#);
        text(json, self.slug);
        json.extend_from_slice(br#","name":"#);
        text(json, self.name);
        json.extend_from_slice(br#","hub_url":"#);
        text(json, self.hub_url);
        json.extend_from_slice(br#","mesh_namespace":"#);
        option(json, self.mesh_namespace, text);
        json.extend_from_slice(br#","status":"#);
        text(json, self.status);
        json.extend_from_slice(br#","tags":"#);
        texts(json, self.tags.iter());
        json.extend_from_slice(br#","last_heartbeat_at":"#);
        option(json, self.last_heartbeat_at.as_ref(), stamp);
        json.extend_from_slice(br#","created_at":"#);
        stamp(json, &self.created_at);
        json.extend_from_slice(br#","updated_at":"#);
        stamp(json, &self.updated_at);
        json.extend_from_slice(br#","heartbeat_interval_seconds":"#);
        value(json, &self.heartbeat_interval_seconds);
        json.extend_from_slice(br#","allow_fanout":"#);
        texts(json, self.allow_fanout.iter());
        json.extend_from_slice(br#","degraded_reasons":"#);
        texts(json, self.degraded_reasons.reasons());
        json.extend_from_slice(br#","status_known":"#);
        json.extend_from_slice(if self.status_known { b"true}" } else { b"false}" });
    }
}

/// Anything that is no object with keys.
fn value<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    // Writing into memory cannot fail.
    let _ = serde_json::to_writer(json, value);
}

fn option<T>(json: &mut Vec<u8>, value: Option<T>, write: impl FnOnce(&mut Vec<u8>, T)) {
    match value {
        Some(value) => write(json, value),
        None => json.extend_from_slice(b"null"),
    }
}

fn texts<'a>(json: &mut Vec<u8>, all: impl Iterator<Item = &'a str>) {
    json.push(b'[');
    for (index, one) in all.enumerate() {
        if index > 0 {
            json.push(b',');
        }
        text(json, one);
    }
    json.push(b']');
}

fn text(json: &mut Vec<u8>, text: &str) {
    // All bytes are looked at, whatever was found: then many are looked at in one instruction.
    let needs_escape = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |found, byte| found | needs_escape(byte)) {
        value(json, text);
    } else {
        quoted(json, text.as_bytes());
    }
}

fn stamp(json: &mut Vec<u8>, stamp: &Stamp) {
    quoted(json, &stamp.text());
}

fn quoted(json: &mut Vec<u8>, bytes: &[u8]) {
    json.push(b'"');
    json.extend_from_slice(bytes);
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use federation_domain::{Channel, Condition, FanoutAllowlist, Reports, Tags};
    use time::OffsetDateTime;

    use super::*;

    #[track_caller]
    fn assert_same_as_serde(body: &ProjectBody<'_>) {
        let written = String::from_utf8(body.to_json()).unwrap();
        assert_eq!(written, serde_json::to_string(body).unwrap());
    }

    #[test]
    fn a_project_is_written_as_serde_does() {
        let at = || Stamp(OffsetDateTime::UNIX_EPOCH);
        let (tags, allow_fanout) = (Tags::default(), FanoutAllowlist::default());
        let empty = ProjectBody {
            id: 1,
            slug: "a",
            name: "A",
            hub_url: "http://a",
            mesh_namespace: None,
            status: "offline",
            tags: &tags,
            last_heartbeat_at: None,
            created_at: at(),
            updated_at: at(),
            heartbeat_interval_seconds: None,
            allow_fanout: &allow_fanout,
            degraded_reasons: &Reports::default(),
            status_known: false,
        };
        assert_same_as_serde(&empty);
        let mut reports = Reports::default();
        let reasons = vec!["\"it's\"".to_owned(), "a\\b".to_owned(), String::new()];
        reports.hear(Channel::Health, Some(&Condition::Degraded { reasons }));
        assert_same_as_serde(&ProjectBody {
            id: i64::MAX,
            name: "Zürich \" \\ / \u{1}\t\u{7f}\u{2028} 🦀",
            hub_url: "https://[::1]/x?y=\"z\"#<é>",
            mesh_namespace: Some("hub.a"),
            tags: &Tags::parse(&["one", "two \"2\"", "drei ü"]).unwrap(),
            last_heartbeat_at: Some(at()),
            heartbeat_interval_seconds: Some(2.5),
            allow_fanout: &FanoutAllowlist::parse(&["restart", "ping"]).unwrap(),
            degraded_reasons: &reports,
            status_known: true,
            ..empty
        });
    }
}
