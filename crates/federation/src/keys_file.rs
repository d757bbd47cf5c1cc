//! The file of API keys: who has one and what it allows. It holds digests, not keys.
//!
//! `federation keys` writes it, whole and at once; the service reads it, whole or not at all. What it
//! says wrong is told by file, line and field, and without the value: somebody may have put a key
//! where it does not belong.

mod entry;
mod replace;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use self::entry::Entry;
use self::entry::{Raw, Written};
pub(crate) use self::entry::{check_name, stamp};
use crate::files;
use crate::files::yaml::{self, Position, Step};

/// The largest file that is read, in bytes: some ten thousand keys.
pub const MAX_BYTES: u64 = 8 * 1024 * 1024;

const HEADER: &str = "# API keys of the federation service, written by `federation keys`. Of each key there is only a\n\
                      # digest; the key itself was shown once, when it was created.\n";

/// Why the file of keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeysFileError {
    /// There is no such file.
    #[error("{} does not exist; `federation keys create` makes it", .0.display())]
    Missing(PathBuf),
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("{} cannot be written", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is too large.
    #[error("{} is too large: at most {MAX_BYTES} bytes are allowed", .0.display())]
    TooLarge(PathBuf),
    /// What it says is not valid.
    #[error("{}{}: {problem}", path.display(), shown(*.position))]
    Invalid {
        /// The file.
        path: PathBuf,
        /// Line and column, where they are known.
        position: Option<(usize, usize)>,
        /// The field, and what is wrong with it.
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
    keys: Vec<Raw>,
}

/// Watches the file of keys.
pub(crate) type Watch = files::Watch<Vec<Entry>, KeysFileError>;

/// Reads and checks the file.
///
/// # Errors
/// When there is none, when it cannot be read, or with the first thing that is wrong in it.
pub fn read(path: &Path) -> Result<Vec<Entry>, KeysFileError> {
    let unreadable = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => KeysFileError::Missing(path.to_owned()),
        _ => KeysFileError::Unreadable { path: path.to_owned(), source },
    };
    let bytes = files::read_at_most(path, MAX_BYTES).map_err(unreadable)?;
    parse(path, &bytes.ok_or_else(|| KeysFileError::TooLarge(path.to_owned()))?)
}

/// Watches the file: tells of it once as it is, then of each change.
pub(crate) fn watch(path: PathBuf) -> Watch {
    Watch::new(path, read, |error| matches!(error, KeysFileError::Unreadable { .. }))
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Entry>, KeysFileError> {
    check(bytes).map_err(|(position, problem)| KeysFileError::Invalid {
        path: path.to_owned(),
        position: position.map(|at| (at.line, at.column)),
        problem,
    })
}

fn check(bytes: &[u8]) -> Result<Vec<Entry>, (Option<Position>, String)> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let position = Position::after(&bytes[..error.valid_up_to()]);
        (Some(position), "this is not UTF-8".to_owned())
    })?;
    let Document { keys } = serde_yaml::from_str(text).map_err(|error| {
        let (position, problem) = yaml::taken_apart(&error);
        (position, without_values(problem))
    })?;
    let at_field = |at: usize, field: &str, problem: &str| {
        let keys = Step::Key("keys".to_owned());
        let place = [keys, Step::Index(at), Step::Key(field.to_owned())];
        (yaml::find(text, &place), format!("keys[{at}].{field}: {problem}"))
    };
    let mut entries: Vec<Entry> = Vec::with_capacity(keys.len());
    let mut seen = HashMap::with_capacity(keys.len());
    for (at, raw) in keys.into_iter().enumerate() {
        let entry =
            Entry::try_from(raw).map_err(|misfit| at_field(at, misfit.field, misfit.problem))?;
        if let Some(first) = seen.insert(entry.id.clone(), at) {
            return Err(at_field(at, "id", &format!("it is that of keys[{first}] too")));
        }
        entries.push(entry);
    }
    Ok(entries)
}

/// The words of the YAML reader without what it found: that stands in quotes or backquotes, in front
/// of what it expected.
fn without_values(problem: String) -> String {
    // The last, since what was found may say anything.
    let (found, expected) = problem.split_at(problem.rfind(", expected").unwrap_or(0));
    match found.find(['"', '`']) {
        Some(first) => format!("{}…{expected}", &found[..first]),
        None => problem,
    }
}

/// Changes the keys of the file, which is made where there is none. Two that change it at once do so
/// one after the other.
///
/// # Errors
/// What `change` says, and everything that keeps the file from being read or written; then it is as
/// it was.
pub fn update<T>(
    path: &Path,
    change: impl FnOnce(&mut Vec<Entry>) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    // Where the name stands for another file, that one is replaced and the name stays.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let _turn = replace::turn(&path)?;
    let mut entries = match read(&path) {
        Err(KeysFileError::Missing(_)) => Vec::new(),
        other => other?,
    };
    let changed = change(&mut entries)?;
    replace::replace(&path, &render(&entries)?)?;
    Ok(changed)
}

fn render(entries: &[Entry]) -> anyhow::Result<String> {
    #[derive(Serialize)]
    struct Document<'a> {
        keys: Vec<Written<'a>>,
    }
    let document = Document { keys: entries.iter().map(Written::from).collect() };
    Ok(format!("{HEADER}{}", serde_yaml::to_string(&document)?))
}

#[cfg(test)]
mod tests;
