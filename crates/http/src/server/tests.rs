//! What only a real socket shows: bytes, broken bodies, the end.

use std::error::Error as _;
use std::time::Duration;

use actix_web::rt::task::JoinHandle;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::*;
use crate::auth::Closed;
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
    serve(Api::new().await, UNTAKEN_FOR)
}

/// Cuts connections when what was sent is not taken for so long.
fn serve(api: Api, untaken_for: Duration) -> Running {
    let mut server = HttpServer::bind(&settings(0)).unwrap();
    server.untaken_for = untaken_for;
    let address = server.address();
    let (stop, stopped) = oneshot::channel();
    let shutdown = async move {
        let _ = stopped.await;
    };
    let ended = actix_web::rt::spawn(server.run(api.state.clone(), shutdown));
    Running { address, api, stop, ended }
}

impl Running {
    /// Sends raw bytes on a connection of their own and reads all that comes back.
    async fn exchange(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let (mut read, mut write) = stream.split();
        let mut answer = Vec::new();
        // The server may answer, and stop reading, before everything is sent.
        let (_, received) = timeout(DEADLINE, async {
            futures_util::join!(write.write_all(request), read.read_to_end(&mut answer))
        })
        .await
        .expect("an answer within 10 s");
        received.expect("an answer, not a reset");
        String::from_utf8(answer).unwrap()
    }

    async fn stop(self) {
        self.stop.send(()).unwrap();
        timeout(DEADLINE, self.ended).await.expect("an end within 10 s").unwrap().unwrap();
    }
}

fn request(head: &str, body: &[u8]) -> Vec<u8> {
    let head = head.replace('\n', "\r\n");
    [head.as_bytes(), b"\r\nHost: h\r\nConnection: close\r\n\r\n", body].concat()
}

#[actix_web::test]
async fn head_has_the_headers_of_get_and_no_body() {
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
async fn a_body_that_is_too_large_gets_its_answer_however_it_is_sent() {
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
    let server = serve(Api::guarded(Vec::new(), Closed::default()).await, UNTAKEN_FOR);
    for path in ["/api/fed/projects", "/api/fed/projects/a/heartbeat"] {
        for length in ["Content-Length: 52428800", "Transfer-Encoding: chunked"] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            let head = format!("POST {path} HTTP/1.1\n{length}");
            stream.write_all(&request(&head, b"")).await.unwrap();
            let mut status = [0; 13];
            let read = timeout(DEADLINE, stream.read_exact(&mut status)).await;
            read.expect("an answer within 10 s").unwrap();
            assert_eq!(&status, b"HTTP/1.1 401 ");
        }
    }
    let head = "POST /api/fed/projects HTTP/1.1\nContent-Length: 52428800";
    let answer = server.exchange(&request(head, &vec![b' '; 52_428_800])).await;
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    server.stop().await;
}

#[actix_web::test]
async fn a_body_in_chunks_and_a_path_with_a_slash_register_a_project() {
    let server = start().await;
    let (one, two) = REGISTRATION.split_at(10);
    let chunks = format!("a\r\n{one}\r\n{:x}\r\n{two}\r\n0\r\n\r\n", two.len());
    let head = "POST /api/fed/projects/ HTTP/1.1\nTransfer-Encoding: chunked";
    let answer = server.exchange(&request(head, chunks.as_bytes())).await;
    assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
    server.stop().await;
}

#[actix_web::test]
async fn a_busy_port_is_a_clear_error() {
    let first = HttpServer::bind(&settings(0)).unwrap();
    let error = HttpServer::bind(&settings(first.address().port())).err().unwrap();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot listen on {}: another program listens there, choose another port",
            first.address()
        )
    );
    assert!(error.source().is_some());
}

#[actix_web::test]
async fn a_name_stands_for_all_its_addresses() {
    let localhost = HttpSettings { host: "localhost".to_owned(), ..settings(0) };
    assert!(HttpServer::bind(&localhost).unwrap().address().ip().is_loopback());
    let nowhere = HttpSettings { host: "192.0.2.1".to_owned(), ..settings(0) };
    let error = HttpServer::bind(&nowhere).err().unwrap();
    assert!(error.to_string().ends_with("this machine has no such address"), "{error}");
}

