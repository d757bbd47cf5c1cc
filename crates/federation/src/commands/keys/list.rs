//! `federation keys list`.

use federation_domain::{ActionName, Slug};
use federation_http::Scope;
use serde_json::json;
use time::OffsetDateTime;

use crate::commands::projects::table::{bare, fitted};
use crate::keys_file::{KeyEntry, stamp};
use crate::output::plain;

/// Renders all keys as JSON or as a table, truncated to this number of columns, if given.
pub(super) fn render(
    entries: &[KeyEntry],
    now: OffsetDateTime,
    json: bool,
    columns: Option<usize>,
) -> anyhow::Result<String> {
    if json {
        let entries: Vec<_> = entries.iter().map(|entry| object(entry, now)).collect();
        return Ok(serde_json::to_string_pretty(&entries)?);
    }
    let mut table = bare();
    table.set_header(["ID", "NAME", "STATE", "SCOPES", "PROJECTS", "CREATED", "EXPIRES"]);
    for entry in entries {
        let slugs: Vec<_> = entry.slugs.iter().map(Slug::as_str).collect();
        table.add_row([
            entry.id.clone(),
            plain(&entry.name),
            state(entry, now).to_owned(),
            entry.scopes.to_string(),
            if slugs.is_empty() { "-".to_owned() } else { slugs.join(", ") },
            stamp(entry.created),
            entry.expires.map_or_else(|| "never".to_owned(), stamp),
        ]);
    }
    Ok(fitted(&mut table, 3, columns))
}

fn object(entry: &KeyEntry, now: OffsetDateTime) -> serde_json::Value {
    json!({
        "id": entry.id,
        "name": entry.name,
        "state": state(entry, now),
        "scopes": entry.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
        "slugs": entry.slugs.iter().map(Slug::as_str).collect::<Vec<_>>(),
        "actions": entry.actions.iter().map(ActionName::as_str).collect::<Vec<_>>(),
        "created": stamp(entry.created),
        "expires": entry.expires.map(stamp),
        "revoked": entry.revoked.map(stamp),
    })
}

fn state(entry: &KeyEntry, now: OffsetDateTime) -> &'static str {
    match (entry.revoked, entry.expires) {
        (Some(_), _) => "revoked",
        (None, Some(expires)) if expires <= now => "expired",
        _ => "valid",
    }
}
