//! Tests over real sockets: raw bytes, broken bodies and shutdown.

mod wire;

use std::error::Error as _;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::auth::access::Closed;
use crate::testing::{Api, REGISTRATION};

const DEADLINE: Duration = Duration::from_secs(10);

fn settings(port: u16) -> HttpSettings {
    HttpSettings { host: "127.0.0.1".to_owned(), port, workers: NonZeroUsize::new(1) }
}

struct Running {
    address: SocketAddr,
    api: Api,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<io::Result<()>>,
}

async fn start() -> Running {
    serve(Api::new().await, STALL_TIMEOUT)
}

/// Starts a server with this stall timeout.
fn serve(api: Api, stall_timeout: Duration) -> Running {
    serve_with(api, |server| server.stall_timeout = stall_timeout)
}

fn serve_with(api: Api, set: impl FnOnce(&mut HttpServer)) -> Running {
    let mut server = HttpServer::bind(&settings(0)).unwrap();
    set(&mut server);
    let address = server.address();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let ended = actix_web::rt::spawn(server.run(api.state.clone(), shutdown));
    Running { address, api, stop, ended }
}

impl Running {
    /// Sends raw bytes on a new connection and reads the whole response.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        // The server may respond and stop reading before everything is sent.
        let (_, received) = timeout(DEADLINE, async {
            futures_util::join!(write.write_all(request), read.read_to_end(&mut answer))
        })
        .await
        .expect("a response within 10 s");
        received.expect("a response, not a reset");
        String::from_utf8(answer).unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(DEADLINE, self.ended).await.expect("shutdown within 10 s").unwrap().unwrap();
    }
}

fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let head = head.replace('\n', "\r\n");
    [head.as_bytes(), b"\r\nHost: h\r\nConnection: close\r\n\r\n", body].concat()
}

#[actix_web::test]
async fn head_returns_the_headers_of_get_without_a_body() {
    let server = start().await;
    let get = server.exchange(&request("GET /health HTTP/1.1", b"")).await;
    let head = server.exchange(&request("HEAD /health HTTP/1.1", b"")).await;
    let (get_head, get_body) = get.split_once("\r\n\r\n").unwrap();
    let (head_head, head_body) = head.split_once("\r\n\r\n").unwrap();
    assert_eq!(get_body, r#"{"status":"ok","service":"federation","version":"0.9.0"}"#);
    assert_eq!(head_body, "");
    for head in [get_head, head_head] {
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("content-length: 56"), "{head}");
        assert!(head.contains("content-type: application/json"), "{head}");
    }
    server.stop().await;
}

