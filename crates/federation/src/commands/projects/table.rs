//! Projects as people like to read them.
//!
//! The answers are read leniently: what is absent shows as a dash, so that this client works with
//! services that are older or newer.

use comfy_table::{Table, presets};
use federation_application::SystemClock;
use federation_domain::Clock as _;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::output::plain;

/// The time of day, to tell how long ago something was.
pub(super) fn now() -> OffsetDateTime {
    SystemClock::start().utc()
}

/// One line for each project.
pub(super) fn list(projects: &Value, now: OffsetDateTime) -> String {
    let mut table = bare();
    table.set_header(["SLUG", "STATUS", "LAST HEARTBEAT", "NAME", "HUB URL", "TAGS"]);
    for project in projects.as_array().into_iter().flatten() {
        table.add_row([
            text(&project["slug"]),
            status(project),
            ago(&project["last_heartbeat_at"], now),
            text(&project["name"]),
            text(&project["hub_url"]),
            text(&project["tags"]),
        ]);
    }
    trimmed(&table)
}

/// All that is known of one project, a line for each key.
pub(super) fn details(project: &Value, now: OffsetDateTime) -> String {
    let mut table = bare();
    for (key, value) in project.as_object().into_iter().flatten() {
        let shown = match key.as_str() {
            "status" if is_doubtful(project) => {
                format!("{} (the service does not hear well enough to know)", status(project))
            }
            key if key.ends_with("_at") && value.is_string() => {
                format!("{} ({})", text(value), ago(value, now))
            }
            _ => text(value),
        };
        table.add_row([plain(key), shown]);
    }
    trimmed(&table)
}

/// That a project is registered.
pub(super) fn registered(project: &Value) -> String {
    format!("registered {} (id {})", text(&project["slug"]), text(&project["id"]))
}

/// A table without lines between its cells.
pub(super) fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// The table without the padding around its lines.
pub(super) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

/// A value in words; what is absent is a dash.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => plain(&other.to_string()),
    }
}

/// The status, with a question mark where it cannot be relied on.
pub(super) fn status(project: &Value) -> String {
    let doubt = if is_doubtful(project) { "?" } else { "" };
    text(&project["status"]) + doubt
}

fn is_doubtful(project: &Value) -> bool {
    project["status_known"] == false
}

/// How long ago a time was: `12 s ago`.
pub(super) fn ago(time: &Value, now: OffsetDateTime) -> String {
    let Some(given) = time.as_str() else { return "never".to_owned() };
    let Ok(time) = OffsetDateTime::parse(given, &Rfc3339) else { return plain(given) };
    let seconds = (now - time).whole_seconds();
    match seconds {
        // The clocks of two machines differ a little.
        ..1 => "now".to_owned(),
        1..120 => format!("{seconds} s ago"),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} days ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2026-11-23 14:41:13 UTC);

    #[test]
    fn a_list_is_a_table_with_one_line_for_each_project() {
        let projects = json!([
            {"slug": "a", "status": "online", "last_heartbeat_at": "2026-11-23T14:41:01.5Z",
             "name": "A\u{1b}[2J", "hub_url": "http://a", "tags": ["x", "y"], "status_known": false},
            {"slug": "long-slug", "status": "offline", "last_heartbeat_at": null,
             "name": "B", "hub_url": "http://b", "tags": [], "status_known": true},
        ]);
        assert_eq!(
            list(&projects, NOW),
            "SLUG       STATUS   LAST HEARTBEAT  NAME        HUB URL   TAGS\n\
             a          online?  11 s ago        A\\u{1b}[2J  http://a  x, y\n\
             long-slug  offline  never           B           http://b  -"
        );
    }

    #[test]
    fn a_status_that_cannot_be_relied_on_says_so() {
        let shown = |known| details(&json!({"status": "online", "status_known": known}), NOW);
        assert!(shown(false).starts_with("status        online? (the service does not hear"));
        assert!(shown(true).starts_with("status        online\n"), "{}", shown(true));
        // A service that is older does not tell.
        assert_eq!(details(&json!({"status": "online"}), NOW), "status  online");
    }

    #[test]
    fn how_long_ago_it_was_is_told_in_a_fitting_unit() {
        for (time, told) in [
            ("2026-11-23T14:41:14Z", "now"),
            ("2026-11-23T14:41:13Z", "now"),
            ("2026-11-23T14:41:01Z", "12 s ago"),
            ("2026-11-23T14:38:00Z", "3 min ago"),
            ("2026-11-23T10:41:00Z", "4 h ago"),
            ("2026-11-13T10:41:00Z", "10 days ago"),
            ("soon", "soon"),
        ] {
            assert_eq!(ago(&json!(time), NOW), told, "{time}");
        }
    }
}
