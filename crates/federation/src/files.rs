//! Reading, writing and watching configuration files.

pub(crate) mod replace;
mod stamp;
mod watch;
pub(crate) mod yaml;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use self::stamp::Stamp;
pub(crate) use self::watch::Watch;

/// Reads a file. Returns `None` if it is larger than `max_bytes`.
///
/// # Errors
/// Fails if the file does not exist or cannot be read.
pub(crate) fn read_at_most(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some(bytes))
}
