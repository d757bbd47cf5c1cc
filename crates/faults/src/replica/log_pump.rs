//! Writes what a process logs to a file, unless its log is not to be read.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Read as _, Write as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use rustix::pipe::fcntl_setpipe_size;

/// Capacity of the pipe. A few lines fill it.
const CAPACITY_BYTES: usize = 4096;
/// Interval of checking whether to read again.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Starts a thread that copies to the file `log` until the process has ended. Returns the end of the
/// pipe that the process writes to. Nothing is read while `muted` is set.
///
/// # Errors
/// Fails if the file or the pipe cannot be created.
pub(super) fn start(log: &Path, muted: Arc<AtomicBool>) -> anyhow::Result<PipeWriter> {
    let file = File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
    let (reader, writer) = io::pipe().context("cannot create a pipe")?;
    fcntl_setpipe_size(&writer, CAPACITY_BYTES).context("cannot set the size of a pipe")?;
    thread::Builder::new()
        .name("log pump".to_owned())
        .spawn(move || copy(reader, file, &muted))
        .context("cannot start a thread")?;
    Ok(writer)
}

fn copy(mut from: PipeReader, mut to: File, muted: &AtomicBool) {
    let mut buffer = [0; CAPACITY_BYTES];
    loop {
        while muted.load(Ordering::SeqCst) {
            thread::sleep(POLL_INTERVAL);
        }
        match from.read(&mut buffer) {
            Ok(0) | Err(_) => return,
            Ok(length) => {
                if to.write_all(&buffer[..length]).is_err() {
                    return;
                }
            }
        }
    }
}
