//! `federation keys create`.

use std::path::Path;

use anyhow::Context as _;
use federation_domain::{ActionName, Slug};
use federation_http::{KeyDigest, Scope, format_key};
use serde_json::json;

use super::now;
use crate::keys_file::{self, KeyEntry, check_name, stamp};
use crate::output::{self, plain};

/// Length of the random part of a key.
const SECRET_BYTES: usize = 24;

/// Arguments of `keys create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// Name of the key, such as its holder; 1 to 64 characters.
    #[arg(value_parser = check_name)]
    name: String,

    /// Allow this scope: read, heartbeat, write, act or admin; repeatable.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = Scope::parse)]
    scopes: Vec<Scope>,

    /// Allow heartbeats and actions of this project only; repeatable.
    #[arg(long = "slug", value_name = "SLUG", value_parser = Slug::parse)]
    slugs: Vec<Slug>,

    /// Allow this action only; repeatable.
    #[arg(long = "action", value_name = "ACTION", value_parser = ActionName::parse)]
    actions: Vec<ActionName>,

    /// Let the key expire after this many days, from 1 to 3650 [default: never].
    #[arg(long, value_name = "DAYS", value_parser = days)]
    days: Option<u16>,
}

fn days(text: &str) -> Result<u16, String> {
    let days = text.parse().ok().filter(|days| (1..=3650).contains(days));
    days.ok_or_else(|| "expected 1 to 3650 days".to_owned())
}

impl CreateArgs {
    /// Creates a key and prints it to standard output, with a notice on standard error.
    pub(super) fn run(&self, file: &Path, json: bool) -> anyhow::Result<()> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).context("the operating system provides no random numbers")?;
        let (entry, key) = keys_file::update(file, |entries| {
            let id = free_id(entries)?;
            let key = format_key(&id, &secret);
            let entry = self.entry(id, KeyDigest::of(&key))?;
            entries.push(entry.clone());
            Ok((entry, key))
        })?;
        if json {
            let shown = json!({
                "id": entry.id,
                "name": entry.name,
                "key": key,
                "scopes": entry.scopes.iter().map(Scope::as_str).collect::<Vec<_>>(),
                "expires": entry.expires.map(stamp),
            });
            return Ok(output::print(&shown.to_string())?);
        }
        let (id, name, scopes) = (&entry.id, plain(&entry.name), entry.scopes);
        eprintln!("created {id} ({name}) with scopes {scopes}; the key is shown only once:");
        Ok(output::print(&key)?)
    }

    fn entry(&self, id: String, digest: KeyDigest) -> anyhow::Result<KeyEntry> {
        let created = now();
        let entry = KeyEntry {
            id,
            name: self.name.clone(),
            digest,
            scopes: self.scopes.iter().copied().collect(),
            slugs: self.slugs.clone(),
            actions: self.actions.clone(),
            created,
            expires: self.days.map(|days| created + time::Duration::days(days.into())),
            revoked: None,
        };
        Ok(entry.check()?)
    }
}

/// Returns an unused id.
fn free_id(entries: &[KeyEntry]) -> anyhow::Result<String> {
    loop {
        let id = getrandom::u32().context("the operating system provides no random numbers")?;
        let id = format!("{id:08x}");
        if entries.iter().all(|entry| entry.id != id) {
            return Ok(id);
        }
    }
}
