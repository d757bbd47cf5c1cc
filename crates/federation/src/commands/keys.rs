//! `federation keys`: API keys in the file that the service reads.

mod create;
mod list;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use federation_application::SystemClock;
use federation_domain::Clock as _;
use time::OffsetDateTime;

use self::create::CreateArgs;
use crate::{keys_file, output};

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
            let said = revoke(file, id)?;
            if args.json { Ok(()) } else { Ok(output::print(&said)?) }
        }
    }
}

fn revoke(file: &Path, id: &str) -> anyhow::Result<String> {
    // A file that is not there holds no key, and is not to be made for that.
    keys_file::read(file)?;
    keys_file::update(file, |entries| {
        let entry = entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .context("there is no key of this id; `federation keys list` shows all")?;
        let name = output::plain(&entry.name);
        if entry.revoked.is_some() {
            return Ok(format!("{id} ({name}) is revoked already"));
        }
        entry.revoked = Some(now());
        Ok(format!("revoked {id} ({name})"))
    })
}

/// The time of day, to the second: files are for people.
fn now() -> OffsetDateTime {
    let now = SystemClock::start().utc();
    now.replace_nanosecond(0).unwrap_or(now)
}
