//! `federation keys create`.

use std::path::Path;

use anyhow::Context as _;
use federation_domain::Slug;
use federation_http::{KeyDigest, Scope, spell};
use serde_json::json;

use super::now;
use crate::keys_file::{self, Entry, check_name, stamp};
use crate::output::{self, plain};

/// The random part of a key, in bytes: 192 bits.
const SECRET_BYTES: usize = 24;

/// Arguments of `keys create`.
#[derive(Debug, clap::Args)]
pub struct CreateArgs {
    /// What people call it, such as who is to have it.
    #[arg(value_parser = check_name)]
    name: String,

    /// What it allows: read, heartbeat, write or admin; may be given several times.
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_parser = Scope::parse)]
    scopes: Vec<Scope>,

    /// The only project for which it may send heartbeats; may be given several times.
    #[arg(long = "slug", value_name = "SLUG", value_parser = Slug::parse)]
    slugs: Vec<Slug>,

    /// After how many days it ends by itself [default: never].
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..=3650))]
    days: Option<u16>,
}

impl CreateArgs {
    /// Prints the key alone to standard output, and what is to be said of it to standard error.
    pub(super) fn run(&self, file: &Path, json: bool) -> anyhow::Result<()> {
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret).context("the system gives no random numbers")?;
        let (entry, key) = keys_file::update(file, |entries| {
            let id = free_id(entries)?;
            let key = spell(&id, &secret);
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
        eprintln!("created {id} ({name}) for {scopes}; the key is shown this one time:");
        Ok(output::print(&key)?)
    }

    fn entry(&self, id: String, digest: KeyDigest) -> anyhow::Result<Entry> {
        let created = now();
        let entry = Entry {
            id,
            name: self.name.clone(),
            digest,
            scopes: self.scopes.iter().copied().collect(),
            slugs: self.slugs.clone(),
            created,
            expires: self.days.map(|days| created + time::Duration::days(days.into())),
            revoked: None,
        };
        Ok(entry.check()?)
    }
}

/// An id that no key of the file has.
fn free_id(entries: &[Entry]) -> anyhow::Result<String> {
    loop {
        let id = getrandom::u32().context("the system gives no random numbers")?;
        let id = format!("{id:08x}");
        if entries.iter().all(|entry| entry.id != id) {
            return Ok(id);
        }
    }
}
