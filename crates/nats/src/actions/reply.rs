//! Payload of replies.

use federation_domain::{ActionReply, ActionResult, Percent};
use serde::Serialize;
use serde_json::{Map, Value};

/// A reply, as a project sends it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub(crate) enum ProjectReply<'a> {
    /// More replies follow.
    Accepted,
    /// The share of the work that is done.
    Progress {
        /// From 0 to 100.
        percent: f64,
    },
    /// The project is done.
    Done {
        /// The result.
        result: &'a Value,
    },
    /// The project failed.
    Failed {
        /// The reason.
        error: &'a str,
    },
}

/// Decodes a reply. A payload of any other form is the result of a project that is done.
pub(crate) fn decode_reply(payload: &[u8]) -> ActionReply {
    let Ok(value) = serde_json::from_slice::<Value>(payload) else {
        return ActionReply::Done(result_of(payload));
    };
    let known = value.as_object().and_then(known);
    known.unwrap_or_else(|| ActionReply::Done(ActionResult::from_json(&value.to_string())))
}

fn known(object: &Map<String, Value>) -> Option<ActionReply> {
    match object.get("status")?.as_str()? {
        "accepted" => Some(ActionReply::Accepted),
        "progress" => {
            let percent = object.get("percent").and_then(Value::as_f64).and_then(Percent::new);
            Some(percent.map_or(ActionReply::Accepted, ActionReply::Progress))
        }
        "done" => {
            let result = object.get("result").map(Value::to_string);
            Some(ActionReply::Done(ActionResult::from_json(result.as_deref().unwrap_or("null"))))
        }
        "failed" => Some(ActionReply::Failed(match object.get("error") {
            None | Some(Value::Null) => "the project gave no reason".to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        })),
        _ => None,
    }
}

/// Returns a result that need not be JSON: as it is if it is JSON, and as a string otherwise. Bytes
/// that are not UTF-8 are replaced.
pub(crate) fn result_of(bytes: &[u8]) -> ActionResult {
    if bytes.is_empty() {
        return ActionResult::None;
    }
    if bytes.len() > ActionResult::MAX_BYTES {
        return ActionResult::TooLarge { bytes: bytes.len() };
    }
    let value = serde_json::from_slice::<Value>(bytes)
        .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()));
    ActionResult::from_json(&value.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn done(json: &str) -> ActionReply {
        ActionReply::Done(ActionResult::from_json(json))
    }

    #[test]
    fn a_reply_of_a_known_form_is_read() {
        let percent = |percent| ActionReply::Progress(Percent::new(percent).unwrap());
        let failed = |error: &str| ActionReply::Failed(error.to_owned());
        for (payload, expected) in [
            (r#"{"status": "accepted"}"#, ActionReply::Accepted),
            (r#"{"status": "progress", "percent": 40}"#, percent(40.0)),
            (r#"{"status": "progress"}"#, ActionReply::Accepted),
            (r#"{"status": "done", "result": {"a": [1]}}"#, done(r#"{"a":[1]}"#)),
            (r#"{"status": "done"}"#, done("null")),
            (r#"{"status": "failed", "error": "no"}"#, failed("no")),
            (r#"{"status": "failed", "error": {"a": 1}}"#, failed(r#"{"a":1}"#)),
            (r#"{"status": "failed"}"#, failed("the project gave no reason")),
        ] {
            assert_eq!(decode_reply(payload.as_bytes()), expected, "{payload}");
        }
    }

    #[test]
    fn a_reply_of_any_other_form_is_a_result() {
        for (payload, json) in [
            ("", "null"),
            ("ok", r#""ok""#),
            ("[1, 2]", "[1,2]"),
            (r#"{"status": "online"}"#, r#"{"status":"online"}"#),
            (r#"{"status": 7}"#, r#"{"status":7}"#),
        ] {
            assert_eq!(decode_reply(payload.as_bytes()), done(json), "{payload}");
        }
        assert_eq!(decode_reply(b"\xff"), done("\"\u{fffd}\""));
    }

    #[test]
    fn a_result_of_one_byte_too_many_is_left_out() {
        let text = "x".repeat(ActionResult::MAX_BYTES - 2);
        assert_eq!(decode_reply(format!("\"{text}\"").as_bytes()), done(&format!("\"{text}\"")));
        let bytes = ActionResult::MAX_BYTES + 1;
        let longer = format!("\"{text}x\"");
        assert_eq!(
            decode_reply(longer.as_bytes()),
            ActionReply::Done(ActionResult::TooLarge { bytes })
        );
        let wrapped = format!(r#"{{"status":"done","result":{longer}}}"#);
        assert_eq!(
            decode_reply(wrapped.as_bytes()),
            ActionReply::Done(ActionResult::TooLarge { bytes })
        );
    }

    proptest! {
        #[test]
        fn any_payload_is_read(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            decode_reply(&payload);
        }
    }
}
