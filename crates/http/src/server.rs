//! The server: its socket, its workers, its end.

use std::any::Any;
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::num::NonZeroUsize;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::middleware::from_fn;
use actix_web::{App, Error};

use crate::middleware::observe;
use crate::routes::configure;
use crate::state::ApiState;

/// How long a client may take to send the head of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an idle connection is kept; longer than the 60 s after which common proxies give up
/// theirs, so that it is not us who close one that is just being used.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// How long requests that are being answered may take to finish when the server stops. A write
/// waits for the store alone, and the process has more to do in the 10 s in which it has to end.
const SHUTDOWN_TIMEOUT_SECONDS: u64 = 3;

/// How long a client may leave what was sent to it untaken, before its connection is cut: a reader
/// that stands still is not to hold memory, and one that is gone not to be held for alive.
const UNTAKEN_FOR: Duration = Duration::from_secs(30);

/// Where and how to listen.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// A name or an address of this machine, such as `127.0.0.1` or `localhost`.
    pub host: String,
    /// The port; 0 picks a free one.
    pub port: u16,
    /// How many threads answer requests; `None`: as many as there are processors.
    pub workers: Option<NonZeroUsize>,
}

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {host}:{port}{hint}")]
pub struct BindError {
    host: String,
    port: u16,
    hint: &'static str,
    source: io::Error,
}

/// A server that has its sockets and does not answer yet: connections wait until it runs.
#[must_use = "it answers nothing until it runs"]
pub struct HttpServer {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    workers: Option<NonZeroUsize>,
    untaken_for: Duration,
}

impl HttpServer {
    /// Takes the sockets, so that a busy port is found before anything else is started. A name
    /// such as `localhost` may stand for several addresses; it listens on all that exist.
    ///
    /// # Errors
    /// [`BindError`], which says what to do about a busy port.
    pub fn bind(settings: &HttpSettings) -> Result<Self, BindError> {
        let HttpSettings { host, port, workers } = settings;
        // The brackets of an IPv6 address belong to URLs.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let bound = (name, *port)
            .to_socket_addrs()
            .and_then(|addresses| listen(addresses, TcpListener::bind));
        match bound {
            Ok((address, listeners)) => {
                let untaken_for = UNTAKEN_FOR;
                Ok(Self { listeners, address, workers: *workers, untaken_for })
            }
            Err(source) => {
                Err(BindError { host: host.clone(), port: *port, hint: hint(&source), source })
            }
        }
    }

    /// Where it listens; the first address, if there are several.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `shutdown` completes; then stops accepting, and lets what is being
    /// answered finish for at most 3 s. Signals are left to the caller.
    ///
    /// # Errors
    /// When a socket cannot be used or a worker cannot be started.
    pub async fn run(
        self,
        state: ApiState,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let (ending, untaken_for) = (state.ending.clone(), self.untaken_for);
        let shutdown = async move {
            shutdown.await;
            // Streams do not end by themselves.
            ending.cancel();
        };
        let mut server = actix_web::HttpServer::new(move || app(state.clone()))
            .client_request_timeout(REQUEST_TIMEOUT)
            .keep_alive(KEEP_ALIVE)
            .on_connect(move |connection, _| cut_when_untaken(connection, untaken_for))
            .shutdown_timeout(SHUTDOWN_TIMEOUT_SECONDS)
            .disable_signals()
            .shutdown_signal(shutdown);
        if let Some(workers) = self.workers {
            server = server.workers(workers.get());
        }
        for listener in self.listeners {
            server = server.listen(listener)?;
        }
        server.run().await
    }
}

/// Has the kernel cut the connection when what was sent is not taken for so long. A response is only
/// asked for more when there is room for it, so nothing here would find that out.
#[cfg(target_os = "linux")]
fn cut_when_untaken(connection: &dyn Any, after: Duration) {
    let Some(stream) = connection.downcast_ref::<actix_web::rt::net::TcpStream>() else { return };
    let after_ms = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, after_ms) {
        tracing::debug!(%error, "a connection has no limit for what is not taken");
    }
}

/// Other systems have their own limits, and no common option for them.
#[cfg(not(target_os = "linux"))]
fn cut_when_untaken(_: &dyn Any, _: Duration) {}

/// Binds all of the addresses that this machine has. Without IPv6 it may have no `::1`, though
/// `localhost` stands for it too; an address that is taken is an error, since another program would
/// answer a part of the callers.
fn listen(
    addresses: impl Iterator<Item = SocketAddr>,
    bind: impl Fn(SocketAddr) -> io::Result<TcpListener>,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let mut first: Option<SocketAddr> = None;
    let mut listeners = Vec::new();
    let mut missing = io::Error::new(AddrNotAvailable, "the name has no address");
    for mut address in addresses {
        // Where a free port was picked for the first address, the others get the same.
        address.set_port(first.map_or(address.port(), |first| first.port()));
        match bind(address) {
            Ok(listener) => {
                first = Some(first.unwrap_or(listener.local_addr()?));
                listeners.push(listener);
            }
            Err(error) if matches!(error.kind(), AddrInUse | PermissionDenied) => {
                return Err(error);
            }
            // Not only `AddrNotAvailable`: an address family that the kernel lacks has no kind.
            Err(error) => missing = error,
        }
    }
    first.map(|address| (address, listeners)).ok_or(missing)
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => ": another program listens there, choose another port",
        io::ErrorKind::PermissionDenied => ": ports below 1024 need a privilege",
        io::ErrorKind::AddrNotAvailable => ": this machine has no such address",
        _ => "",
    }
}

/// The application of one worker.
pub(crate) fn app(
    state: ApiState,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<impl MessageBody>,
        Error = Error,
        InitError = (),
    >,
> {
    App::new().configure(|cfg| configure(cfg, state)).wrap(from_fn(observe))
}

#[cfg(test)]
mod tests;
