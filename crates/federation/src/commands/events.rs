//! Server-Sent Events as this program's clients read them.

/// One event of the service.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Event {
    /// The revision through which all was seen.
    pub(super) id: Option<i64>,
    /// `ready`, `reset`, or the kind of a change.
    pub(super) name: String,
    /// JSON.
    pub(super) data: String,
}

impl Event {
    /// Reads what stands between two empty lines. None where it is no event: a sign of life, which
    /// may bear an id.
    pub(super) fn parse(block: &str) -> Result<Self, Option<i64>> {
        let value =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        let id = value("id").and_then(|id| id.parse().ok());
        let data = value("data").ok_or(id)?.to_owned();
        Ok(Self { id, name: value("event").unwrap_or("message").to_owned(), data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_data_and_a_sign_of_life_has_not() {
        let event = Event::parse("retry: 2000\nid: 7\nevent: ready\ndata: {}").unwrap();
        let expected = Event { id: Some(7), name: "ready".to_owned(), data: "{}".to_owned() };
        assert_eq!(event, expected);
        assert_eq!(Event::parse(": heartbeat\nid: 9"), Err(Some(9)));
        assert_eq!(Event::parse(": heartbeat"), Err(None));
    }
}
