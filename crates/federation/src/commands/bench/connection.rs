//! An HTTP client that costs as little as one can: what it does not spend is the service's.
//!
//! One connection that is kept, one request at a time, the answer framed by its `Content-Length`.
//! It understands no more of HTTP than that, and says so when an answer needs more.

use std::io;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::target::Target;

/// How long a connection may take to be made, and a single answer to come.
const PATIENCE: Duration = Duration::from_secs(30);

/// The room for an answer at first, in bytes; it grows to the largest answer.
const FIRST_ROOM: usize = 16 * 1024;

const HEAD_END: &[u8] = b"\r\n\r\n";

/// A connection that is kept open.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    room: Vec<u8>,
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The whole answer, head and body.
    pub(super) bytes: usize,
    head: usize,
}

impl Answer {
    pub(super) fn is_success(self) -> bool {
        (200..300).contains(&self.status)
    }

    fn body(self) -> Range<usize> {
        self.head..self.bytes
    }
}

impl Connection {
    /// # Errors
    /// When nobody listens there; in words that say what to do.
    pub(super) async fn open(target: &Target) -> anyhow::Result<Self> {
        let unreachable = || {
            format!(
                "the service at {} cannot be reached (is it running? --service-url or \
                 FEDERATION_URL names another)",
                target.shown
            )
        };
        let stream = timeout(PATIENCE, TcpStream::connect(target.address))
            .await
            .map_err(io::Error::from)
            .and_then(|connected| connected)
            .with_context(unreachable)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, room: vec![0; FIRST_ROOM] })
    }

    /// Sends a request and takes in the whole answer.
    ///
    /// # Errors
    /// When the connection breaks, or the answer is not framed by its length.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Answer> {
        self.stream.write_all(request).await.context("the connection broke off")?;
        let mut filled = 0;
        let mut searched = 0;
        let head = loop {
            filled += self.read(filled).await?;
            let from = searched;
            searched = filled.saturating_sub(HEAD_END.len() - 1);
            let found =
                self.room[from..filled].windows(HEAD_END.len()).position(|at| at == HEAD_END);
            if let Some(at) = found {
                break from + at + HEAD_END.len();
            }
        };
        let (status, length) = read_head(&self.room[..head])?;
        let bytes = head + length;
        if self.room.len() < bytes {
            self.room.resize(bytes, 0);
        }
        while filled < bytes {
            filled += self.read(filled).await?;
        }
        if filled > bytes {
            bail!("the service sent more than it announced");
        }
        Ok(Answer { status, bytes, head })
    }

    /// The body of the newest answer.
    pub(super) fn body(&self, answer: Answer) -> &[u8] {
        &self.room[answer.body()]
    }

    /// The answer to a request as text, for what is not measured.
    ///
    /// # Errors
    /// As [`exchange`](Self::exchange), and when no answer comes.
    pub(super) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<(u16, String)> {
        let answer = timeout(PATIENCE, self.exchange(request))
            .await
            .with_context(|| format!("no answer came within {} s", PATIENCE.as_secs()))??;
        Ok((answer.status, String::from_utf8_lossy(self.body(answer)).into_owned()))
    }

    async fn read(&mut self, filled: usize) -> anyhow::Result<usize> {
        if filled == self.room.len() {
            self.room.resize(filled * 2, 0);
        }
        match self
            .stream
            .read(&mut self.room[filled..])
            .await
            .context("the connection broke off")?
        {
            0 => bail!("the service closed the connection"),
            read => Ok(read),
        }
    }
}

/// Status and length of the body.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let text = std::str::from_utf8(head).context("the answer is not HTTP")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .context("the answer is not HTTP/1.1")?;
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().context("the answer's Content-Length")?);
        }
    }
    match length {
        Some(length) => Ok((status, length)),
        None if matches!(status, 204 | 304) => Ok((status, 0)),
        None => bail!("the answer has no Content-Length, which this measurement goes by"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::api_key::ApiKeyArgs;

    #[test]
    fn a_head_tells_status_and_length() {
        let head = |text: &str| read_head(text.as_bytes());
        assert_eq!(head("HTTP/1.1 200 OK\r\nContent-LENGTH: 12\r\n\r\n").unwrap(), (200, 12));
        assert_eq!(head("HTTP/1.1 204 No Content\r\n\r\n").unwrap(), (204, 0));
        for wrong in [
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: many\r\n\r\n",
            "SSH-2.0\r\n\r\n",
        ] {
            head(wrong).unwrap_err();
        }
    }

    #[tokio::test]
    async fn answers_are_taken_in_however_they_are_cut() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let body = "x".repeat(100_000);
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            while stream.read(&mut request).await.unwrap() > 0 {
                for piece in [&answer[..17], &answer[17..38], &answer[38..]] {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        let target = Target::parse(&url, &ApiKeyArgs::default()).unwrap();
        let mut connection = Connection::open(&target).await.unwrap();
        for _ in 0..3 {
            let (status, text) = connection.ask(&target.request("GET", "/", None)).await.unwrap();
            assert_eq!((status, text.len()), (200, body.len()));
        }
    }
}
