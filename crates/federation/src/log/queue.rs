//! Bounded queue between the threads that log and the thread that writes.

use std::io::{self, ErrorKind, Write};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use parking_lot::{Condvar, Mutex};

/// Bytes of log lines that may wait to be written. Lines beyond this are dropped.
const CAPACITY_BYTES: usize = 1 << 20;

/// Bytes beyond the capacity that are reserved for the last error of the program.
const RESERVE_BYTES: usize = 64 << 10;

/// Pause before another attempt to write to a non-blocking file that is full.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// Log lines that wait to be written.
#[derive(Debug, Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug, Default)]
struct Waiting {
    lines: Vec<u8>,
    /// Lines dropped since the writer last took the queue.
    dropped: u64,
    is_writing: bool,
}

impl Queue {
    /// Spawns the thread that writes to `sink` for the rest of the process's life.
    pub(super) fn start(sink: impl Write + Send + 'static) -> anyhow::Result<Arc<Self>> {
        let queue = Arc::new(Self::default());
        let writer = Arc::clone(&queue);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || writer.write_to(sink))
            .context("cannot spawn a thread")?;
        Ok(queue)
    }

    pub(super) fn dropped_lines(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.dropped)
    }

    /// Queues a line that may use the reserve.
    pub(super) fn push_final(&self, line: &str) {
        self.push(line.as_bytes(), CAPACITY_BYTES + RESERVE_BYTES);
    }

    fn push(&self, line: &[u8], capacity: usize) {
        let mut waiting = self.waiting.lock();
        if waiting.lines.len() + line.len() > capacity {
            waiting.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.lines.extend_from_slice(line);
            self.changed.notify_all();
        }
    }

    /// Waits until every queued line is written, at most for `deadline`.
    pub(super) fn flush(&self, deadline: Duration) {
        let mut waiting = self.waiting.lock();
        self.changed.wait_while_for(
            &mut waiting,
            |waiting| waiting.is_writing || !waiting.lines.is_empty(),
            deadline,
        );
    }

    fn write_to(&self, mut sink: impl Write) {
        loop {
            let (lines, dropped) = self.take();
            // Goes into the queue that was just emptied, so that it follows the lines before the gap.
            if dropped > 0 {
                tracing::warn!(dropped, "log writer dropped lines: standard error was not read");
            }
            write_fully(&mut sink, &lines);
        }
    }

    /// Waits for lines and takes all of them, with the number dropped after them.
    fn take(&self) -> (Vec<u8>, u64) {
        let mut waiting = self.waiting.lock();
        waiting.is_writing = false;
        self.changed.notify_all();
        self.changed.wait_while(&mut waiting, |waiting| waiting.lines.is_empty());
        waiting.is_writing = true;
        (mem::take(&mut waiting.lines), mem::take(&mut waiting.dropped))
    }
}

impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line, CAPACITY_BYTES);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Writes all bytes. If the sink is closed, the bytes are discarded and the program continues.
fn write_fully(sink: &mut impl Write, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match sink.write(bytes) {
            Ok(0) => return,
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                thread::park_timeout(RETRY_AFTER)
            }
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const DEADLINE: Duration = Duration::from_secs(20);

    /// A sink that reports each write and waits for permission to perform it.
    struct Gated {
        writes: Sender<Vec<u8>>,
        permits: Receiver<()>,
    }

    impl Write for Gated {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.writes.send(bytes.to_vec()).map_err(io::Error::other)?;
            self.permits.recv().map_err(io::Error::other)?;
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_blocked_sink_blocks_no_thread_that_logs_and_lines_beyond_the_capacity_are_counted() {
        let (writes, written) = channel();
        let (permit, permits) = channel();
        let queue = Queue::start(Gated { writes, permits }).unwrap();
        (&*queue).write_all(b"first\n").unwrap();
        assert_eq!(written.recv_timeout(DEADLINE).unwrap(), b"first\n");
        let line = [b'x'; 1024];
        for _ in 0..CAPACITY_BYTES / line.len() + 5 {
            (&*queue).write_all(&line).unwrap();
        }
        assert_eq!(queue.dropped_lines().load(Ordering::Relaxed), 5);
        queue.push_final("error: the last words\n");
        permit.send(()).unwrap();
        let rest = written.recv_timeout(DEADLINE).unwrap();
        assert!(rest.ends_with(b"error: the last words\n"));
        assert_eq!(rest.len(), CAPACITY_BYTES + "error: the last words\n".len());
    }

    #[test]
    fn a_flush_waits_for_the_sink_until_its_deadline() {
        let (writes, written) = channel();
        let (permit, permits) = channel();
        let queue = Queue::start(Gated { writes, permits }).unwrap();
        (&*queue).write_all(b"line\n").unwrap();
        assert_eq!(written.recv_timeout(DEADLINE).unwrap(), b"line\n");
        queue.flush(Duration::from_millis(1));
        permit.send(()).unwrap();
        queue.flush(DEADLINE);
        assert!(!queue.waiting.lock().is_writing);
    }

    #[test]
    fn a_sink_that_fails_for_good_discards_the_rest() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let queue = Queue::start(Closed).unwrap();
        (&*queue).write_all(b"line\n").unwrap();
        queue.flush(DEADLINE);
        assert!(queue.waiting.lock().lines.is_empty());
    }
}
