//! A minimal HTTP/1.1 client.
//!
//! Each request has a connection of its own, so that a failure is caused by the replica and not by
//! an old connection.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A response.
#[derive(Debug)]
pub(crate) struct HttpResponse {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// Sends a request and reads the whole response.
///
/// # Errors
/// Fails if there is no response within `deadline`. The request may have been processed anyway.
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
        let mut response = Vec::new();
        stream.read_to_end(&mut response).await?;
        std::io::Result::Ok(response)
    };
    let response = timeout(deadline, exchange)
        .await
        .with_context(|| format!("no response within {deadline:?}"))?
        .context("no response")?;
    parse(&response)
}

fn parse(response: &[u8]) -> anyhow::Result<HttpResponse> {
    let text = std::str::from_utf8(response).context("the response is not UTF-8")?;
    let (head, body) =
        text.split_once("\r\n\r\n").ok_or_else(|| anyhow!("the response has no complete head"))?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| anyhow!("the response has no status line: {head}"))?;
    let mut lengths = head.lines().filter_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    });
    match lengths.next() {
        Some(length) if length != body.len() => Err(anyhow!("the response is truncated")),
        _ => Ok(HttpResponse { status, body: body.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_response_is_parsed() {
        let response = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]").unwrap();
        assert_eq!((response.status, response.body.as_str()), (200, "[]"));
        assert_eq!(parse(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().status, 204);
    }

    #[test]
    fn an_incomplete_response_is_rejected() {
        for half in ["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n[]"] {
            parse(half.as_bytes()).unwrap_err();
        }
    }
}
