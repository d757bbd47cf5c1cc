//! A TCP proxy that can be cut and stalled.
//!
//! Each replica reaches each server through a proxy of its own. Network namespaces would do the
//! same but need root.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// State of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Whole,
    /// Connections stay open and new ones are accepted, but no bytes are transferred.
    Stalled,
    /// Connections are closed, new ones immediately.
    Cut,
}

/// A link to a server, closed when it is dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    link: watch::Sender<Link>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of the loopback interface and forwards to `target`, which does not
    /// have to be available.
    pub(crate) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener =
            TcpListener::bind(("127.0.0.1", 0)).await.context("cannot open the port of a proxy")?;
        let port = listener.local_addr().context("cannot open the port of a proxy")?.port();
        let (link, state) = watch::channel(Link::Whole);
        let accepting = tokio::spawn(accept(listener, target, state));
        Ok(Self { port, link, accepting })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Closes all connections and rejects new ones.
    pub(crate) fn cut(&self) {
        self.link.send_replace(Link::Cut);
    }

    /// Keeps connections open but transfers no bytes.
    pub(crate) fn stall(&self) {
        self.link.send_replace(Link::Stalled);
    }

    /// Restores the link.
    pub(crate) fn heal(&self) {
        self.link.send_replace(Link::Whole);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        // Closes the connections.
        self.cut();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, link: watch::Receiver<Link>) {
    loop {
        // An error concerns one connection, which closed before it was accepted.
        let Ok((client, _)) = listener.accept().await else { continue };
        if *link.borrow() != Link::Cut {
            tokio::spawn(carry(client, target, link.clone()));
        }
    }
}

/// Forwards one connection until it ends or the link is cut.
async fn carry(client: TcpStream, target: SocketAddr, link: watch::Receiver<Link>) {
    let both_ways = async {
        is_whole(&mut link.clone()).await?;
        let server = TcpStream::connect(target).await.ok()?;
        // Small messages are not delayed without a proxy either.
        client.set_nodelay(true).ok()?;
        server.set_nodelay(true).ok()?;
        let (client_reads, client_writes) = client.into_split();
        let (server_reads, server_writes) = server.into_split();
        tokio::select! {
            ended = pump(client_reads, server_writes, link.clone()) => ended,
            ended = pump(server_reads, client_writes, link.clone()) => ended,
        }
    };
    let mut cut = link.clone();
    tokio::select! {
        _ = cut.wait_for(|link| *link == Link::Cut) => {}
        _ = both_ways => {}
    }
}

/// Transfers bytes in one direction while the link is whole. Returns `None` at the end of the
/// stream.
async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut link: watch::Receiver<Link>,
) -> Option<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await.ok().filter(|&read| read > 0)?;
        is_whole(&mut link).await?;
        to.write_all(&buffer[..read]).await.ok()?;
    }
}

/// Waits until the link is whole. Returns `None` if the proxy was dropped.
async fn is_whole(link: &mut watch::Receiver<Link>) -> Option<()> {
    link.wait_for(|link| *link == Link::Whole).await.ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Starts a server that echoes its input.
    async fn echo() -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut reads, mut writes) = stream.into_split();
                    tokio::io::copy(&mut reads, &mut writes).await
                });
            }
        });
        address
    }

    async fn says(stream: &mut TcpStream) -> std::io::Result<u8> {
        stream.write_all(b"x").await?;
        stream.read_u8().await
    }

    async fn open(proxy: &Proxy) -> TcpStream {
        TcpStream::connect(("127.0.0.1", proxy.port())).await.unwrap()
    }

    #[tokio::test]
    async fn a_whole_link_transfers_bytes_both_ways() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        assert_eq!(says(&mut open(&proxy).await).await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn a_cut_link_closes_old_and_new_connections() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let mut stream = open(&proxy).await;
        says(&mut stream).await.unwrap();
        proxy.cut();
        says(&mut stream).await.unwrap_err();
        says(&mut open(&proxy).await).await.unwrap_err();
        proxy.heal();
        says(&mut open(&proxy).await).await.unwrap();
    }

    #[tokio::test]
    async fn a_stalled_link_delays_bytes_until_it_is_whole() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        let (mut old, mut new) = (open(&proxy).await, open(&proxy).await);
        says(&mut old).await.unwrap();
        proxy.stall();
        for stream in [&mut old, &mut new] {
            let silent = tokio::time::timeout(Duration::from_millis(50), says(stream)).await;
            silent.unwrap_err();
        }
        proxy.heal();
        assert_eq!(old.read_u8().await.unwrap(), b'x');
        assert_eq!(new.read_u8().await.unwrap(), b'x');
    }
}
