//! The HTTP server: sockets, workers and shutdown.

pub(crate) mod connections;

use std::convert::Infallible;
use std::future::{Future, ready};
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use actix_http::{HttpService, Request};
use actix_server::Server;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::{AppConfig, Extensions};
use actix_web::rt::net::TcpStream;

use self::connections::Connections;
use crate::app::{app, document_json};
use crate::connection::Connection;
use crate::connection::stream::ClientStream;
use crate::sliced::SLICE_BYTES;
use crate::state::ApiState;

/// Timeout for receiving the head of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// Timeout of idle connections. Longer than the 60 s of common proxies, so that the server does not
/// close a connection that a proxy is about to use.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Time for in-flight requests to finish when the server stops. Writes wait only for the store, and
/// the process must complete other work within its 10 s.
const SHUTDOWN_TIMEOUT_SECONDS: u64 = 3;

/// Timeout for ending a connection.
const DISCONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Time for which sent data may stay unacknowledged before the connection is closed. It frees the
/// memory of stalled readers and detects clients that have disappeared.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// Default limit on open connections of a worker.
const CONNECTIONS_PER_WORKER: usize = 25_000;

/// Interval of probes on an idle connection.
#[cfg(target_os = "linux")]
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// Settings of the server.
#[derive(Debug, Clone)]
pub struct HttpSettings {
    /// Host name or address to listen on, such as `127.0.0.1` or `localhost`.
    pub host: String,
    /// Port to listen on. 0 picks a free one.
    pub port: u16,
    /// Number of worker threads. `None` starts one per processor.
    pub workers: Option<NonZeroUsize>,
}

/// The server cannot listen on the address.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {host}:{port}{hint}")]
pub struct BindError {
    host: String,
    port: u16,
    hint: &'static str,
    source: io::Error,
}

/// A server that is bound to its sockets. Connections wait until it runs.
#[must_use = "the server does not respond until it runs"]
pub struct HttpServer {
    listeners: Vec<TcpListener>,
    address: SocketAddr,
    workers: Option<NonZeroUsize>,
    max_connections: Option<usize>,
    request_timeout: Duration,
    stall_timeout: Duration,
}

impl HttpServer {
    /// Binds the sockets, so that a busy port is detected before anything else starts.
    ///
    /// A name such as `localhost` may resolve to several addresses. The server listens on all that
    /// this machine has.
    ///
    /// # Errors
    /// [`BindError`], with a hint for a busy port.
    pub fn bind(settings: &HttpSettings) -> Result<Self, BindError> {
        let HttpSettings { host, port, workers } = settings;
        // The brackets of an IPv6 address belong to URLs.
        let name = host.trim_start_matches('[').trim_end_matches(']');
        let bound = (name, *port)
            .to_socket_addrs()
            .and_then(|addresses| listen(addresses, TcpListener::bind));
        match bound {
            Ok((address, listeners)) => Ok(Self {
                listeners,
                address,
                workers: *workers,
                max_connections: None,
                request_timeout: REQUEST_TIMEOUT,
                stall_timeout: STALL_TIMEOUT,
            }),
            Err(source) => {
                Err(BindError { host: host.clone(), port: *port, hint: hint(&source), source })
            }
        }
    }

    /// Returns the address of the server, the first one if there are several.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Limits workers and connections. Further connections wait until others close.
    ///
    /// If more than four fifths of the connections are open, they are closed after each response.
    pub fn limited_to(self, workers: NonZeroUsize, connections: usize) -> Self {
        Self { workers: Some(workers), max_connections: Some(connections), ..self }
    }

