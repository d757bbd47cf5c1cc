//! Encodes projects as JSON without serde, whose handling of keys and of strings that need no
//! escaping would dominate the cost of a list. A test compares the output with that of serde.

use federation_domain::Project;
use serde::Serialize;

use super::body::ProjectBody;
use super::fields::{Fields, index_of};
use crate::wire::timestamp::Timestamp;

/// Initial buffer capacity, larger than most projects.
const CAPACITY: usize = 512;

/// Appends a key, its value and a comma if the key is selected.
macro_rules! member {
    ($json:ident, $fields:ident, $key:literal, $write:expr) => {
        if $fields.has(const { index_of($key) }) {
            $json.extend_from_slice(concat!("\"", $key, "\":").as_bytes());
            $write;
            $json.push(b',');
        }
    };
}

/// Appends a project as JSON, in the form of the API.
pub fn write_project(project: &Project, status_known: bool, json: &mut Vec<u8>) {
    ProjectBody::new(project, status_known).write(json, Fields::default());
}

impl ProjectBody<'_> {
    /// Encodes the project into a new buffer.
    pub(crate) fn to_json(&self, fields: Fields) -> Vec<u8> {
        let mut json = Vec::with_capacity(CAPACITY);
        self.write(&mut json, fields);
        json
    }

    /// Appends the project, byte for byte as serde would, reduced to the selected keys.
    pub(crate) fn write(&self, json: &mut Vec<u8>, fields: Fields) {
        json.push(b'{');
        member!(json, fields, "id", value(json, &self.id));
        member!(json, fields, "slug", text(json, self.slug));
        member!(json, fields, "name", text(json, self.name));
        member!(json, fields, "hub_url", text(json, self.hub_url));
        member!(json, fields, "mesh_namespace", option(json, self.mesh_namespace, text));
        member!(json, fields, "status", text(json, self.status));
        member!(json, fields, "tags", texts(json, self.tags.iter()));
        let heard = self.last_heartbeat_at.as_ref();
        member!(json, fields, "last_heartbeat_at", option(json, heard, timestamp));
        member!(json, fields, "created_at", timestamp(json, &self.created_at));
        member!(json, fields, "updated_at", timestamp(json, &self.updated_at));
        let interval = &self.heartbeat_interval_seconds;
        member!(json, fields, "heartbeat_interval_seconds", value(json, interval));
        member!(json, fields, "allow_fanout", texts(json, self.allow_fanout.iter()));
        member!(json, fields, "degraded_reasons", texts(json, self.degraded_reasons.reasons()));
        let known: &[u8] = if self.status_known { b"true" } else { b"false" };
        member!(json, fields, "status_known", json.extend_from_slice(known));
        // Not selectable, because it is rarely present.
        if let (Some(flapping), true) = (self.flapping, fields == Fields::default()) {
            json.extend_from_slice(b"\"flapping\":");
            value(json, &flapping);
            json.push(b',');
        }
        // Replace the last comma.
        json.pop();
        json.push(b'}');
    }
}

/// Appends any value that is not an object.
fn value<T: Serialize + ?Sized>(json: &mut Vec<u8>, value: &T) {
    // Writing to a Vec cannot fail.
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
    // Without an early exit, the compiler vectorizes this loop.
    let needs_escape = |byte: u8| (byte < 0x20) | (byte == b'"') | (byte == b'\\');
    if text.bytes().fold(false, |found, byte| found | needs_escape(byte)) {
        value(json, text);
    } else {
        quoted(json, text.as_bytes());
    }
}

fn timestamp(json: &mut Vec<u8>, timestamp: &Timestamp) {
    quoted(json, &timestamp.text());
}

fn quoted(json: &mut Vec<u8>, bytes: &[u8]) {
    json.push(b'"');
    json.extend_from_slice(bytes);
    json.push(b'"');
}

#[cfg(test)]
mod tests {
    use federation_domain::{Channel, Condition, FanoutAllowlist, ProjectStatus, Reports, Tags};
    use time::OffsetDateTime;

    use super::*;

    #[track_caller]
    fn assert_same_as_serde(body: &ProjectBody<'_>) {
        let written = |fields| String::from_utf8(body.to_json(fields)).unwrap();
        let all = written(Fields::default());
        assert_eq!(all, serde_json::to_string(body).unwrap());
        let object: serde_json::Map<_, _> = serde_json::from_str(&all).unwrap();
        for (key, value) in object.into_iter().filter(|(key, _)| key != "flapping") {
            let one = format!("{{\"{key}\":{value}}}");
            assert_eq!(written(Fields::parse(&key).unwrap()), one);
        }
        let some = Fields::parse("status,slug").unwrap();
        assert_eq!(written(some), r#"{"slug":"a","status":"offline"}"#);
    }

    #[test]
    fn a_project_is_encoded_as_by_serde() {
        let at = || Timestamp(OffsetDateTime::UNIX_EPOCH);
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
            flapping: None,
        };
        assert_same_as_serde(&empty);
        let mut reports = Reports::default();
        let reasons = vec!["\"it's\"".to_owned(), "a\\b".to_owned(), String::new()];
        let condition = Condition::Degraded { reasons };
        reports.hear(Channel::Health, Some(&condition), ProjectStatus::Online);
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
            flapping: Some(true),
            ..empty
        });
    }
}
