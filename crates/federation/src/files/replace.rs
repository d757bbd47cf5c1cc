//! Writing a file in one step, so that nobody reads half of it.

use std::fs::{self, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown};
use std::path::{Path, PathBuf};

/// The permissions of what is written, as `chmod` has them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Modes {
    /// Of a new file, as far as the umask allows.
    pub(crate) new: u32,
    /// What a file in the place of another has of that one's, at least and at most.
    pub(crate) kept: (u32, u32),
}

/// What to do with a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and nothing is written.
    Keep,
    /// The new one takes its place, and its owner.
    Replace,
}

/// Writes the text beside the file, then puts it in the file's place.
///
/// # Errors
/// When that cannot be done; nothing has changed then. `AlreadyExists` where a file is to stay.
pub(crate) fn write(path: &Path, text: &str, modes: Modes, existing: Existing) -> io::Result<()> {
    let beside = beside(path);
    let placed = write_beside(&beside, path, text, modes).and_then(|()| match existing {
        Existing::Replace => fs::rename(&beside, path),
        // Unlike a rename, a second name is refused where there is a file.
        Existing::Keep => fs::hard_link(&beside, path),
    });
    if placed.is_err() || existing == Existing::Keep {
        // It is no use to anybody; that it cannot be removed either is not the fault to tell of.
        let _ = fs::remove_file(&beside);
    }
    // The new name is to survive a power cut too.
    placed.and_then(|()| File::open(folder(path))?.sync_all())
}

/// The folder of a file.
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
        // What the umask took away.
        file.set_permissions(Permissions::from_mode(mode))?;
    }
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// A file that root changes for the service's user must stay readable for that user.
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