#[actix_web::test]
async fn an_oversized_body_is_answered_with_413_however_it_is_sent() {
    let server = start().await;
    let large = vec![b' '; 10 * 1024 * 1024];
    let head = format!("POST /api/fed/projects HTTP/1.1\nContent-Length: {}", large.len());
    let answer = server.exchange(&request(&head, &large)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");

    let mut chunks = Vec::new();
    for chunk in large[..256 * 1024].chunks(1024) {
        chunks.extend_from_slice(b"400\r\n");
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    chunks.extend_from_slice(b"0\r\n\r\n");
    let head = "POST /api/fed/projects HTTP/1.1\nTransfer-Encoding: chunked";
    let answer = server.exchange(&request(head, &chunks)).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    server.stop().await;
}

#[actix_web::test]
async fn a_request_without_a_key_is_refused_before_its_body_is_sent() {
    let server = serve(Api::guarded(Vec::new(), Closed::default()).await, STALL_TIMEOUT);
    for path in ["/api/fed/projects", "/api/fed/projects/a/heartbeat"] {
        for length in ["Content-Length: 52428800", "Transfer-Encoding: chunked"] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let head = format!("POST {path} HTTP/1.1\n{length}");
            stream.write_all(&request(&head, b"")).await.unwrap();
            let mut status = [0; 13];
            let read = timeout(DEADLINE, stream.read_exact(&mut status)).await;
            read.expect("a response within 10 s").unwrap();
            assert_eq!(&status, b"HTTP/1.1 401 ");
        }
    }
    let head = "POST /api/fed/projects HTTP/1.1\nContent-Length: 52428800";
    let answer = server.exchange(&request(head, &vec![b' '; 52_428_800])).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    server.stop().await;
}

#[actix_web::test]
async fn a_chunked_body_and_a_trailing_slash_register_a_project() {
    let server = start().await;
    let (one, two) = REGISTRATION.split_at(10);
    let chunks = format!("a\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", two.len());
    let head = "POST /api/fed/projects/ HTTP/1.1\nTransfer-Encoding: chunked";
    let answer = server.exchange(&request(head, chunks.as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    server.stop().await;
}

#[actix_web::test]
async fn a_busy_port_is_reported_with_a_hint() {
    let first = HttpServer::bind(&settings(0)).unwrap();
    let error = HttpServer::bind(&settings(first.address().port())).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {}: the address is in use by another program, choose another port",
            first.address()
        )
    );
    assert!(error.source().is_some());
}

#[actix_web::test]
async fn a_host_name_resolves_to_its_addresses() {
    let localhost = HttpSettings { host: "localhost".to_owned(), ..settings(0) };
    assert!(HttpServer::bind(&localhost).unwrap().address().ip().is_loopback());
    let nowhere = HttpSettings { host: "192.0.2.1".to_owned(), ..settings(0) };
    let error = HttpServer::bind(&nowhere).err().unwrap();
    assert!(error.to_string().ends_with("this machine does not have that address"), "{error}");
}

#[actix_web::test]
async fn an_unavailable_address_is_ignored_if_another_one_is_available() {
    let addresses = || ["[::1]:0", "127.0.0.1:0"].map(|text| text.parse().unwrap()).into_iter();
    let refusing = |code: i32| {
        listen(addresses(), move |address| {
            let refused = address.is_ipv6();
            if refused {
                Err(io::Error::from_raw_os_error(code))
            } else {
                TcpListener::bind(address)
            }
        })
    };
    // EAFNOSUPPORT and EADDRNOTAVAIL on Linux.
    for code in [97, 99] {
        let (address, listeners) = refusing(code).unwrap();
        assert!(address.is_ipv4() && listeners.len() == 1, "{address}");
    }
    // EADDRINUSE on Linux.
    assert_eq!(refusing(98).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let none = listen(addresses(), |_| Err(io::Error::from_raw_os_error(97)));
    assert_eq!(none.unwrap_err().raw_os_error(), Some(97));
}

#[actix_web::test]
async fn an_unfinished_request_delays_shutdown_only_by_its_timeout() {
    let server = start().await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"POST /api/fed/projects HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{")
        .await
        .unwrap();
    // Once the server has answered a later connection, it has accepted this one.
    server.exchange(&request("GET /livez HTTP/1.1", b"")).await;
    #[expect(clippy::disallowed_methods, reason = "measures real sockets")]
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[actix_web::test]
async fn an_idle_connection_does_not_delay_shutdown() {
    let server = start().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.stop().await;
    let mut rest = Vec::new();
    timeout(DEADLINE, idle.read_to_end(&mut rest)).await.expect("shutdown within 10 s").unwrap();
    assert!(rest.ends_with(br#"{"status":"alive"}"#));
}

/// Requests an endless or long response and reads it up to `until`.
async fn begin(server: &Running, path: &str, until: &[u8]) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // Limit what the kernel buffers for a client that does not read.
    socket.set_recv_buffer_size(4 * 1024).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(until) {
        read.push(stream.read_u8().await.unwrap());
    }
    stream
}

/// Opens an event stream and reads its first event.
async fn watch(server: &Running) -> TcpStream {
    let ready = b"event: ready\ndata: {\"revision\":0}\n\n\r\n";
    begin(server, "/api/fed/events", ready).await
}

#[actix_web::test]
async fn an_event_stream_does_not_delay_shutdown() {
    let server = start().await;
    let mut events = watch(&server).await;
    #[expect(clippy::disallowed_methods, reason = "measures real sockets")]
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let mut rest = Vec::new();
    timeout(DEADLINE, events.read_to_end(&mut rest)).await.expect("shutdown within 10 s").unwrap();
    assert_eq!(rest, b"0\r\n\r\n", "the stream must end with the last chunk");
}

#[cfg(target_os = "linux")]
async fn register_many(api: &Api, projects: usize) {
    let many = (0..projects).map(crate::lists::tests::registration).collect();
    api.service.catalog.register_all(many, federation_domain::Origin::Api).await.unwrap();
}

#[cfg(target_os = "linux")]
async fn wait_until_closed(is_closed: impl AsyncFn() -> bool) {
    let until_closed = async {
        while !is_closed().await {
            actix_web::rt::task::yield_now().await;
        }
    };
    timeout(DEADLINE, until_closed).await.expect("the connection is closed within 10 s");
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn a_stalled_watcher_is_disconnected() {
    let server = serve(Api::new().await, Duration::from_millis(500));
    let idle = watch(&server).await;
    register_many(&server.api, 5_000).await;
    let api = &server.api;
    wait_until_closed(async || api.get("/metrics").await.body.contains("federation_watchers 0"))
        .await;
    drop(idle);
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn a_stalled_reader_of_a_long_list_is_disconnected() {
    use crate::lists::tests::{costly_writers, lists_with_short_limit};
    let mut api = Api::new().await;
    register_many(&api, 30_000).await;
    api.state.lists = lists_with_short_limit(&api);
    let server = serve(api, Duration::from_millis(500));
    let idle = begin(&server, "/api/fed/projects?sort=slug", b"\r\n\r\n").await;
    let lists = &server.api.state.lists;
    assert_eq!(costly_writers(lists), 1);
    wait_until_closed(async || costly_writers(lists) == 0).await;
    drop(idle);
    server.stop().await;
}

#[actix_web::test]
async fn small_parts_of_responses_are_sent_at_once() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = tokio::net::TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (socket, _) = listener.accept().await.unwrap();
    tune(&socket, Duration::from_secs(30));
    assert!(socket.nodelay().unwrap());
    drop(client);
}
