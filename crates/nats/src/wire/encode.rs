use std::io;

use federation_domain::{Condition, HubUrl, MeshNamespace, Slug};
use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};
use time::OffsetDateTime;

use super::said::ReportFields;
use super::timestamp;

/// An outgoing heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeartbeatMessage<'a> {
    /// Slug of the project.
    pub slug: &'a Slug,
    /// URL of the project.
    pub hub_url: &'a HubUrl,
    /// Subject prefix of the project.
    pub mesh_namespace: &'a MeshNamespace,
    /// Version of the project.
    pub version: &'a str,
    /// Time of sending by the clock of the project, for people who watch the subject.
    pub at: OffsetDateTime,
    /// Reported condition. `None` is the short form for a healthy project.
    pub condition: Option<&'a Condition>,
}

impl HeartbeatMessage<'_> {
    /// Encodes the payload with the keys, the order and the spacing of the Python publisher.
    ///
    /// # Errors
    /// Fails if the year has more than four digits.
    pub fn encode(&self) -> serde_json::Result<Vec<u8>> {
        let payload = Payload {
            project_slug: self.slug.as_str(),
            hub_url: self.hub_url.as_str(),
            mesh_namespace: self.mesh_namespace.as_str(),
            timestamp: timestamp::write(self.at)?,
            version: self.version,
            said: self.condition.into(),
        };
        let mut bytes = Vec::with_capacity(256);
        payload.serialize(&mut Serializer::with_formatter(&mut bytes, PythonSpacing))?;
        Ok(bytes)
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    project_slug: &'a str,
    hub_url: &'a str,
    mesh_namespace: &'a str,
    timestamp: String,
    version: &'a str,
    #[serde(flatten)]
    said: ReportFields<'a>,
}

/// A space after each comma and colon, as Python's `json.dumps` writes by default.
struct PythonSpacing;

impl PythonSpacing {
    fn separate<W: ?Sized + io::Write>(writer: &mut W, first: bool) -> io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }
}

impl Formatter for PythonSpacing {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        Self::separate(w, first)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        Self::separate(w, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(b": ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode;
    use time::macros::datetime;

    const PYTHON: &str = include_str!("../../tests/fixtures/python_heartbeat.json");

    fn encode(condition: Option<&Condition>) -> String {
        let message = HeartbeatMessage {
            slug: &Slug::parse("commandcenter").unwrap(),
            hub_url: &HubUrl::parse("http://localhost:8000").unwrap(),
            mesh_namespace: &MeshNamespace::parse("hub.commandcenter").unwrap(),
            version: "0.9.0",
            at: datetime!(2025-11-18 13:00:00.123456 +1),
            condition,
        };
        String::from_utf8(message.encode().unwrap()).unwrap()
    }

    #[test]
    fn a_plain_heartbeat_is_the_python_publishers_but_for_the_zone() {
        assert_eq!(encode(None).replace("123456Z", "123456"), PYTHON);
    }

    #[test]
    fn what_is_sent_is_what_is_heard() {
        let degraded = Condition::Degraded { reasons: vec!["a \"b\"".into(), "ä\n".into()] };
        for condition in [None, Some(Condition::Online), Some(degraded)] {
            let payload = encode(condition.as_ref());
            let decoded = decode("hub.presence.commandcenter", payload.as_bytes()).unwrap();
            assert_eq!(decoded.heartbeat.condition, condition);
            assert_eq!(decoded.ignored_fields, 0, "{payload}");
        }
    }

    #[test]
    fn reasons_follow_the_known_keys() {
        let degraded = Condition::Degraded { reasons: vec!["x".into(), "y".into()] };
        let ending = r#""version": "0.9.0", "status": "degraded", "degradedReasons": ["x", "y"]}"#;
        assert!(encode(Some(&degraded)).ends_with(ending));
    }
}
