use federation_domain::{Channel, Condition, Reports};
use proptest::prelude::*;

use super::*;

const PYTHON: &[u8] = include_bytes!("../../../tests/fixtures/python_heartbeat.json");

fn presence(payload: &str) -> Result<DecodedHeartbeat<'_>, DecodeError> {
    decode("hub.presence.a", payload.as_bytes())
}

fn health(payload: &str) -> Result<DecodedHeartbeat<'_>, DecodeError> {
    decode("hub.health.a", payload.as_bytes())
}

fn degraded(reasons: &[&str]) -> Option<Condition> {
    Some(Condition::Degraded { reasons: reasons.iter().map(|&r| r.to_owned()).collect() })
}

#[test]
fn the_bytes_of_the_python_publisher_are_decoded_without_copies() {
    let decoded = decode("hub.presence.commandcenter", PYTHON).unwrap();
    let heartbeat = &decoded.heartbeat;
    assert_eq!((heartbeat.slug, heartbeat.channel), ("commandcenter", Channel::Presence));
    assert_eq!(heartbeat.condition, None);
    assert!(matches!(decoded.hub_url, Some(Cow::Borrowed("http://localhost:8000"))));
    assert!(matches!(decoded.mesh_namespace, Some(Cow::Borrowed("hub.commandcenter"))));
    assert_eq!(decoded.ignored_fields, 0);
}

