//! `federation projects history`.

use serde_json::Value;

use super::table::{bare, fitted, text, trimmed};

/// Formats the uptime, a line per change, and how to see older changes. Lines are truncated to this
/// number of columns, if given.
pub(super) fn words(history: &Value, columns: Option<usize>) -> String {
    let mut parts = Vec::new();
    if history["uptime"].as_array().is_some_and(|windows| !windows.is_empty()) {
        parts.push(uptime(&history["uptime"]));
    }
    parts.push(changes(&history["changes"], columns));
    if history["next"].is_string() {
        parts.push(format!("Older changes: --before {}", oldest(&history["changes"])));
    }
    parts.join("\n\n")
}

fn uptime(windows: &Value) -> String {
    let mut table = bare();
    table.set_header(["WINDOW", "ONLINE", "DEGRADED", "OFFLINE", "UNOBSERVED", "SINCE"]);
    for window in windows.as_array().into_iter().flatten() {
        table.add_row([
            text(&window["window"]),
            percent(&window["online"]),
            percent(&window["degraded"]),
            percent(&window["offline"]),
            percent(&window["unobserved"]),
            text(&window["from"]),
        ]);
    }
    trimmed(&table)
}

fn changes(changes: &Value, columns: Option<usize>) -> String {
    let mut table = bare();
    table.set_header(["REVISION", "AT", "CHANGE", "ACTOR", "BECAUSE"]);
    for change in changes.as_array().into_iter().flatten() {
        let (revision, at) = (text(&change["revision"]), text(&change["at"]));
        let (actor, because) = (text(&change["actor"]), text(&change["because"]));
        table.add_row([revision, at, step(change), actor, because]);
    }
    fitted(&mut table, 4, columns)
}

/// Returns the statuses before and after, or the kind of change.
pub(super) fn step(change: &Value) -> String {
    if change["kind"] == "status_changed" {
        format!("{} → {}", text(&change["from"]), text(&change["to"]))
    } else {
        text(&change["kind"])
    }
}

fn oldest(changes: &Value) -> String {
    let oldest = changes.as_array().and_then(|changes| changes.last());
    oldest.map_or_else(|| text(&Value::Null), |oldest| text(&oldest["revision"]))
}

/// Formats a share from 0 to 1 in percent, rounded down, so that 100 % means always.
fn percent(share: &Value) -> String {
    share.as_f64().map_or_else(
        || text(share),
        // Shares have six digits. Rounding removes the error of binary fractions beyond them.
        |share| format!("{:.2} %", ((share * 1e6).round() / 100.0).floor() / 100.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn shares_come_first_and_then_the_changes() {
        let history = json!({
            "slug": "orion",
            "uptime": [
                {"window": "24h", "from": "2026-11-22T14:43:48.711326Z", "online": 0.999_999,
                 "degraded": 0.000_001, "offline": 0.0, "unobserved": 0.0},
                {"window": "7d", "from": "2026-11-20T08:00:00.018273Z", "online": null,
                 "degraded": null, "offline": null, "unobserved": null},
            ],
            "changes": [
                {"revision": 17, "kind": "status_changed", "from": "offline", "to": "online",
                 "at": "2026-11-23T14:41:14.020911Z", "because": "heartbeat over nats", "actor": "nats"},
                {"revision": 9, "kind": "registered", "from": null, "to": "offline",
                 "at": "2026-11-20T08:00:00.018273Z", "because": "registered through the \u{1b}API", "actor": "env-1"},
            ],
            "next": "/api/fed/projects/orion/history?before=9&limit=2",
        });
        assert_eq!(
            words(&history, None),
            "WINDOW  ONLINE   DEGRADED  OFFLINE  UNOBSERVED  SINCE\n\
             24h     99.99 %  0.00 %    0.00 %   0.00 %      2026-11-22T14:43:48.711326Z\n\
             7d      -        -         -        -           2026-11-20T08:00:00.018273Z\n\
             \n\
             REVISION  AT                           CHANGE            ACTOR  BECAUSE\n\
             17        2026-11-23T14:41:14.020911Z  offline → online  nats   heartbeat over nats\n\
             9         2026-11-20T08:00:00.018273Z  registered        env-1  registered through the \\u{1b}API\n\
             \n\
             Older changes: --before 9"
        );
    }

    #[test]
    fn a_removed_project_has_changes_and_no_shares() {
        let history = json!({"uptime": [], "changes": [
            {"revision": 3, "kind": "removed", "at": "t", "because": "requested by an operator",
             "actor": "api"},
        ], "next": null});
        assert_eq!(
            words(&history, None),
            "REVISION  AT  CHANGE   ACTOR  BECAUSE\n3         t   removed  api    requested by an operator"
        );
    }

    #[test]
    fn a_share_is_not_rounded_up() {
        let shown = [1.0, 0.98, 0.57, 0.99999, 0.005].map(|share| percent(&json!(share)));
        assert_eq!(shown, ["100.00 %", "98.00 %", "57.00 %", "99.99 %", "0.50 %"]);
        assert_eq!(percent(&Value::Null), "-");
    }
}
