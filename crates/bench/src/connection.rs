//! A minimal HTTP client, which leaves as much CPU time as possible to the service.
//!
//! It keeps one connection open, sends one request at a time and reads a body framed by
//! `Content-Length`. It fails with an error if a response needs any other part of HTTP.

use std::io;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::target::Target;

/// Deadline for connecting and for a single response outside of measurements.
const DEADLINE: Duration = Duration::from_secs(30);

/// Initial size of the buffer, which grows to the size of the largest response.
const INITIAL_BUFFER_BYTES: usize = 16 * 1024;

const HEAD_END: &[u8] = b"\r\n\r\n";

/// A connection that stays open.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Status and size of a response. The body is in the buffer of the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Size of head and body.
    pub(crate) bytes: usize,
    head: usize,
}

impl Response {
    pub(crate) fn is_success(self) -> bool {
        (200..300).contains(&self.status)
    }

    fn body(self) -> Range<usize> {
        self.head..self.bytes
    }
}

impl Connection {
    /// Connects to the service.
    ///
    /// # Errors
    /// Fails if the service cannot be reached.
    pub(crate) async fn open(target: &Target) -> anyhow::Result<Self> {
        let unreachable = || {
            format!(
                "cannot connect to the service at {}; check that it runs, or set FEDERATION_URL or \
                 --service-url",
                target.shown
            )
        };
        let stream = timeout(DEADLINE, TcpStream::connect(target.address))
            .await
            .map_err(io::Error::from)
            .and_then(|connected| connected)
            .with_context(unreachable)?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: vec![0; INITIAL_BUFFER_BYTES] })
    }

    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// Fails if the connection breaks or the response has no `Content-Length`.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> anyhow::Result<Response> {
        self.stream.write_all(request).await.context("lost the connection to the service")?;
        let mut filled = 0;
        let mut searched = 0;
        let head = loop {
            filled += self.read(filled).await?;
            let from = searched;
            searched = filled.saturating_sub(HEAD_END.len() - 1);
            let found =
                self.buffer[from..filled].windows(HEAD_END.len()).position(|at| at == HEAD_END);
            if let Some(at) = found {
                break from + at + HEAD_END.len();
            }
        };
        let (status, length) = read_head(&self.buffer[..head])?;
        let bytes = head + length;
        if self.buffer.len() < bytes {
            self.buffer.resize(bytes, 0);
        }
        while filled < bytes {
            filled += self.read(filled).await?;
        }
        if filled > bytes {
            bail!("the response is longer than its Content-Length");
        }
        Ok(Response { status, bytes, head })
    }

    /// Returns the body of the latest response.
    pub(crate) fn body(&self, response: Response) -> &[u8] {
        &self.buffer[response.body()]
    }

    /// Sends a request that is not measured and returns the status and body of the response.
    ///
    /// # Errors
    /// Fails like [`exchange`](Self::exchange), and if there is no response before the deadline.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<(u16, String)> {
        let response = timeout(DEADLINE, self.exchange(request))
            .await
            .with_context(|| format!("no response within {} s", DEADLINE.as_secs()))??;
        Ok((response.status, String::from_utf8_lossy(self.body(response)).into_owned()))
    }

    async fn read(&mut self, filled: usize) -> anyhow::Result<usize> {
        if filled == self.buffer.len() {
            self.buffer.resize(filled * 2, 0);
        }
        match self
            .stream
            .read(&mut self.buffer[filled..])
            .await
            .context("lost the connection to the service")?
        {
            0 => bail!("the service closed the connection"),
            read => Ok(read),
        }
    }
}

/// Parses the status and the length of the body.
fn read_head(head: &[u8]) -> anyhow::Result<(u16, usize)> {
    let text = std::str::from_utf8(head).context("the response is not HTTP")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok())
        .context("the response is not HTTP/1.1")?;
    let mut length = None;
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        if name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().context("invalid Content-Length")?);
        }
    }
    match length {
        Some(length) => Ok((status, length)),
        None if matches!(status, 204 | 304) => Ok((status, 0)),
        None => bail!("the response has no Content-Length, which this measurement requires"),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn status_and_body_length_are_read_from_the_head() {
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
    async fn a_response_is_read_whole_however_it_is_split() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let body = "x".repeat(100_000);
        let response = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 1024];
            while stream.read(&mut request).await.unwrap() > 0 {
                for piece in [&response[..17], &response[17..38], &response[38..]] {
                    stream.write_all(piece.as_bytes()).await.unwrap();
                    tokio::task::yield_now().await;
                }
            }
        });
        let target = Target::resolve(&Url::parse(&url).unwrap()).unwrap();
        let mut connection = Connection::open(&target).await.unwrap();
        for _ in 0..3 {
            let (status, text) = connection.ask(&target.request("GET", "/", None)).await.unwrap();
            assert_eq!((status, text.len()), (200, body.len()));
        }
    }
}
