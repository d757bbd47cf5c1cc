//! Just enough of the NATS protocol to publish and to know that the server took it.
//!
//! A full client would keep what it cannot send and send it later. The truth must know when a
//! heartbeat was taken, so here nothing is kept: it goes out now, or it does not.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection to the server, opened when something is to be sent.
#[derive(Debug)]
pub(crate) struct Publisher {
    server: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Publisher {
    pub(crate) fn to(server: SocketAddr) -> Self {
        Self { server, stream: None }
    }

    /// Makes sure that there is a connection.
    ///
    /// # Errors
    /// When there is none within `deadline`.
    pub(crate) async fn connect(&mut self, deadline: Duration) -> anyhow::Result<()> {
        if self.stream.is_none() {
            let opened = timeout(deadline, open(self.server)).await;
            self.stream = Some(opened.context("no connection in time")??);
        }
        Ok(())
    }

    /// Publishes messages and waits until the server has taken all of them.
    ///
    /// # Errors
    /// When that is not known within `deadline`: then the connection is given up, and the server
    /// may have taken them or take them yet.
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
        timeout(deadline, exchange(&mut stream, &bytes)).await.context("not taken in time")??;
        self.stream = Some(stream);
        Ok(())
    }
}

async fn open(server: SocketAddr) -> anyhow::Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(server).await.context("no connection")?;
    stream.set_nodelay(true).context("no connection")?;
    let mut stream = BufReader::new(stream);
    exchange(&mut stream, b"CONNECT {\"verbose\":false,\"name\":\"faults\"}\r\nPING\r\n").await?;
    Ok(stream)
}

/// Sends bytes that end with a PING and reads on until its answer.
async fn exchange(stream: &mut BufReader<TcpStream>, bytes: &[u8]) -> anyhow::Result<()> {
    stream.write_all(bytes).await.context("not sent")?;
    loop {
        let mut line = String::new();
        let read = stream.read_line(&mut line).await.context("not taken")?;
        match line.trim_end() {
            "PONG" => return Ok(()),
            // The server asks now and then whether we are there.
            "PING" => stream.write_all(b"PONG\r\n").await.context("not sent")?,
            line if line.starts_with("-ERR") => bail!("the server refused: {line}"),
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
    async fn what_is_published_is_known_to_be_taken_and_nothing_is_kept_for_later() {
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
