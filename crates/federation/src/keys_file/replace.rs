//! Serialised replacement of the file of API keys.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;

use super::KeysFileError;
use crate::files::replace::{self, Existing, Modes, folder};

/// The owner may read and write, and the group may be allowed to read.
const MODES: Modes = Modes { new: 0o600, kept: (0o600, 0o640) };

/// Locks the folder of the file until the returned handle is dropped. The file itself cannot be
/// locked, because it is replaced.
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

/// Replaces the content of the file.
pub(super) fn replace(path: &Path, text: &str) -> Result<(), KeysFileError> {
    replace::write(path, text, MODES, Existing::Replace).map_err(|source| unwritable(path, source))
}

fn unwritable(path: &Path, source: io::Error) -> KeysFileError {
    KeysFileError::Unwritable { path: path.to_owned(), source }
}
