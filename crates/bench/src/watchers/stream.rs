//! A minimal client of a stream of server-sent events.

use std::time::Duration;

use anyhow::{Context as _, bail};
use federation_domain::LogPosition;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::event::StreamEvent;
use crate::lifecycle::problem;
use crate::target::Target;

/// Deadline for the next bytes. The service sends a keep-alive every 15 s.
const DEADLINE: Duration = Duration::from_secs(30);

/// An open stream.
pub(super) struct EventStream {
    reader: BufReader<TcpStream>,
    text: Vec<u8>,
    taken: usize,
}

impl EventStream {
    /// Opens a stream that begins now or after a position.
    ///
    /// # Errors
    /// Fails if the service cannot be reached or rejects the request.
    pub(super) async fn open(target: &Target, after: Option<LogPosition>) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(target.address).await.with_context(|| {
            format!("cannot connect to the service at {}; check that it runs", target.shown)
        })?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream);
        let query = after.map_or_else(String::new, |after| format!("?last_event_id={after}"));
        let request = target.request("GET", &format!("/api/fed/events{query}"), None);
        reader.write_all(&request).await.context("lost the connection to the service")?;
        let mut stream = Self { reader, text: Vec::new(), taken: 0 };
        stream.read_head().await?;
        Ok(stream)
    }

    /// Returns the next event, or `None` at the end of the stream.
    ///
    /// # Errors
    /// Fails if the connection breaks or nothing arrives for 30 s.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<StreamEvent>> {
        loop {
            while let Some(block) = self.block() {
                if let Some(event) = StreamEvent::parse(&block) {
                    return Ok(Some(event));
                }
            }
            let chunk = timeout(DEADLINE, self.read_chunk()).await;
            if !chunk.context("received nothing for 30 s, not even a keep-alive")?? {
                return Ok(None);
            }
        }
    }

    async fn read_head(&mut self) -> anyhow::Result<()> {
        let status = self.line().await?;
        let status: u16 = status.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        if status != 200 {
            bail!("{}", problem(status, ""));
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
            bail!("the response is not chunked, which this measurement requires");
        }
        Ok(())
    }

    async fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line).await.context("lost the connection to the service")?
            == 0
        {
            bail!("the service closed the connection");
        }
        Ok(line.trim_end().to_owned())
    }

    /// Appends a chunk to the buffer. Returns `false` at the end of the stream.
    async fn read_chunk(&mut self) -> anyhow::Result<bool> {
        let size = self.line().await?;
        let size = usize::from_str_radix(&size, 16).context("invalid chunk length")?;
        self.text.drain(..std::mem::take(&mut self.taken));
        let before = self.text.len();
        self.text.resize(before + size + 2, 0);
        self.reader
            .read_exact(&mut self.text[before..])
            .await
            .context("lost the connection within a chunk")?;
        self.text.truncate(before + size);
        Ok(size > 0)
    }

    /// Returns the text up to the next empty line.
    fn block(&mut self) -> Option<String> {
        let rest = &self.text[self.taken..];
        let end = rest.windows(2).position(|at| at == b"\n\n")?;
        let block = String::from_utf8_lossy(&rest[..end]).into_owned();
        self.taken += end + 2;
        Some(block)
    }
}
