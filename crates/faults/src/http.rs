//! Just enough of HTTP/1.1: one request on one connection, to its end or its deadline.
//!
//! A connection for each request, so that a request that failed is known to have failed because of
//! the replica, not because of an old connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What came back.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends a request and reads the whole answer.
///
/// # Errors
/// When there is none within `deadline`; the request may have been taken nevertheless.
pub(crate) async fn request(
    address: SocketAddr,
    (method, path): (&str, &str),
    body: &str,
    deadline: Duration,
) -> anyhow::Result<HttpResponse> {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let exchange = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(format!("{head}{body}").as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer)
    };
    let answer = timeout(deadline, exchange)
        .await
        .with_context(|| format!("no answer within {deadline:?}"))?
        .context("no answer")?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> anyhow::Result<HttpResponse> {
    let text = std::str::from_utf8(answer).context("an answer that is no text")?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| anyhow!("no whole head"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| anyhow!("no status line: {head}"))?;
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match lengths.next() {
        Some(length) if length != body.len() => Err(anyhow!("an answer that was cut off")),
        _ => Ok(HttpResponse { status, body: body.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn an_answer_is_taken_apart() {
        let answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "[]"));
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().status, 204);
    }

    #[test]
    fn half_an_answer_is_none() {
        for half in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]"] {
            parse(half.as_bytes()).unwrap_err();
        }
    }
}
