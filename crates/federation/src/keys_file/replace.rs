//! Replacing the file, one after the other.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::KeysFileError;
use crate::files::replace::{self, Existing, Modes, folder};

/// Its owner reads and writes, its group may read.
const MODES: Modes = Modes { new: 0o600, kept: (0o600, 0o640) };

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

/// Puts a file of this text in the place of the file.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), KeysFileError> {
    replace::write(path, text, MODES, Existing::Replace).map_err(|source| unwritable(path, source))
}

fn unwritable(path: &Path, source: io::Error) -> KeysFileError {
    KeysFileError::Unwritable { path: path.to_owned(), source }
}
