//! The file of API keys. It holds digests, not keys.
//!
//! `federation keys` writes it atomically, and the service accepts either the whole file or none of
//! it. An error names the file, line and field but not the value, because a key may have been put
//! in the wrong place.

mod entry;
mod replace;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Deserialize;

pub use self::entry::KeyEntry;
use self::entry::RawEntry;
pub(crate) use self::entry::{check_name, stamp};
use crate::files;
use crate::files::yaml::{self, Position, Step, Values};

/// Size limit of the file, in bytes. It fits some ten thousand keys.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;

const HEADER: &str = "# API keys of the federation service, written by `federation keys`. It holds a digest of each\n\
                      # key; the key itself was shown once, when it was created.\n";

/// An error of the file of API keys.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// The file does not exist.
    #[error("{} does not exist; create it with `federation keys create`", .0.display())]
    Missing(PathBuf),
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file cannot be written.
    #[error("cannot write {}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The file is too large.
    #[error("{}: expected at most {MAX_BYTES} bytes, got more", .0.display())]
    TooLarge(PathBuf),
    /// The content is invalid.
    #[error("{}{}: {problem}", path.display(), shown(*.position))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line and column, if known.
        position: Option<(usize, usize)>,
        /// The field and the problem.
        problem: String,
    },
}

fn shown(position: Option<(usize, usize)>) -> String {
    position.map_or_else(String::new, |(line, column)| format!(":{line}:{column}"))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a mapping with the key `keys`")]
struct Document {
    #[serde(deserialize_with = "entry::list")]
    keys: Vec<RawEntry>,
}

/// Watches the file of keys.
pub(crate) type Watch = files::Watch<Vec<KeyEntry>, KeysFileError>;

/// Reads and checks the file.
///
/// # Errors
/// Fails if the file does not exist, cannot be read, or is invalid.
pub fn read(path: &Path) -> Result<Vec<KeyEntry>, KeysFileError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeysFileError::Missing(path.to_owned()),
        _ => KeysFileError::Unreadable { path: path.to_owned(), source },
    };
    let bytes = files::read_at_most(path, MAX_BYTES).map_err(unreadable)?;
    parse(path, &bytes.ok_or_else(|| KeysFileError::TooLarge(path.to_owned()))?)
}

/// Creates a watch that reports the file once and then after each change.
pub(crate) fn watch(path: PathBuf) -> Watch {
    Watch::new(path, read, |error| matches!(error, KeysFileError::Unreadable { .. }))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<KeyEntry>, KeysFileError> {
    check(bytes).map_err(|(position, problem)| KeysFileError::Invalid {
        path: path.to_owned(),
        position: position.map(|at| (at.line, at.column)),
        problem,
    })
}

fn check(bytes: &[u8]) -> Result<Vec<KeyEntry>, (Option<Position>, String)> {
    let text = yaml::decode(bytes).map_err(|(position, problem)| (Some(position), problem))?;
    let document = yaml::read(text, PhantomData::<Document>)
        .map_err(|error| yaml::explain(&error, Values::Hidden))?;
    let Some(Document { keys }) = document else {
        return Err((None, "expected a mapping with the key `keys`, got nothing".to_owned()));
    };
    let at_field = |at: usize, field: &str, problem: &str| {
        let keys = Step::Key("keys".to_owned());
        let place = [keys, Step::Index(at), Step::Key(field.to_owned())];
        (yaml::find(text, &place), format!("keys[{at}].{field}: {problem}"))
    };
    let mut entries: Vec<KeyEntry> = Vec::with_capacity(keys.len());
    let mut seen = HashMap::with_capacity(keys.len());
    for (at, raw) in keys.into_iter().enumerate() {
        let entry = KeyEntry::try_from(raw)
            .map_err(|invalid| at_field(at, invalid.field, invalid.problem))?;
        if let Some(first) = seen.insert(entry.id.clone(), at) {
            return Err(at_field(
                at,
                "id",
                &format!("expected a unique id, got the id of keys[{first}]"),
            ));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// Changes the keys of the file, and creates it if it does not exist. Concurrent updates are
/// serialised.
///
/// # Errors
/// Fails, and leaves the file unchanged, if `change` fails or the file cannot be read or written.
pub fn update<T>(
    path: &Path,
    change: impl FnOnce(&mut Vec<KeyEntry>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    // If the path is a link, its target is replaced and the link stays.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _turn = replace::turn(&path)?;
    let mut entries = match read(&path) {
        Err(KeysFileError::Missing(_)) => Vec::new(),
        other => other?,
    };
    let changed = change(&mut entries)?;
    replace::replace(&path, &render(&entries))?;
    Ok(changed)
}

fn render(entries: &[KeyEntry]) -> String {
    let mut text = HEADER.to_owned();
    text.push_str(if entries.is_empty() { "keys: []\n" } else { "keys:\n" });
    for entry in entries {
        entry.write(&mut text);
    }
    text
}

#[cfg(test)]
mod tests;
