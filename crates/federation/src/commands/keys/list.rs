//! `federation keys list`.

use comfy_table::{Table, presets};
use federation_domain::Slug;
use federation_http::Scope;
use serde_json::json;
use time::OffsetDateTime;

use crate::keys_file::{Entry, stamp};
use crate::output::plain;

/// Renders all keys as a table or as JSON.
pub(super) fn render(entries: &[Entry], now: OffsetDateTime, json: bool) -> anyhow::Result<String> {
    if json {
        let entries: Vec<_> = entries.iter().map(|entry| object(entry, now)).collect();
        return Ok(serde_json::to_string_pretty(&entries)?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
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
    Ok(table.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>().join("\n"))
}

fn object(entry: &Entry, now: OffsetDateTime) -> serde_json::Value {
    json!({
        "id": entry.id,
        "name": entry.name,
        "state": state(entry, now),
        "scopes": entry.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
        "slugs": entry.slugs.iter().map(Slug::as_str).collect::<Vec<_>>(),
        "created": stamp(entry.created),
        "expires": entry.expires.map(stamp),
        "revoked": entry.revoked.map(stamp),
    })
}

fn state(entry: &Entry, now: OffsetDateTime) -> &'static str {
    match (entry.revoked, entry.expires) {
        (Some(_), _) => "revoked",
        (None, Some(expires)) if expires <= now => "expired",
        _ => "valid",
    }
}
