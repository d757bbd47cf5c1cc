//! A change as a line of text.

use anyhow::Context as _;
use serde_json::Value;

use crate::commands::projects::history::step;
use crate::commands::projects::table::text;

/// Formats a change as time, project, change, reason and actor. An entry of another entity has the
/// entity and its key in place of the project.
///
/// # Errors
/// Fails if the change is not JSON.
pub(super) fn line(data: &str) -> anyhow::Result<String> {
    let change: Value = serde_json::from_str(data)
        .context("expected JSON in an event; is this URL the federation service?")?;
    let subject = match change["slug"].as_str() {
        Some(_) => text(&change["slug"]),
        None => format!("{} {}", text(&change["entity"]), text(&change["key"])),
    };
    let (at, step, because) = (text(&change["at"]), step(&change), text(&change["because"]));
    Ok(format!("{at}  {subject}  {step}  {because}  {}", text(&change["actor"])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_one_line_that_cannot_control_the_terminal() {
        let data = r#"{"revision":17,"slug":"orion","kind":"status_changed","from":"online","to":"offline","at":"2026-11-23T14:41:14.020911Z","because":"silence\u001b[2J","actor":"service"}"#;
        assert_eq!(
            line(data).unwrap(),
            r"2026-11-23T14:41:14.020911Z  orion  online → offline  silence\u{1b}[2J  service"
        );
        let entry = r#"{"revision":18,"entity":"edge","key":"a b","kind":"added","at":"2026-11-23T14:41:14.020911Z","payload":{},"actor":"file"}"#;
        assert_eq!(line(entry).unwrap(), "2026-11-23T14:41:14.020911Z  edge a b  added  -  file");
        assert!(line("x").is_err());
    }
}
