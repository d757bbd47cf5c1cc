//! `federation keys`: API keys in the file that the service reads.

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
    /// The file; create makes it where there is none.
    #[arg(long, env = "FEDERATION_KEYS_FILE", value_name = "FILE", global = true)]
    pub keys_file: Option<PathBuf>,

    /// Print JSON, for programs.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do.
    #[command(subcommand)]
    pub command: KeysCommand,
}

/// Subcommands of `keys`.
#[derive(Debug, clap::Subcommand)]
pub enum KeysCommand {
    /// Make a key and print it, this one time.
    Create(CreateArgs),
    /// List all keys, without what they are.
    List,
    /// Take a key back; a running service refuses it within two seconds.
    Revoke {
        /// Its id, as list shows it; it stands in the key itself too, after fed_.
        id: String,
    },
}

/// Does what the subcommand says.
///
/// # Errors
/// When the file cannot be read or written, or the key is not there.
pub fn run(args: &KeysArgs) -> anyhow::Result<()> {
    let file = match &args.keys_file {
        Some(file) if !file.as_os_str().is_empty() => file,
        _ => bail!("FEDERATION_KEYS_FILE (or --keys-file) must name the file of keys"),
    };
    match &args.command {
        KeysCommand::Create(create) => create.run(file, args.json),
        KeysCommand::List => {
            let entries = keys_file::read(file)?;
            Ok(output::print(&list::render(&entries, now(), args.json)?)?)
        }
        KeysCommand::Revoke { id } => {
            let revoked = revoke(file, id)?;
            Ok(output::print(&if args.json { revoked.json() } else { revoked.sentence() })?)
        }
    }
}

/// A key that is taken back.
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
            format!("{id} ({name}) is revoked already")
        }
    }

    fn json(&self) -> String {
        json!({ "id": self.id, "revoked": stamp(self.at) }).to_string()
    }
}

fn revoke(file: &Path, id: &str) -> anyhow::Result<Revoked> {
    // A file that is not there holds no key, and is not to be made for that.
    keys_file::read(file)?;
    keys_file::update(file, |entries| {
        let entry = entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .context("there is no key of this id; `federation keys list` shows all")?;
        let is_new = entry.revoked.is_none();
        let at = *entry.revoked.get_or_insert_with(now);
        Ok(Revoked { id: id.to_owned(), name: entry.name.clone(), at, is_new })
    })
}

/// The time of day, to the second: files are for people.
fn now() -> OffsetDateTime {
    let now = SystemClock::start().utc();
    now.replace_nanosecond(0).unwrap_or(now)
}
