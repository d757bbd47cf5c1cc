//! Atomic writes, so that no reader sees half a file.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

/// Permission bits of written files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Modes {
    /// Bits of a new file, before the umask.
    pub(crate) new: u32,
    /// Bits that are always set on a replaced file, and bits that it may keep.
    pub(crate) kept: (u32, u32),
}

/// Treatment of an existing file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Keeps it and writes nothing.
    Keep,
    /// Replaces it and keeps its owner.
    Replace,
}

/// Writes the text to a temporary file, then moves it to `path`.
///
/// # Errors
/// Fails without changing anything. `AlreadyExists` means that an existing file was kept.
pub(crate) fn write(path: &Path, text: &str, modes: Modes, existing: Existing) -> io::Result<()> {
    let beside = beside(path);
    let placed = write_beside(&beside, path, text, modes).and_then(|()| match existing {
        Existing::Replace => fs::rename(&beside, path),
        // Unlike a rename, a hard link fails if the file exists.
        Existing::Keep => fs::hard_link(&beside, path),
    });
    if placed.is_err() || existing == Existing::Keep {
        // The first error matters, not a failure to remove the temporary file.
        let _ = fs::remove_file(&beside);
    }
    // The new name must survive a power failure too.
    placed.and_then(|()| File::open(folder(path))?.sync_all())
}

/// Returns the folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

fn write_beside(beside: &Path, path: &Path, text: &str, modes: Modes) -> io::Result<()> {
    let old = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        other => Some(other?),
    };
    let (least, most) = modes.kept;
    let kept = old.as_ref().map(|old| old.mode() & most | least);
    let mode = kept.unwrap_or(modes.new);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(beside)?;
    if let Some(old) = &old {
        keep_owner(&file, beside, old)?;
        // Restores the bits that the umask removed.
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Keeps a file that root writes readable by the user of the service.
fn keep_owner(file: &File, beside: &Path, old: &Metadata) -> io::Result<()> {
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
