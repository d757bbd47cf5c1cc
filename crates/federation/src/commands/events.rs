//! Parser of Server-Sent Events for the clients of this program.

/// An event of the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// Position up to which all changes were seen. Opaque.
    pub(super) id: Option<String>,
    /// `ready`, `reset`, or the kind of a change.
    pub(super) name: String,
    /// JSON text.
    pub(super) data: String,
}

impl Event {
    /// Parses the lines between two empty lines.
    ///
    /// # Errors
    /// Returns the id, if any, of a keep-alive, which is not an event.
    pub(super) fn parse(block: &str) -> Result<Self, Option<String>> {
        let value =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let id = value("id").map(str::to_owned);
        let Some(data) = value("data").map(str::to_owned) else { return Err(id) };
        Ok(Self { id, name: value("event").unwrap_or("message").to_owned(), data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_data_and_a_keep_alive_has_none() {
        let event = Event::parse("retry: 2000\nid: 8f-7\nevent: ready\ndata: {}").unwrap();
        let expected =
            Event { id: Some("8f-7".to_owned()), name: "ready".to_owned(), data: "{}".to_owned() };
        assert_eq!(event, expected);
        assert_eq!(Event::parse(": heartbeat\nid: 8f-9"), Err(Some("8f-9".to_owned())));
        assert_eq!(Event::parse(": heartbeat"), Err(None));
    }
}