#[actix_web::test]
async fn an_address_that_this_machine_cannot_have_does_not_matter_beside_one_that_it_has() {
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
    // Of Linux: the address family is not supported, the address cannot be assigned.
    for code in [97, 99] {
        let (address, listeners) = refusing(code).unwrap();
        assert!(address.is_ipv4() && listeners.len() == 1, "{address}");
    }
    // Of Linux: the address is already in use.
    assert_eq!(refusing(98).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    let none = listen(addresses(), |_| Err(io::Error::from_raw_os_error(97)));
    assert_eq!(none.unwrap_err().raw_os_error(), Some(97));
}

#[actix_web::test]
async fn a_request_that_does_not_end_holds_up_the_end_for_no_longer_than_is_said() {
    let server = start().await;
    let mut half = TcpStream::connect(server.address).await.unwrap();
    half.write_all(b"POST /api/fed/projects HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{")
        .await
        .unwrap();
    // The server has taken the connection when it has answered a later one.
    server.exchange(&request("GET /livez HTTP/1.1", b"")).await;
    #[expect(clippy::disallowed_methods, reason = "a deadline for what happens outside")]
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[actix_web::test]
async fn a_stopped_server_waits_for_no_idle_connection() {
    let server = start().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n").await.unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    server.stop().await;
    let mut rest = Vec::new();
    timeout(DEADLINE, idle.read_to_end(&mut rest)).await.expect("an end within 10 s").unwrap();
    assert!(rest.ends_with(br#"{"status":"alive"}"#));
}

/// Asks for what never ends, or is long, and reads up to here.
async fn begin(server: &Running, path: &str, until: &[u8]) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // What the kernel takes for a client that does not read is little.
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

/// Opens a stream of events and reads its first one.
async fn watch(server: &Running) -> TcpStream {
    let ready = b"event: ready\ndata: {\"revision\":0}\n\n\r\n";
    begin(server, "/api/fed/events", ready).await
}

#[actix_web::test]
async fn a_stream_of_events_holds_up_the_end_for_no_moment() {
    let server = start().await;
    let mut events = watch(&server).await;
    #[expect(clippy::disallowed_methods, reason = "a deadline for what happens outside")]
    let began = std::time::Instant::now();
    server.stop().await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    let mut rest = Vec::new();
    timeout(DEADLINE, events.read_to_end(&mut rest)).await.expect("an end within 10 s").unwrap();
    assert_eq!(rest, b"0\r\n\r\n", "it ended as it should, and did not break off");
}

#[cfg(target_os = "linux")]
async fn register_many(api: &Api, projects: usize) {
    let many = (0..projects).map(crate::lists::tests::registration).collect();
    api.service.catalog.register_all(many, federation_domain::Origin::Api).await.unwrap();
}

#[cfg(target_os = "linux")]
async fn is_cut(is_cut: impl AsyncFn() -> bool) {
    let until_cut = async {
        while !is_cut().await {
            actix_web::rt::task::yield_now().await;
        }
    };
    timeout(DEADLINE, until_cut).await.expect("the connection is cut within 10 s");
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn a_watcher_that_takes_nothing_is_cut_off() {
    let server = serve(Api::new().await, Duration::from_millis(500));
    let idle = watch(&server).await;
    register_many(&server.api, 5_000).await;
    let api = &server.api;
    is_cut(async || api.get("/metrics").await.body.contains("federation_watchers 0")).await;
    drop(idle);
    server.stop().await;
}

#[cfg(target_os = "linux")]
#[actix_web::test]
async fn a_reader_that_takes_nothing_of_a_long_list_is_cut_off() {
    use crate::lists::tests::{costly_drafts, short_lists};
    let mut api = Api::new().await;
    register_many(&api, 30_000).await;
    api.state.lists = std::sync::Arc::new(short_lists());
    let server = serve(api, Duration::from_millis(500));
    let idle = begin(&server, "/api/fed/projects?sort=slug", b"\r\n\r\n").await;
    let lists = &server.api.state.lists;
    assert_eq!(costly_drafts(lists), 1);
    is_cut(async || costly_drafts(lists) == 0).await;
    drop(idle);
    server.stop().await;
}
