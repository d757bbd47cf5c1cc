//! Tests, over raw sockets, of requests that the HTTP library would answer by itself.

use super::*;

const HEARTBEAT: &str = "/api/fed/projects/a/heartbeat";

fn head(lines: &str) -> Vec<u8> {
    format!("{lines}\n\n").replace('\n', "\r\n").into_bytes()
}

/// Checks that a response is a problem document with a request id.
#[track_caller]
fn assert_problem(answer: &str, status: u16) {
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let head = head.to_ascii_lowercase();
    for header in ["content-type: application/problem+json", "x-request-id: ", "connection: close"]
    {
        assert!(head.contains(header), "{answer}");
    }
    let problem: serde_json::Value = serde_json::from_str(body).expect("a JSON body");
    assert_eq!(problem["status"], status, "{answer}");
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 20), "{answer}");
}

#[actix_web::test]
async fn a_heartbeat_through_a_proxy_with_http_1_0_is_accepted() {
    let server = start().await;
    server.api.register("a").await;
    // As nginx forwards it with a plain `proxy_pass`.
    let request = head(&format!(
        "POST {HEARTBEAT} HTTP/1.0\nHost: 127.0.0.1:8001\nConnection: close\nUser-Agent: curl/8.14\n\
         Accept: */*"
    ));
    let answer = server.exchange(&request).await;
    assert!(answer.starts_with("HTTP/1.0 204 No Content\r\n"), "{answer}");
    let keep = head(&format!("POST {HEARTBEAT} HTTP/1.0\nConnection: keep-alive"));
    let answer = server.exchange(&[keep.as_slice(), &request].concat()).await;
    assert_eq!(answer.matches("HTTP/1.0 204 No Content").count(), 2, "{answer}");
    let body = "{\"status\":\"degraded\"}";
    let with_body = format!("POST {HEARTBEAT} HTTP/1.0\nContent-Length: {}", body.len());
    let answer = server.exchange(&[&head(&with_body), body.as_bytes()].concat()).await;
    assert!(answer.starts_with("HTTP/1.0 204 "), "{answer}");
    assert!(server.api.get("/api/fed/projects/a").await.body.contains(r#""status":"degraded""#));
    server.stop().await;
}

#[actix_web::test]
async fn a_malformed_request_is_answered_with_a_problem() {
    let server = start().await;
    for bad in [
        "x",
        "GET /livez HTTP/9.9\nHost: h",
        "GET /livez HTTP/1.1",
        "GET /livez HTTP/1.1\nHost: h\nHost: h",
        "GET /livez HTTP/1.1\nHost: h\nbad header: x",
        "GET livez HTTP/1.1\nHost: h\n bad",
        "POST /api/fed/projects HTTP/1.1\nHost: h\nContent-Length: x",
        "POST /api/fed/projects HTTP/1.1\nHost: h\nContent-Length: 1\nContent-Length: 1",
        "POST /api/fed/projects HTTP/1.1\nHost: h\nContent-Length: 1\nTransfer-Encoding: chunked",
        "POST /api/fed/projects HTTP/1.1\nHost: h\nTransfer-Encoding: gzip",
        "POST /api/fed/projects HTTP/1.0\nTransfer-Encoding: chunked",
    ] {
        assert_problem(&server.exchange(&head(bad)).await, 400);
    }
    server.stop().await;
}

#[actix_web::test]
async fn an_oversized_head_is_answered_with_a_problem() {
    let server = start().await;
    let long = format!("GET /livez HTTP/1.1\nHost: h\na: {}", "x".repeat(300 * 1024));
    assert_problem(&server.exchange(&head(&long)).await, 431);
    let lines: Vec<String> = (0..200).map(|number| format!("a{number}: b")).collect();
    let many = format!("GET /livez HTTP/1.1\nHost: h\n{}", lines.join("\n"));
    assert_problem(&server.exchange(&head(&many)).await, 431);
    server.stop().await;
}

#[actix_web::test]
async fn a_slow_head_is_answered_with_a_problem() {
    let server = serve_with(Api::new().await, |server| {
        server.request_timeout = Duration::from_millis(100);
    });
    for part in ["", "GET /livez HT", "GET /livez HTTP/1.1\r\nHost: h\r\n"] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(part.as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(DEADLINE, stream.read_to_string(&mut answer)).await;
        read.expect("a response within 10 s").unwrap();
        assert_problem(&answer, 408);
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_slow_body_is_answered_with_a_problem_and_the_connection_ends() {
    let server = start().await;
    let lengths = ["Content-Length: 50", "Transfer-Encoding: chunked"];
    let bodies = ["{", "1\r\n{\r\n"];
    let answers = lengths.iter().zip(bodies).map(|(length, body)| {
        let start = head(&format!("POST /api/fed/projects HTTP/1.1\nHost: h\n{length}"));
        let address = server.address;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(&[&start, body.as_bytes()].concat()).await.unwrap();
            let mut answer = String::new();
            // The body has 10 s, and the connection ends within the next two.
            let read = timeout(DEADLINE * 2, stream.read_to_string(&mut answer)).await;
            read.expect("the end of the connection within 20 s").unwrap();
            answer
        }
    });
    for answer in futures_util::future::join_all(answers).await {
        assert_problem(&answer, 408);
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_refused_request_does_not_hold_its_connection_by_an_endless_body() {
    let server = start().await;
    for path in ["/api/fed/nope", "/health", "/api/fed/projects/nope/heartbeat?"] {
        let mut request =
            head(&format!("PUT {path} HTTP/1.1\nHost: h\nTransfer-Encoding: chunked"));
        request.extend_from_slice(b"1\r\n{\r\n");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&request).await.unwrap();
        let mut answer = String::new();
        let read = timeout(DEADLINE, stream.read_to_string(&mut answer)).await;
        read.expect("the end of the connection within 10 s").unwrap();
        let status = if path.contains("fed/nope") { 404 } else { 405 };
        assert_problem(&answer, status);
    }
    server.stop().await;
}

#[actix_web::test]
async fn a_malformed_request_on_a_used_connection_is_answered_with_a_problem() {
    let server = start().await;
    let both = [head("GET /livez HTTP/1.1\nHost: h"), head("GET /livez HTTP/1.1")].concat();
    let answer = server.exchange(&both).await;
    let (first, second) = answer.split_once(r#"{"status":"alive"}"#).unwrap();
    assert!(first.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert_problem(second, 400);
    server.stop().await;
}

/// Waits until no client watches or waits, as the metrics report it.
async fn wait_until_unwatched(server: &Running) {
    let until_unwatched = async {
        while !server.api.get("/metrics").await.body.contains("federation_watchers 0") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(5), until_unwatched).await.expect("the place is free within 5 s");
}

#[actix_web::test]
async fn a_closed_connection_frees_the_place_of_its_long_poll_or_stream() {
    let server = start().await;
    let position = server.api.get("/api/fed/projects").await;
    let position = position.header("x-federation-index").unwrap().to_owned();
    for path in [
        &format!("/api/fed/projects?index={position}&wait=10m"),
        &format!("/api/fed/projects/a?index={position}"),
        "/api/fed/events",
    ] {
        for is_half in [true, false] {
            let mut stream = TcpStream::connect(server.address).await.unwrap();
            stream.write_all(&head(&format!("GET {path} HTTP/1.1\nHost: h"))).await.unwrap();
            let until_watched = async {
                while !server.api.get("/metrics").await.body.contains("federation_watchers 1") {
                    actix_web::rt::task::yield_now().await;
                }
            };
            timeout(DEADLINE, until_watched).await.expect("the request waits");
            if is_half {
                stream.shutdown().await.unwrap();
                wait_until_unwatched(&server).await;
                let mut answer = String::new();
                timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
                let is_found = answer.starts_with("HTTP/1.1 200 ");
                assert!(is_found || answer.starts_with("HTTP/1.1 404 "), "{answer}");
            } else {
                drop(stream);
                wait_until_unwatched(&server).await;
            }
        }
    }
    server.stop().await;
}

/// Sends the head of a request and returns what arrives before the body is sent.
async fn before_the_body(server: &Running, lines: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&head(lines)).await.unwrap();
    let mut answer = Vec::new();
    let until_head = async {
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.unwrap());
        }
    };
    timeout(DEADLINE, until_head).await.expect("a response within 10 s");
    (stream, String::from_utf8(answer).unwrap())
}

#[actix_web::test]
async fn a_client_is_asked_for_its_body_only_if_the_body_is_read() {
    let key = crate::auth::Key {
        id: "a1".to_owned(),
        digest: crate::auth::KeyDigest::of("alpha-key"),
        scopes: [crate::auth::Scope::Admin].into_iter().collect(),
        slugs: None,
        actions: None,
        expires: None,
        revoked: false,
    };
    let server = serve(Api::guarded(vec![key], Closed::default()).await, STALL_TIMEOUT);
    let request = |path: &str, key: &str, bytes: usize| {
        format!(
            "POST {path} HTTP/1.1\nHost: h\nX-API-Key: {key}\nContent-Length: {bytes}\n\
             Connection: close\nExpect: 100-continue"
        )
    };
    let (path, bytes) = ("/api/fed/projects", REGISTRATION.len());
    for (lines, status) in [
        (request(path, "wrong-key", bytes), "HTTP/1.1 401 "),
        (request(path, "alpha-key", 65_537), "HTTP/1.1 413 "),
        (request("/nowhere", "alpha-key", bytes), "HTTP/1.1 404 "),
        (request("/api/fed/events", "alpha-key", bytes), "HTTP/1.1 405 "),
    ] {
        let (_, answer) = before_the_body(&server, &lines).await;
        assert!(answer.starts_with(status), "{answer}");
    }
    let (mut stream, answer) = before_the_body(&server, &request(path, "alpha-key", bytes)).await;
    assert_eq!(answer, "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(REGISTRATION.as_bytes()).await.unwrap();
    let mut rest = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut rest)).await.expect("a response").unwrap();
    assert!(rest.starts_with("HTTP/1.1 201 Created\r\n"), "{rest}");
    server.stop().await;
}
