//! What files that the service reads and the command line writes have in common.

pub(crate) mod replace;
mod stamp;
mod watch;
pub(crate) mod yaml;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use self::stamp::Stamp;
pub(crate) use self::watch::Watch;

/// What is in a file; none where that is more than so many bytes.
///
/// # Errors
/// When there is no such file, or it cannot be read.
pub(crate) fn read_at_most(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(max_bytes + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= max_bytes).then_some(bytes))
}
