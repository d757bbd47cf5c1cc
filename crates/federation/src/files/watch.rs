//! Notices that a file has become another.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Stamp;

/// What a file looks like from outside. Links are followed to their end, since configuration that is
/// mounted is replaced by turning a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// Not known yet.
    Unknown,
    Missing,
    Unreadable(io::ErrorKind),
    There(Stamp),
}

/// Watches one file by looking at it from time to time.
pub(crate) struct Watch<T, E> {
    path: PathBuf,
    read: fn(&Path) -> Result<T, E>,
    /// Whether an error may pass though the file stays the same.
    may_pass: fn(&E) -> bool,
    /// As it was at the last look.
    seen: Looks,
    /// As it was when its content, or its absence, was last told.
    told: Looks,
}

impl<T, E> Watch<T, E> {
    /// A watch that tells of the file once as it is, then of each change.
    pub(crate) fn new(
        path: PathBuf,
        read: fn(&Path) -> Result<T, E>,
        may_pass: fn(&E) -> bool,
    ) -> Self {
        Self { path, read, may_pass, seen: Looks::Unknown, told: Looks::Unknown }
    }

    /// Which file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it has changed. It is read when it looks the same as at the look before, so that
    /// one which is being written is left in peace. Blocks.
    ///
    /// # Errors
    /// Why the changed file cannot be used. What cannot be read now is tried again at each look.
    pub(crate) fn look(&mut self) -> Option<Result<T, E>> {
        let now = self.looks();
        let is_settled = now == self.seen;
        self.seen = now;
        if !is_settled || now == self.told {
            return None;
        }
        let (read, is_whole) = self.read_as(now);
        is_whole.then_some(read)
    }

    /// The file as it is now, which the next looks do not tell again. Blocks.
    ///
    /// # Errors
    /// Why it cannot be used.
    pub(crate) fn read(&mut self) -> Result<T, E> {
        self.read_as(self.looks()).0
    }

    /// The file, which looks so; and whether it still does. Changed while it was read, it is not
    /// whole: the next looks will see.
    fn read_as(&mut self, now: Looks) -> (Result<T, E>, bool) {
        let read = (self.read)(&self.path);
        let is_whole = self.looks() == now;
        if is_whole && !read.as_ref().is_err_and(self.may_pass) {
            self.told = now;
        }
        (read, is_whole)
    }

    fn looks(&self) -> Looks {
        match fs::metadata(&self.path) {
            Ok(file) => Looks::There(Stamp::of(&file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Looks::Missing,
            Err(error) => Looks::Unreadable(error.kind()),
        }
    }
}
