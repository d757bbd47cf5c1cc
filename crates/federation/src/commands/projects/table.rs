//! Tables of projects.
//!
//! A missing value is shown as a dash, so that this client works with older and newer services.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets};
use federation_application::SystemClock;
use federation_domain::Clock as _;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::marks::Marks;
use crate::output::plain;

/// Returns the current time, to show ages.
pub(crate) fn now() -> OffsetDateTime {
    SystemClock::start().utc()
}

/// Formats a line per project, truncated to this number of columns, if given. A column shows the marks
/// if there are any.
pub(super) fn list(
    projects: &[Value],
    marks: &Marks,
    now: OffsetDateTime,
    columns: Option<usize>,
) -> String {
    let marks: Vec<_> = projects.iter().map(|project| marks.of_project(project)).collect();
    let is_marked = marks.iter().any(|mark| !mark.is_empty());
    let mut table = bare();
    let header = ["SLUG", "STATUS", "MARKS", "LAST HEARTBEAT", "NAME", "HUB URL", "TAGS"];
    table.set_header(header.into_iter().filter(|name| is_marked || *name != "MARKS"));
    for (project, mark) in projects.iter().zip(marks) {
        let mark = is_marked.then(|| if mark.is_empty() { "-".to_owned() } else { mark });
        let before = [text(&project["slug"]), status(project)].into_iter();
        table.add_row(before.chain(mark).chain([
            ago(&project["last_heartbeat_at"], now),
            text(&project["name"]),
            text(&project["hub_url"]),
            text(&project["tags"]),
        ]));
    }
    fitted(&mut table, 2, columns)
}

/// Formats a line per key of a project.
pub(super) fn details(project: &Value, now: OffsetDateTime) -> String {
    let mut table = bare();
    for (key, value) in project.as_object().into_iter().flatten() {
        let shown = match key.as_str() {
            "status" if is_doubtful(project) => {
                format!("{} (not known, because heartbeats may be lost)", status(project))
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

/// Formats the confirmation of a registration.
pub(super) fn registered(project: &Value) -> String {
    format!("registered {} (id {})", text(&project["slug"]), text(&project["id"]))
}

/// Creates a table without lines between its cells.
pub(crate) fn bare() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table
}

/// Formats a table without padding around its lines.
pub(crate) fn trimmed(table: &Table) -> String {
    table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Formats a table with one line per row, truncated to this number of columns, if given. The first
/// `whole` cells of a row are shortened last.
pub(crate) fn fitted(table: &mut Table, whole: usize, columns: Option<usize>) -> String {
    let Some(columns) = columns else { return trimmed(table) };
    // The padding around a line is removed.
    let width = u16::try_from(columns + 2).unwrap_or(u16::MAX);
    table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    table.set_truncation_indicator("…");
    for column in table.column_iter_mut().take(whole) {
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    for row in table.row_iter_mut() {
        row.max_height(1);
    }
    if let Some(mut header) = table.header().cloned() {
        header.max_height(1);
        table.set_header(header);
    }
    trimmed(table).lines().map(|line| cut(line, columns)).collect::<Vec<_>>().join("\n")
}

/// Truncates a line to this number of characters.
pub(super) fn cut(line: &str, columns: usize) -> String {
    if line.chars().count() <= columns {
        return line.to_owned();
    }
    line.chars().take(columns.saturating_sub(1)).chain(['…']).collect()
}

/// Formats a value. A missing one is a dash.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => plain(text),
        Value::Array(items) if items.is_empty() => "-".to_owned(),
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(", "),
        other => plain(&other.to_string()),
    }
}

/// Formats the status, with a question mark if it is not known.
pub(super) fn status(project: &Value) -> String {
    let doubt = if is_doubtful(project) { "?" } else { "" };
    text(&project["status"]) + doubt
}

fn is_doubtful(project: &Value) -> bool {
    project["status_known"] == false
}

/// Formats the age of a time, as in `12 s ago`.
pub(crate) fn ago(time: &Value, now: OffsetDateTime) -> String {
    let Some(given) = time.as_str() else { return "never".to_owned() };
    let Ok(time) = OffsetDateTime::parse(given, &Rfc3339) else { return plain(given) };
    let seconds = (now - time).whole_seconds();
    match seconds {
        // The clocks of two machines may differ a little.
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
    fn a_list_has_one_line_per_project() {
        let projects = json!([
            {"slug": "a", "status": "online", "last_heartbeat_at": "2026-11-23T14:41:01.5Z",
             "name": "A\u{1b}[2J", "hub_url": "http://a", "tags": ["x", "y"], "status_known": false},
            {"slug": "long-slug", "status": "offline", "last_heartbeat_at": null,
             "name": "B", "hub_url": "http://b", "tags": [], "status_known": true},
        ]);
        assert_eq!(
            list(projects.as_array().unwrap(), &Marks::default(), NOW, None),
            "SLUG       STATUS   LAST HEARTBEAT  NAME        HUB URL   TAGS\n\
             a          online?  11 s ago        A\\u{1b}[2J  http://a  x, y\n\
             long-slug  offline  never           B           http://b  -"
        );
        let alerts = json!([{"id": 7, "project": "long-slug", "affected": []}]);
        let marks = Marks::of(&alerts, &json!([]));
        let shown = list(projects.as_array().unwrap(), &marks, NOW, None);
        assert_eq!(
            shown.lines().map(|line| &line[..30]).collect::<Vec<_>>(),
            [
                "SLUG       STATUS   MARKS     ",
                "a          online?  -         ",
                "long-slug  offline  incident 7",
            ]
        );
    }

    #[test]
    fn a_list_fits_the_columns_and_keeps_slug_and_status() {
        let projects = json!([
            {"slug": "commandcenter", "status": "online", "last_heartbeat_at": null,
             "name": "The project that commands the center", "hub_url": "http://localhost:8000",
             "tags": ["python", "fastapi", "rag", "日本語日本語日本語"]},
        ]);
        for columns in [200, 100, 80, 60, 40, 20] {
            let shown = list(projects.as_array().unwrap(), &Marks::default(), NOW, Some(columns));
            let lines: Vec<_> = shown.lines().collect();
            assert_eq!(lines.len(), 2, "{shown}");
            assert!(lines.iter().all(|line| line.chars().count() <= columns), "{shown}");
            assert_eq!(lines[1].contains('…'), columns < 150, "{shown}");
            assert!(lines[1].starts_with("commandcenter  onli"), "{shown}");
        }
    }

    #[test]
    fn an_unknown_status_is_marked() {
        let shown = |known| details(&json!({"status": "online", "status_known": known}), NOW);
        assert!(shown(false).starts_with("status        online? (not known"));
        assert!(shown(true).starts_with("status        online\n"), "{}", shown(true));
        // An older service does not send it.
        assert_eq!(details(&json!({"status": "online"}), NOW), "status  online");
    }

    #[test]
    fn an_age_is_shown_in_a_fitting_unit() {
        for (time, shown) in [
            ("2026-11-23T14:41:14Z", "now"),
            ("2026-11-23T14:41:13Z", "now"),
            ("2026-11-23T14:41:01Z", "12 s ago"),
            ("2026-11-23T14:38:00Z", "3 min ago"),
            ("2026-11-23T10:41:00Z", "4 h ago"),
            ("2026-11-13T10:41:00Z", "10 days ago"),
            ("soon", "soon"),
        ] {
            assert_eq!(ago(&json!(time), NOW), shown, "{time}");
        }
    }
}