#[test]
fn a_heartbeat_needs_only_its_project() {
    assert_eq!(presence(r#"{"project_slug":"a"}"#).unwrap().ignored_fields, 0);
    for payload in
        ["{}", "", "null", "[]", "7", r#"{"project_slug":null}"#, r#"{"project_slug":1}"#]
    {
        assert_eq!(presence(payload), Err(DecodeError::Malformed), "{payload}");
    }
}

#[test]
fn a_health_sample_need_not_name_its_project_but_must_not_name_another() {
    assert!(health("{}").is_ok());
    assert!(health(r#"{"project_slug":"a"}"#).is_ok());
    assert_eq!(health(r#"{"project_slug":"b"}"#), Err(DecodeError::Spoofed));
    assert_eq!(health(r#"{"project_slug":1}"#), Err(DecodeError::Malformed));
}

#[test]
fn an_array_is_rejected() {
    assert_eq!(presence(r#"["a"]"#), Err(DecodeError::Malformed));
    assert_eq!(health(" []"), Err(DecodeError::Malformed));
}

#[test]
fn a_payload_that_names_another_project_is_spoofed() {
    assert_eq!(presence(r#"{"project_slug":"b"}"#), Err(DecodeError::Spoofed));
    assert_eq!(presence(r#"{"project_slug":"A"}"#), Err(DecodeError::Spoofed));
    assert!(presence(r#"{"project_slug":"\u0061"}"#).is_ok());
}

#[test]
fn duplicates_of_known_keys_are_rejected_also_with_escapes() {
    for payload in [
        r#"{"project_slug":"b","project_slug":"a"}"#,
        r#"{"project_slug":null,"project_slug":"a"}"#,
        r#"{"project_slug":"b","project\u005fslug":"a"}"#,
        r#"{"project_slug":"a","status":"online","status":"degraded"}"#,
    ] {
        assert_eq!(presence(payload), Err(DecodeError::Malformed), "{payload}");
    }
}

#[test]
fn unknown_keys_are_ignored() {
    let payload = r#"{"parts":[1,{"x":[]}],"project_slug":"a","parts":2,"endpoints":{}}"#;
    assert_eq!(presence(payload).unwrap().ignored_fields, 0);
}

#[test]
fn invalid_optional_fields_are_ignored_and_counted() {
    for (field, count) in [
        (r#""timestamp":1"#, 1),
        (r#""timestamp":"yesterday""#, 1),
        (r#""timestamp":"2025-11-18T12:00:00Z""#, 0),
        (r#""version":{}"#, 1),
        (r#""tools":[1],"capabilities":{}"#, 2),
        (r#""tools":["vault"],"capabilities":[]"#, 0),
        (r#""hub_url":"javascript:alert(1)""#, 1),
        (r#""hub_url":"http:\/\/localhost""#, 0),
        (r#""hub_url":"\ud800""#, 1),
        (r#""hub_url":null"#, 0),
        (r#""mesh_namespace":"hub.*""#, 1),
        (r#""status":"asleep""#, 1),
        (r#""status":["online"]"#, 1),
        (r#""degradedReasons":"slow""#, 1),
        (r#""degradedReasons":["slow",1]"#, 1),
        (r#""latencyMs":-1"#, 1),
        (r#""latencyMs":"fast","sampleAt":0"#, 2),
    ] {
        let payload = format!(r#"{{"project_slug":"a",{field}}}"#);
        assert_eq!(presence(&payload).unwrap().ignored_fields, count, "{field}");
    }
}

#[test]
fn a_project_reports_its_condition() {
    let sample = r#"{"status": "degraded", "latencyMs": 812,
        "degradedReasons": ["queue backlog"], "sampleAt": "2025-11-18T12:00:00"}"#;
    let decoded = health(sample).unwrap();
    assert_eq!(decoded.heartbeat.channel, Channel::Health);
    assert_eq!(decoded.heartbeat.condition, degraded(&["queue backlog"]));
    assert_eq!(decoded.ignored_fields, 0);

    let condition = |payload| presence(payload).unwrap().heartbeat.condition;
    assert_eq!(condition(r#"{"project_slug":"a","status":"online"}"#), Some(Condition::Online));
    assert_eq!(condition(r#"{"project_slug":"a","status":"degraded"}"#), degraded(&[]));
    assert_eq!(condition(r#"{"project_slug":"a","degraded_reasons":["x"]}"#), degraded(&["x"]));
    assert_eq!(condition(r#"{"project_slug":"a","degradedReasons":[]}"#), None);
    assert_eq!(condition(r#"{"project_slug":"a","degradedReasons":["x"]}"#), degraded(&["x"]));
    let unclear = r#"{"project_slug":"a","status":"?","degradedReasons":["x"]}"#;
    assert_eq!(condition(unclear), Some(Condition::Unclear));
}

#[test]
fn a_status_is_read_in_the_words_of_monitoring_tools() {
    for (status, expected) in [
        ("OK", Some(Condition::Online)),
        ("healthy", Some(Condition::Online)),
        ("Degraded", degraded(&["slow"])),
        ("DEGRADED", degraded(&["slow"])),
        ("down", degraded(&["down", "slow"])),
        ("Offline", degraded(&["offline", "slow"])),
        ("critical", degraded(&["critical", "slow"])),
    ] {
        let payload =
            format!(r#"{{"project_slug":"a","status":"{status}","degradedReasons":["slow"]}}"#);
        for decoded in [presence(&payload).unwrap(), health(&payload).unwrap()] {
            assert_eq!(decoded.heartbeat.condition, expected, "{status}");
            assert_eq!(decoded.invalid_report, None);
        }
    }
}

#[test]
fn an_unknown_status_is_counted_and_keeps_the_previous_report() {
    for (status, given) in [
        (r#""asleep""#, "\"asleep\""),
        (r#""""#, "\"\""),
        ("0", "a value that is not a string"),
        ("false", "a value that is not a string"),
        ("{}", "a value that is not a string"),
        (r#"["ok"]"#, "a value that is not a string"),
    ] {
        let payload =
            format!(r#"{{"project_slug":"a","status":{status},"degradedReasons":["slow"]}}"#);
        for decoded in [presence(&payload).unwrap(), health(&payload).unwrap()] {
            assert_eq!(decoded.heartbeat.condition, Some(Condition::Unclear), "{status}");
            assert_eq!(decoded.ignored_fields, 1, "{status}");
            assert_eq!(decoded.invalid_report.unwrap().given, given);
        }
    }
}

#[test]
fn reasons_that_cannot_be_read_do_not_report_a_healthy_project() {
    for reasons in [r#""disk full""#, r#"["slow",1]"#, "{}", "5"] {
        for key in ["degradedReasons", "degraded_reasons"] {
            let payload = format!(r#"{{"project_slug":"a","{key}":{reasons}}}"#);
            for decoded in [presence(&payload).unwrap(), health(&payload).unwrap()] {
                assert_eq!(decoded.heartbeat.condition, Some(Condition::Unclear), "{payload}");
                assert_eq!(decoded.invalid_report.unwrap().field, "degradedReasons");
            }
        }
    }
    let with_status = r#"{"project_slug":"a","status":"degraded","degradedReasons":"disk full"}"#;
    assert_eq!(presence(with_status).unwrap().heartbeat.condition, degraded(&[]));
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let payload = "\u{feff}{\"project_slug\":\"a\",\"status\":\"degraded\"}";
    assert_eq!(presence(payload).unwrap().heartbeat.condition, degraded(&[]));
    assert_eq!(health(payload).unwrap().heartbeat.condition, degraded(&[]));
    assert_eq!(presence("\u{feff}\u{feff}{}"), Err(DecodeError::Malformed));
}

#[test]
fn reasons_beyond_the_limit_are_not_decoded() {
    let reasons = vec!["x"; 1_000];
    let payload = serde_json::json!({ "status": "degraded", "degradedReasons": reasons });
    let text = payload.to_string();
    let Some(Condition::Degraded { reasons }) = health(&text).unwrap().heartbeat.condition else {
        panic!("not degraded");
    };
    assert_eq!(reasons.len(), Reports::MAX_REASONS);
}

#[test]
fn size_and_subject_are_checked_before_the_payload() {
    let large = format!(r#"{{"project_slug":"a"{}}}"#, " ".repeat(MAX_PAYLOAD_BYTES));
    assert_eq!(presence(&large), Err(DecodeError::Oversized));
    assert_eq!(decode("hub.presence.A", large.as_bytes()), Err(DecodeError::BadSubject));
    assert_eq!(decode("hub.presence.a", &[0xff]), Err(DecodeError::Malformed));
    let deep = "[".repeat(60_000);
    assert_eq!(presence(&deep), Err(DecodeError::Malformed));
    let deep = format!(r#"{{"project_slug":"a","x":{}{}}}"#, "[".repeat(9_999), "]".repeat(9_999));
    let _ = presence(&deep);
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(subject in "\\PC*", payload in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = decode(&subject, &payload);
        let _ = decode("hub.presence.a", &payload);
        let _ = decode("hub.health.a", &payload);
    }

    #[test]
    fn the_fast_path_agrees_with_the_slow_one(
        fields in prop::collection::vec(
            (
                prop::sample::select(vec![
                    "project_slug", "hub_url", "mesh_namespace", "timestamp", "version", "status",
                    "degradedReasons", "degraded_reasons", "latencyMs", "sampleAt", "x",
                ]),
                prop::sample::select(vec![
                    r#""a""#, r#""b""#, "1", "-1.5", "1e400", "null", "true", "[]", r#"["x"]"#, "{}",
                    r#""\ud800""#, r#""\u0061""#, r#""online""#, r#""degraded""#, r#""Down""#, r#""http://h""#,
                    r#""2025-11-18T12:00:00""#, "18446744073709551616", r#""hub.a""#,
                ]),
            ),
            0..6,
        ),
    ) {
        let fields: Vec<_> =
            fields.iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
        let text = format!("{{{}}}", fields.join(","));
        for (subject, channel) in
            [("hub.presence.a", Channel::Presence), ("hub.health.a", Channel::Health)]
        {
            let long = Reading::of(&text, "a", DecodeStrategy::OneByOne).map_err(|_| DecodeError::Malformed);
            let wanted = long.and_then(|reading| reading.finish(channel));
            prop_assert_eq!(decode(subject, text.as_bytes()), wanted, "{}", text);
        }
    }

    #[test]
    fn a_damaged_heartbeat_does_not_panic(at in 0..PYTHON.len(), byte in any::<u8>(), cut in 0..PYTHON.len()) {
        let mut payload = PYTHON.to_vec();
        payload[at] = byte;
        let _ = decode("hub.presence.commandcenter", &payload);
        let _ = decode("hub.presence.commandcenter", &payload[..cut]);
    }

    #[test]
    fn a_heartbeat_always_belongs_to_the_project_of_its_subject(named in "[a-c]", payload in "\\PC*") {
        let text = format!(r#"{{"project_slug":"{named}","x":{}}}"#, serde_json::json!(payload));
        match presence(&text) {
            Ok(decoded) => prop_assert!(decoded.heartbeat.slug == "a" && named == "a"),
            Err(refusal) => prop_assert!(refusal == DecodeError::Spoofed && named != "a"),
        }
    }
}
