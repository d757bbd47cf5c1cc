//! A stream of Server-Sent Events that costs as little as one can.

use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::commands::bench::lifecycle::refusal;
use crate::commands::bench::target::Target;
use crate::commands::events::Event;

/// Longer than the service is silent: it sends a sign of life every 15 s.
const PATIENCE: Duration = Duration::from_secs(30);

/// An open stream.
pub(super) struct EventStream {
    reader: BufReader<TcpStream>,
    text: Vec<u8>,
    taken: usize,
}

impl EventStream {
    /// Opens one, from now on or from after a revision on.
    ///
    /// # Errors
    /// When the service refuses, or cannot be reached.
    pub(super) async fn open(target: &Target, after: Option<i64>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target.address).await.with_context(|| {
            format!("the service at {} cannot be reached (is it running?)", target.shown)
        })?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let query = after.map_or_else(String::new, |after| format!("?last_event_id={after}"));
        let request = target.request("GET", &format!("/api/fed/events{query}"), None);
        reader.write_all(&request).await.context("the connection broke off")?;
        let mut stream = Self { reader, text: Vec::new(), taken: 0 };
        stream.read_head().await?;
        Ok(stream)
    }

    /// The next event; none when the stream ends.
    ///
    /// # Errors
    /// When the connection breaks, or nothing comes for 30 s.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Event>> {
        loop {
            while let Some(block) = self.block() {
                if let Ok(event) = Event::parse(&block) {
                    return Ok(Some(event));
                }
            }
            let chunk = timeout(PATIENCE, self.read_chunk()).await;
            if !chunk.context("nothing came for 30 s, not even a sign of life")?? {
                return Ok(None);
            }
        }
    }

    async fn read_head(&mut self) -> anyhow::Result<()> {
        let status = self.line().await?;
        let status: u16 = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        if status != 200 {
            bail!("{}", refusal(status, ""));
        }
        let mut is_chunked = false;
        loop {
            let line = self.line().await?.to_ascii_lowercase();
            is_chunked |= line == "transfer-encoding: chunked";
            if line.is_empty() {
                break;
            }
        }
        if !is_chunked {
            bail!("the answer is not sent in chunks, which this measurement goes by");
        }
        Ok(())
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).await.context("the connection broke off")? == 0 {
            bail!("the service closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }

    /// Whether there was one.
    async fn read_chunk(&mut self) -> anyhow::Result<bool> {
        let size = self.line().await?;
        let size = usize::from_str_radix(&size, 16).context("the length of a chunk")?;
        self.text.drain(..std::mem::take(&mut self.taken));
        let before = self.text.len();
        self.text.resize(before + size + 2, 0);
        self.reader.read_exact(&mut self.text[before..]).await.context("a chunk broke off")?;
        self.text.truncate(before + size);
        Ok(size > 0)
    }

    /// What stands before the next empty line.
    fn block(&mut self) -> Option<String> {
        let rest = &self.text[self.taken..];
        let end = rest.windows(2).position(|at| at == b"\n\n")?;
        let block = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.taken += end + 2;
        Some(block)
    }
}
