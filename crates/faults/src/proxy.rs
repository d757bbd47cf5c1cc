//! A TCP proxy that can be cut and stalled.
//!
//! Each replica reaches each server through a proxy of its own. Network namespaces would do the
//! same only for root; this works everywhere.

use std::net::SocketAddr;

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Link {
    Whole,
    /// Connections stay open, and new ones are taken, but no byte moves.
    Stalled,
    /// Connections are closed, new ones at once.
    Cut,
}

/// A link to a server; it ends when dropped.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    link: watch::Sender<Link>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// Listens on a free port of loopback and leads to `target`, also while nobody is there.
    pub(crate) async fn to(target: SocketAddr) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.context("a proxy's port")?;
        let port = listener.local_addr().context("a proxy's port")?.port();
        let (link, state) = watch::channel(Link::Whole);
        let accepting = tokio::spawn(accept(listener, target, state));
        Ok(Self { port, link, accepting })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Closes what is open and refuses what comes.
    pub(crate) fn cut(&self) {
        self.link.send_replace(Link::Cut);
    }

    /// Keeps what is open and moves no byte.
    pub(crate) fn stall(&self) {
        self.link.send_replace(Link::Stalled);
    }

    /// Lets everything pass again.
    pub(crate) fn heal(&self) {
        self.link.send_replace(Link::Whole);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
        // Ends the connections too.
        self.cut();
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, link: watch::Receiver<Link>) {
    loop {
        // An error here is that of one connection, which went away before it was taken.
        let Ok((client, _)) = listener.accept().await else { continue };
        if *link.borrow() != Link::Cut {
            tokio::spawn(carry(client, target, link.clone()));
        }
    }
}

/// One connection, to its end or until the link is cut.
async fn carry(client: TcpStream, target: SocketAddr, link: watch::Receiver<Link>) {
    let both_ways = async {
        is_whole(&mut link.clone()).await?;
        let server = TcpStream::connect(target).await.ok()?;
        // Small messages must not wait for each other, as they would not without a proxy.
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

/// Moves bytes one way while the link is whole; none at the end of the stream.
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

/// Waits until bytes may move; none when the proxy is gone.
async fn is_whole(link: &mut watch::Receiver<Link>) -> Option<()> {
    link.wait_for(|link| *link == Link::Whole).await.ok().map(|_| ())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A server that sends back what it gets.
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
    async fn a_whole_link_moves_bytes_both_ways() {
        let proxy = Proxy::to(echo().await).await.unwrap();
        assert_eq!(says(&mut open(&proxy).await).await.unwrap(), b'x');
    }

    #[tokio::test]
    async fn a_cut_link_closes_what_is_open_and_what_comes() {
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
    async fn a_stalled_link_keeps_what_was_sent_until_it_is_whole() {
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
