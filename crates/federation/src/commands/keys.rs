//! `federation keys`: manages the file of API keys.

mod create;
mod list;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use federation_application::SystemClock;
use federation_domain::Clock as _;
use serde_json::json;
use time::OffsetDateTime;

use self::create::CreateArgs;
use crate::keys_file::{self, stamp};
use crate::output;

/// Arguments of `keys`.
#[derive(Debug, clap::Args)]
pub struct KeysArgs {
    /// Use this keys file, which `keys create` creates if it does not exist.
    #[arg(long, env = "FEDERATION_KEYS_FILE", value_name = "FILE", global = true)]
    #[arg(help_heading = "File")]
    pub keys_file: Option<PathBuf>,

    /// Print JSON instead of text.
    #[arg(long, global = true, help_heading = "Output")]
    pub json: bool,

    /// The subcommand.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// Subcommands of `keys`.
#[derive(Debug, clap::Subcommand)]
pub enum KeysCommand {
    /// Create a key and print it once.
    Create(CreateArgs),
    /// List all keys without their secrets.
    List,
    /// Revoke a key. A running service rejects it within two seconds.
    Revoke {
        /// Id of the key, as shown by list and after fed_ in the key itself.
        id: String,
    },
}

/// Runs the subcommand.
///
/// # Errors
/// Fails if the file cannot be read or written, or if the key does not exist.
pub fn run(args: &KeysArgs) -> anyhow::Result<()> {
    let file = match &args.keys_file {
        Some(file) if !file.as_os_str().is_empty() => file,
        _ => bail!(
            "FEDERATION_KEYS_FILE (or --keys-file): expected the file of API keys, got nothing"
        ),
    };
    match &args.command {
        KeysCommand::Create(create) => create.run(file, args.json),
        KeysCommand::List => {
            let entries = keys_file::read(file)?;
            Ok(output::print(&list::render(&entries, now(), args.json, output::columns())?)?)
        }
        KeysCommand::Revoke { id } => {
            let revoked = revoke(file, id)?;
            Ok(output::print(&if args.json { revoked.json() } else { revoked.sentence() })?)
        }
    }
}

/// A revoked key.
struct Revoked {
    id: String,
    name: String,
    at: OffsetDateTime,
    is_new: bool,
}

impl Revoked {
    fn sentence(&self) -> String {
        let (id, name) = (&self.id, output::plain(&self.name));
        if self.is_new {
            format!("revoked {id} ({name})")
        } else {
            format!("{id} ({name}) was already revoked")
        }
    }

    fn json(&self) -> String {
        json!({ "id": self.id, "revoked": stamp(self.at) }).to_string()
    }
}

fn revoke(file: &Path, id: &str) -> anyhow::Result<Revoked> {
    // An update would create a missing file.
    keys_file::read(file)?;
    keys_file::update(file, |entries| {
        let entry = entries.iter_mut().find(|entry| entry.id == id).context(
            "expected the id of a key, got an unknown one; `federation keys list` shows all",
        )?;
        let is_new = entry.revoked.is_none();
        let at = *entry.revoked.get_or_insert_with(now);
        Ok(Revoked { id: id.to_owned(), name: entry.name.clone(), at, is_new })
    })
}

/// Returns the current time to the second, for a file that people read.
fn now() -> OffsetDateTime {
    let now = SystemClock::start().utc();
    now.replace_nanosecond(0).unwrap_or(now)
}
