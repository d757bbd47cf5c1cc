//! Runs as text.

use serde_json::Value;

use crate::commands::projects::table::{ago, bare, now, text, trimmed};
use crate::output::plain;

/// Maximum length of a result or an error in a table, in characters.
const SHOWN: usize = 100;

/// Formats a line per run.
pub(super) fn list(runs: &Value) -> String {
    let runs = runs.as_array().map(Vec::as_slice).unwrap_or_default();
    if runs.is_empty() {
        return "no runs".to_owned();
    }
    let mut table = bare();
    table.set_header(["RUN", "ACTION", "STATUS", "CREATED", "ACTOR", "TARGETS", "DONE"]);
    let now = now();
    for run in runs {
        table.add_row([
            text(&run["id"]),
            text(&run["action"]),
            text(&run["status"]),
            ago(&run["created_at"], now),
            text(&run["actor"]),
            text(&run["counts"]["total"]),
            text(&run["counts"]["done"]),
        ]);
    }
    trimmed(&table)
}

/// Formats a run with a line per target.
pub(super) fn run(run: &Value) -> String {
    let mut table = bare();
    table.set_header(["PROJECT", "OUTCOME", "RESULT"]);
    for target in run["targets"].as_array().map(Vec::as_slice).unwrap_or_default() {
        table.add_row([text(&target["project"]), outcome(target), result(target)]);
    }
    let head = format!(
        "run {} of {} by {}: {}",
        text(&run["id"]),
        text(&run["action"]),
        text(&run["actor"]),
        text(&run["status"])
    );
    format!("{head}\n\n{}", trimmed(&table))
}

fn outcome(target: &Value) -> String {
    match (target["outcome"].as_str(), target["percent"].as_u64()) {
        (Some(outcome), _) => plain(outcome),
        (None, Some(percent)) => format!("{percent} %"),
        (None, None) if target["asked_at"].is_null() => "waiting".to_owned(),
        (None, None) => "asked".to_owned(),
    }
}

/// Returns the error, or the result as JSON, shortened.
fn result(target: &Value) -> String {
    let whole = match (&target["error"], &target["result"]) {
        (Value::String(error), _) => error.clone(),
        (_, Value::Null) => "-".to_owned(),
        (_, result) => result.to_string(),
    };
    let mut shown: String = plain(&whole).chars().take(SHOWN).collect();
    if whole.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// Formats a line per project that a run would select.
pub(super) fn plan(plan: &Value) -> String {
    let mut table = bare();
    table.set_header(["PROJECT", "DECISION", "REASON"]);
    for target in plan["targets"].as_array().map(Vec::as_slice).unwrap_or_default() {
        table.add_row([
            text(&target["project"]),
            text(&target["decision"]),
            text(&target["reason"]),
        ]);
    }
    format!("{} would be asked\n\n{}", text(&plan["would_ask"]), trimmed(&table))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_has_a_line_per_target() {
        let shown = run(&json!({
            "id": "019a", "action": "audit.security", "actor": "ci", "status": "running",
            "targets": [
                {"project": "a", "outcome": "done", "asked_at": "x", "result": {"ok": true}},
                {"project": "b", "outcome": "failed", "asked_at": "x", "error": "a\u{1b}[31m"},
                {"project": "c", "outcome": null, "asked_at": "x", "percent": 40},
                {"project": "d", "outcome": null, "asked_at": null},
            ],
        }));
        assert!(!shown.contains('\u{1b}'), "{shown}");
        let lines: Vec<String> = shown
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(lines[0], "run 019a of audit.security by ci: running");
        assert_eq!(lines[3], r#"a done {"ok":true}"#);
        assert_eq!((lines[5].as_str(), lines[6].as_str()), ("c 40 % -", "d waiting -"));
    }
}
