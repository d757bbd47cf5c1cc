//! Parser of server-sent events.

use federation_domain::LogPosition;

/// An event of the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StreamEvent {
    /// Position of the change.
    pub(super) id: Option<LogPosition>,
    /// `ready`, `reset`, or the kind of a change.
    pub(super) name: String,
    /// JSON text.
    pub(super) data: String,
}

impl StreamEvent {
    /// Parses the lines between two empty lines. Returns `None` for a keep-alive.
    pub(super) fn parse(block: &str) -> Option<Self> {
        let value =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        Some(Self {
            id: value("id").and_then(LogPosition::parse),
            name: value("event").unwrap_or("message").to_owned(),
            data: value("data")?.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_data_and_a_keep_alive_has_none() {
        let event = StreamEvent::parse("retry: 2000\nid: 8f3a9c01b2d4-7\nevent: ready\ndata: {}");
        let expected = StreamEvent {
            id: LogPosition::parse("8f3a9c01b2d4-7"),
            name: "ready".into(),
            data: "{}".into(),
        };
        assert_eq!(event, Some(expected));
        assert_eq!(StreamEvent::parse(": heartbeat\nid: 9"), None);
    }
}
