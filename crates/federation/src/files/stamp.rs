//! Detection of changed files without reading them.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Times, length and location on disk of a file, which change with its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp([i64; 4], u64, [u64; 2]);

impl Stamp {
    pub(crate) fn of(file: &Metadata) -> Self {
        let times = [file.mtime(), file.mtime_nsec(), file.ctime(), file.ctime_nsec()];
        Self(times, file.len(), [file.dev(), file.ino()])
    }
}
