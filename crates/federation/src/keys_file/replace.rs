//! Replacing the file in one step, so that nobody reads half of it.

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::{Path, PathBuf};

use super::KeysFileError;

/// The permissions of a new file, and the most that an old one keeps: its owner reads and writes,
/// its group may read.
const MODES: (u32, u32) = (0o600, 0o640);

/// Waits until nobody else changes a file of this folder; until the end of what is given back
/// nobody else does. It is the folder that is locked, since the file itself will be another one.
pub(super) fn turn(path: &Path) -> Result<File, KeysFileError> {
    let taken = || {
        let folder = folder(path);
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let folder = File::open(folder)?;
        folder.lock()?;
        Ok(folder)
    };
    taken().map_err(|source| unwritable(path, source))
}

/// Writes the text beside the file, then puts it in the file's place.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), KeysFileError> {
    let beside = beside(path);
    let replaced = write(&beside, path, text).and_then(|()| fs::rename(&beside, path));
    if replaced.is_err() {
        // It is no use to anybody; that it cannot be removed either is not the fault to tell of.
        let _ = fs::remove_file(&beside);
    }
    // The new name is to survive a power cut too.
    let kept = replaced.and_then(|()| File::open(folder(path))?.sync_all());
    kept.map_err(|source| unwritable(path, source))
}

fn write(beside: &Path, path: &Path, text: &str) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other?),
    };
    let mode = old.as_ref().map_or(MODES.0, |old| old.mode() & MODES.1 | MODES.0);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    keep_owner(&file, beside, old.as_ref())?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A file that root changes for the service's user must stay readable for that user.
fn keep_owner(file: &File, beside: &Path, old: Option<&Metadata>) -> io::Result<()> {
    let Some(old) = old else { return Ok(()) };
    let new = file.metadata()?;
    if (new.uid(), new.gid()) == (old.uid(), old.gid()) {
        return Ok(());
    }
    chown(beside, Some(old.uid()), Some(old.gid()))
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{:016x}", fastrand::u64(..)))
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn unwritable(path: &Path, source: io::Error) -> KeysFileError {
    KeysFileError::Unwritable { path: path.to_owned(), source }
}
