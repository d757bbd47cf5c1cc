//! Positions in the change log.

use federation_application::WatchFrom;
use federation_domain::{InvalidValue, LogPosition};

/// Describes a valid position.
const POSITION: &str = "a position as sent by this service, such as 8f3a9c01b2d4-17";

/// Parses a position that a client got from this service. The OpenAPI document has the pattern. A revision alone, as sent by versions
/// without epochs, says nothing about this log.
pub(super) fn position(name: &str, text: &str) -> Result<WatchFrom, InvalidValue> {
    if let Some(position) = LogPosition::parse(text) {
        return Ok(WatchFrom::After(position));
    }
    match LogPosition::parse_revision(text) {
        Some(_) => Ok(WatchFrom::AnotherLog),
        None => Err(InvalidValue::new(name, text, POSITION)),
    }
}
