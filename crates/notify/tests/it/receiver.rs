//! A receiver of HTTP requests on a socket.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver as Requests, Sender, channel};
use std::thread;
use std::time::Duration;

use url::Url;

/// A request as it arrived. Names of headers are in lower case.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

/// Answers every request in the same way.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    requests: Requests<Request>,
}

/// Treatment of a connection after the request.
#[derive(Debug, Clone)]
pub(crate) enum Answer {
    /// Writes these bytes.
    Bytes(Vec<u8>),
    /// Writes these bytes, and then one byte each 100 ms without end.
    Drips(Vec<u8>),
    /// Writes nothing and keeps the connection.
    Hangs,
    /// Closes the connection.
    Closes,
}

impl Answer {
    pub(crate) fn status(status: &str, headers: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n{headers}\r\n");
        Self::Bytes(format!("{head}{body}").into_bytes())
    }
}

impl Receiver {
    pub(crate) fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (answer, sender) = (answer.clone(), sender.clone());
                thread::spawn(move || serve(connection.unwrap(), &answer, &sender));
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://{}{path}", self.address)).unwrap()
    }

    /// Returns the next request.
    pub(crate) fn request(&self) -> Request {
        let waited = self.requests.recv_timeout(Duration::from_secs(10));
        waited.unwrap_or_else(|_| panic!("no request arrived within 10 s"))
    }

    pub(crate) fn got_nothing_more(&self) -> bool {
        self.requests.try_recv().is_err()
    }
}

fn serve(connection: TcpStream, answer: &Answer, sender: &Sender<Request>) {
    let mut reader = BufReader::new(connection);
    while let Some(request) = read(&mut reader) {
        if sender.send(request).is_err() {
            return;
        }
        let connection = reader.get_mut();
        match answer {
            Answer::Bytes(bytes) => connection.write_all(bytes).unwrap(),
            Answer::Drips(bytes) => {
                connection.write_all(bytes).unwrap();
                while connection.write_all(b"x").is_ok() {
                    thread::sleep(Duration::from_millis(100));
                }
            }
            Answer::Hangs => {
                let _ = connection.read(&mut [0]);
            }
            Answer::Closes => return,
        }
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut headers = BTreeMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request {
        line: line.trim_end().to_owned(),
        headers,
        body: String::from_utf8(body).unwrap(),
    })
}
