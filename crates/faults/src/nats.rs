//! A minimal NATS client that publishes and waits for the server.
//!
//! A complete client would buffer messages and send them later. The model must know when a
//! heartbeat was accepted, so this client sends a message now or fails.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection to the server, opened on demand.
#[derive(Debug)]
pub(crate) struct Publisher {
    server: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Publisher {
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self { server, stream: None }
    }

    /// Connects if there is no connection.
    ///
    /// # Errors
    /// Fails if there is no connection within `deadline`.
    pub(crate) async fn connect(&mut self, deadline: Duration) -> anyhow::Result<()> {
        if self.stream.is_none() {
            let opened = timeout(deadline, open(self.server)).await;
            self.stream = Some(opened.context("cannot connect in time")??);
        }
        Ok(())
    }

    /// Publishes messages and waits until the server has accepted all of them.
    ///
    /// # Errors
    /// Fails if the server does not acknowledge them within `deadline`. The connection is then
    /// closed, and the server may have accepted them or may still accept them.
    pub(crate) async fn publish(
        &mut self,
        messages: &[(String, Vec<u8>)],
        deadline: Duration,
    ) -> anyhow::Result<()> {
        let Some(mut stream) = self.stream.take() else { bail!("there is no connection") };
        let mut bytes = Vec::new();
        for (subject, payload) in messages {
            bytes.extend_from_slice(format!("PUB {subject} {}\r\n", payload.len()).as_bytes());
            bytes.extend_from_slice(payload);
            bytes.extend_from_slice(b"\r\n");
        }
        bytes.extend_from_slice(b"PING\r\n");
        timeout(deadline, exchange(&mut stream, &bytes))
            .await
            .context("not acknowledged in time")??;
        self.stream = Some(stream);
        Ok(())
    }
}

async fn open(server: SocketAddr) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(server).await.context("cannot connect")?;
    stream.set_nodelay(true).context("cannot connect")?;
    let mut stream = BufReader::new(stream);
    exchange(&mut stream, b"CONNECT {\"verbose\":false,\"name\":\"faults\"}\r\nPING\r\n").await?;
    Ok(stream)
}

/// Sends bytes that end with a PING and reads up to its PONG.
async fn exchange(stream: &mut BufReader<TcpStream>, bytes: &[u8]) -> anyhow::Result<()> {
    stream.write_all(bytes).await.context("cannot send")?;
    loop {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.context("not acknowledged")?;
        match line.trim_end() {
            "PONG" => return Ok(()),
            // The server checks now and then whether its clients are alive.
            "PING" => stream.write_all(b"PONG\r\n").await.context("cannot send")?,
            line if line.starts_with("-ERR") => bail!("the server responded with {line}"),
            _ if read == 0 => bail!("the server closed the connection"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use federation_testkit::NatsServer;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn message() -> [(String, Vec<u8>); 1] {
        [("hub.presence.a".to_owned(), b"{}".to_vec())]
    }

    #[tokio::test]
    async fn a_message_is_published_now_or_not_at_all() {
        let mut server = NatsServer::start().await;
        let mut publisher = Publisher::to((Ipv4Addr::LOCALHOST, server.port()).into());
        publisher.publish(&message(), SOON).await.unwrap_err();
        publisher.connect(SOON).await.unwrap();
        publisher.publish(&message(), SOON).await.unwrap();
        server.stop();
        publisher.publish(&message(), SOON).await.unwrap_err();
        publisher.connect(SOON).await.unwrap_err();
        server.restart().await;
        publisher.connect(SOON).await.unwrap();
        publisher.publish(&message(), SOON).await.unwrap();
    }
}
