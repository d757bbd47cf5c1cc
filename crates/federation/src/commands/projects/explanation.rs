//! `federation projects explain`.

use serde_json::Value;

use super::history::step;
use super::table::{bare, text, trimmed};

/// Formats the summary, the facts behind it and a line per source.
pub(super) fn words(explanation: &Value) -> String {
    let summary = format!("{}: {}", text(&explanation["slug"]), text(&explanation["summary"]));
    [summary, facts(explanation), sources(&explanation["silence"])].join("\n\n")
}

fn facts(explanation: &Value) -> String {
    let thresholds = &explanation["thresholds"];
    let mut table = bare();
    table.add_row(["last heartbeat".to_owned(), heartbeat(&explanation["last_heartbeat"])]);
    table.add_row(["degraded after".to_owned(), seconds(&thresholds["degraded_after_seconds"])]);
    table.add_row(["offline after".to_owned(), seconds(&thresholds["offline_after_seconds"])]);
    table.add_row(["grace period".to_owned(), chance(&thresholds["chance_seconds"])]);
    table.add_row(["reports".to_owned(), reports(&explanation["reports"])]);
    table.add_row(["last change".to_owned(), change(&explanation["last_change"])]);
    let down = &explanation["dependencies_down"];
    if down.as_array().is_some_and(|down| !down.is_empty()) {
        table.add_row(["dependencies".to_owned(), format!("down: {}", text(down))]);
    }
    let alert = &explanation["alert"];
    if alert.is_object() {
        let (id, title) = (text(&alert["id"]), text(&alert["title"]));
        table.add_row(["alert".to_owned(), format!("{id}: {title}")]);
    }
    trimmed(&table)
}

fn heartbeat(heartbeat: &Value) -> String {
    if heartbeat.is_null() {
        return "never".to_owned();
    }
    let (at, ago) = (text(&heartbeat["at"]), seconds(&heartbeat["seconds_ago"]));
    match heartbeat["source"].as_str() {
        Some(_) => format!("{at} ({ago} ago, over {})", text(&heartbeat["source"])),
        None => format!("{at} ({ago} ago)"),
    }
}

fn chance(chance: &Value) -> String {
    format!("{} after an interruption", seconds(chance))
}

fn reports(reports: &Value) -> String {
    match (reports["degraded"].as_bool(), text(&reports["reasons"])) {
        (Some(true), reasons) if reasons == "-" => "degraded".to_owned(),
        (Some(true), reasons) => format!("degraded: {reasons}"),
        _ => "-".to_owned(),
    }
}

fn change(change: &Value) -> String {
    if change.is_null() {
        return "-".to_owned();
    }
    let (at, because) = (text(&change["at"]), text(&change["because"]));
    format!("{at} {} by {}: {because}", step(change), text(&change["actor"]))
}

/// Formats a line per source in use.
fn sources(sources: &Value) -> String {
    let mut table = bare();
    table.set_header(["SOURCE", "COUNTS", "RECEIVING", "SILENCE", "NOT COUNTED", "RECEIVING FOR"]);
    for source in sources.as_array().into_iter().flatten() {
        table.add_row([
            text(&source["source"]),
            yes_or_no(&source["counts"]),
            yes_or_no(&source["hears"]),
            seconds(&source["silence_seconds"]),
            seconds(&source["deaf_left_out_seconds"]),
            seconds(&source["listening_since_deafness_seconds"]),
        ]);
    }
    trimmed(&table)
}

fn yes_or_no(value: &Value) -> String {
    match value.as_bool() {
        Some(true) => "yes".to_owned(),
        Some(false) => "no".to_owned(),
        None => text(value),
    }
}

/// Formats seconds as in `94.2 s`, rounded down, so that a value just below a threshold does not
/// appear to have reached it.
fn seconds(value: &Value) -> String {
    match value.as_f64().map(|seconds| (seconds * 10.0).floor() / 10.0) {
        Some(seconds) if seconds.fract() == 0.0 => format!("{seconds:.0} s"),
        Some(seconds) => format!("{seconds:.1} s"),
        None => text(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_summary_comes_first_and_then_the_numbers() {
        let explanation = json!({
            "slug": "orion", "status": "offline", "status_known": true,
            "summary": "offline: 94.2 s of silence over nats (offline after 90 s)",
            "at": "2026-11-23T14:43:48.711326Z",
            "last_heartbeat": {
                "at": "2026-11-23T14:41:43.018273Z", "source": "nats", "seconds_ago": 125.693
            },
            "silence": [
                {"source": "nats", "counts": true, "hears": true, "silence_seconds": 94.193,
                 "deaf_left_out_seconds": 31.25, "listening_since_deafness_seconds": 61.0},
                {"source": "http", "counts": false, "hears": false, "silence_seconds": null,
                 "deaf_left_out_seconds": null, "listening_since_deafness_seconds": 89.999},
            ],
            "thresholds": {"degraded_after_seconds": 60.0, "offline_after_seconds": 90.0,
                           "chance_seconds": 45.0},
            "reports": {"degraded": true, "reasons": ["slow \u{1b}[2J", "full"]},
            "last_change": {"kind": "status_changed", "from": "degraded", "to": "offline",
                            "at": "2026-11-23T14:43:44.518273Z",
                            "because": "no heartbeat for 90 s", "actor": "service"},
            "dependencies_down": ["veria", "bus"],
        });
        assert_eq!(
            words(&explanation),
            "orion: offline: 94.2 s of silence over nats (offline after 90 s)\n\
             \n\
             last heartbeat  2026-11-23T14:41:43.018273Z (125.6 s ago, over nats)\n\
             degraded after  60 s\n\
             offline after   90 s\n\
             grace period    45 s after an interruption\n\
             reports         degraded: slow \\u{1b}[2J, full\n\
             last change     2026-11-23T14:43:44.518273Z degraded → offline by service: no heartbeat for 90 s\n\
             dependencies    down: veria, bus\n\
             \n\
             SOURCE  COUNTS  RECEIVING  SILENCE  NOT COUNTED  RECEIVING FOR\n\
             nats    yes     yes        94.1 s   31.2 s       61 s\n\
             http    no      no         -        -            89.9 s"
        );
    }

    #[test]
    fn an_unknown_value_is_a_dash() {
        let shown = words(&json!({"slug": "orion", "last_heartbeat": null, "silence": []}));
        assert!(shown.starts_with("orion: -\n\nlast heartbeat  never\n"), "{shown}");
        assert!(shown.contains("\nlast change     -\n"), "{shown}");
    }
}
