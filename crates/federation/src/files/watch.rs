//! Detection of changes of a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Stamp;

/// Metadata of a file. Links are followed, because mounted configuration is replaced by changing a
/// link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    /// Not checked yet.
    Unknown,
    Missing,
    Unreadable(io::ErrorKind),
    There(Stamp),
}

/// Watches a file by polling its metadata.
pub(crate) struct Watch<T, E> {
    path: PathBuf,
    read: fn(&Path) -> Result<T, E>,
    /// Returns whether an error may disappear without a change of the file.
    may_pass: fn(&E) -> bool,
    /// Metadata at the last check.
    seen: Looks,
    /// Metadata when its content or absence was last reported.
    reported: Looks,
}

impl<T, E> Watch<T, E> {
    /// Creates a watch that reports the file once as it is and then after each change.
    pub(crate) fn new(
        path: PathBuf,
        read: fn(&Path) -> Result<T, E>,
        may_pass: fn(&E) -> bool,
    ) -> Self {
        Self { path, read, may_pass, seen: Looks::Unknown, reported: Looks::Unknown }
    }

    /// Returns the path of the file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the file if it has changed. It is read only if two checks in a row find it the same, so
    /// that a file is not read while it is written. Blocks.
    ///
    /// # Errors
    /// Returns why the changed file is invalid. A file that cannot be read is retried at each check.
    pub(crate) fn look(&mut self) -> Option<Result<T, E>> {
        let now = self.looks();
        let is_settled = now == self.seen;
        self.seen = now;
        if !is_settled || now == self.reported {
            return None;
        }
        let (read, is_whole) = self.read_as(now);
        is_whole.then_some(read)
    }

    /// Reads the file now. The next checks do not report it again. Blocks.
    ///
    /// # Errors
    /// Returns why the file is invalid.
    pub(crate) fn read(&mut self) -> Result<T, E> {
        self.read_as(self.looks()).0
    }

    /// Reads the file and returns whether its metadata stayed the same meanwhile.
    fn read_as(&mut self, now: Looks) -> (Result<T, E>, bool) {
        let read = (self.read)(&self.path);
        let is_whole = self.looks() == now;
        if is_whole && !read.as_ref().is_err_and(self.may_pass) {
            self.reported = now;
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