    /// Serves requests until `shutdown` completes. Then stops accepting connections, and gives
    /// in-flight requests 3 s to finish. Does not handle signals.
    ///
    /// # Errors
    /// Fails if a socket cannot be used or a worker cannot be started.
    pub async fn run(
        self,
        state: ApiState,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let Self { request_timeout, stall_timeout, .. } = self;
        let ending = state.ending.clone();
        let shutdown = async move {
            shutdown.await;
            // Event streams and long polls do not end by themselves.
            ending.cancel();
        };
        let document = document_json(&state);
        let connections = Connections::new(self.max_connections.unwrap_or(usize::MAX));
        let mut server = Server::build()
            .shutdown_timeout(SHUTDOWN_TIMEOUT_SECONDS)
            .disable_signals()
            .shutdown_signal(shutdown);
        if let Some(workers) = self.workers {
            server = server.workers(workers.get());
            if let Some(connections) = self.max_connections {
                let per_worker = (connections / workers.get()).max(1);
                server = server.max_concurrent_connections(per_worker.min(CONNECTIONS_PER_WORKER));
            }
        }
        let draining = server.graceful_shutdown_signal();
        for listener in self.listeners {
            let (state, document) = (state.clone(), document.clone());
            let connections = Arc::clone(&connections);
            let (address, draining) = (listener.local_addr()?, draining.clone());
            server = server.listen(address.to_string(), listener, move || {
                let (draining, connections) = (draining.clone(), Arc::clone(&connections));
                let app = app(state.clone(), document.clone())
                    .into_factory()
                    .map_err(|error: actix_web::Error| error.error_response());
                let http = HttpService::build()
                    .graceful_shutdown_signal(move || {
                        let draining = draining.clone();
                        async move { draining.notified().await }
                    })
                    .client_request_timeout(request_timeout)
                    .client_disconnect_timeout(DISCONNECT_TIMEOUT)
                    .keep_alive(KEEP_ALIVE)
                    .h1_write_buffer_size(SLICE_BYTES)
                    .local_addr(address)
                    .expect(fn_service(hold_continue))
                    .on_connect_ext(
                        move |stream: &ClientStream<TcpStream>, data: &mut Extensions| {
                            data.insert(stream.connection().clone());
                            data.insert(connections.enter());
                        },
                    )
                    .h1(map_config(app, |()| AppConfig::default()));
                fn_service(move |socket: TcpStream| {
                    tune(&socket, stall_timeout);
                    let client = socket.peer_addr().ok();
                    ready(Ok((ClientStream::new(socket), client)))
                })
                .and_then(http)
            })?;
        }
        server.run().await
    }
}

/// Handles `Expect: 100-continue`. The answer is held back until a handler reads the body, so a
/// request that is refused by its head is refused before the client sends the body.
async fn hold_continue(request: Request) -> Result<Request, Infallible> {
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.holds_continue();
    }
    Ok(request)
}

/// Sets the options of a connection.
fn tune(socket: &TcpStream, stall_timeout: Duration) {
    // Otherwise the kernel holds back the end of a response, and each event of a stream, until the
    // client has acknowledged what came before, for which it takes 40 ms.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "cannot send small parts of responses at once");
    }
    close_when_stalled(socket, stall_timeout);
}

/// Makes the kernel close a connection whose client stops reading.
///
/// A response body is polled only when the socket has room, so the server itself would not notice.
#[cfg(target_os = "linux")]
fn close_when_stalled(stream: &TcpStream, after: Duration) {
    let after_ms = u32::try_from(after.as_millis()).unwrap_or(u32::MAX);
    if let Err(error) = rustix::net::sockopt::set_tcp_user_timeout(stream, after_ms) {
        tracing::debug!(%error, "cannot set the stall timeout of a connection");
    }
    // Probes detect a client that has disappeared while a long poll has nothing to send.
    let probing = rustix::net::sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| rustix::net::sockopt::set_tcp_keepidle(stream, after / 2))
        .and_then(|()| rustix::net::sockopt::set_tcp_keepintvl(stream, PROBE_INTERVAL));
    if let Err(error) = probing {
        tracing::debug!(%error, "cannot probe idle connections");
    }
}

/// Other systems share no option for this, but have limits of their own.
#[cfg(not(target_os = "linux"))]
fn close_when_stalled(_: &TcpStream, _: Duration) {}

/// Binds all addresses that this machine has.
///
/// A machine without IPv6 may lack `::1` although `localhost` resolves to it. An address that is in
/// use is an error, because another program would answer some of the clients.
fn listen(
    addresses: impl Iterator<Item = SocketAddr>,
    bind: impl Fn(SocketAddr) -> io::Result<TcpListener>,
) -> io::Result<(SocketAddr, Vec<TcpListener>)> {
    use io::ErrorKind::{AddrInUse, AddrNotAvailable, PermissionDenied};
    let mut first: Option<SocketAddr> = None;
    let mut listeners = Vec::new();
    let mut missing = io::Error::new(AddrNotAvailable, "the host name has no address");
    for mut address in addresses {
        // If a free port was picked for the first address, the others use it too.
        address.set_port(first.map_or(address.port(), |first| first.port()));
        match bind(address) {
            Ok(listener) => {
                first = Some(first.unwrap_or(listener.local_addr()?));
                listeners.push(listener);
            }
            Err(error) if matches!(error.kind(), AddrInUse | PermissionDenied) => {
                return Err(error);
            }
            // Not only `AddrNotAvailable`: an unsupported address family has no `ErrorKind`.
            Err(error) => missing = error,
        }
    }
    first.map(|address| (address, listeners)).ok_or(missing)
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            ": the address is in use by another program, choose another port"
        }
        io::ErrorKind::PermissionDenied => ": ports below 1024 require privileges",
        io::ErrorKind::AddrNotAvailable => ": this machine does not have that address",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
