//! Connections: what happens to the bytes between the socket and the HTTP library.
//!
//! The library answers malformed requests by itself, before any handler or middleware, and decides
//! when to send `100 Continue`. [`ClientStream`](stream::ClientStream) wraps the socket and corrects
//! both. It also accepts a `POST` over HTTP/1.0 without `Content-Length`, which is how nginx
//! forwards a request without a body by default, and notices when a client closes its half of the
//! connection.

mod http10;
mod refusal;
pub(crate) mod stream;

use std::cell::Cell;
use std::rc::Rc;

use actix_web::HttpRequest;
use tokio_util::sync::CancellationToken;

/// The connection of a request, as its handler sees it.
#[derive(Clone, Default)]
pub(crate) struct Connection(Rc<State>);

#[derive(Default)]
struct State {
    closed: CancellationToken,
    interim: Cell<Interim>,
    /// The current request has a chunked body that was not read to its end.
    has_unread_chunks: Cell<bool>,
    /// The connection ends soon, because the rest of a chunked body is not wanted.
    ends: Cell<bool>,
}

/// Progress of `100 Continue` for the current request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Interim {
    /// The client did not ask for it, or it was sent or became obsolete.
    #[default]
    None,
    /// The client asked for it, and the handler does not read the body yet.
    Held,
    /// Not sent either, but the HTTP library assumes that it was.
    Owed,
    /// The handler reads the body.
    Due,
    /// Like `Due`, and the library believes that it was sent.
    Overdue,
}

impl Connection {
    /// Returns the connection of a request. Requests of unit tests have one that never closes.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        request.conn_data::<Self>().cloned().unwrap_or_default()
    }

    /// Waits until the client has closed the connection or its half of it.
    pub(crate) async fn closed(&self) {
        self.0.closed.cancelled().await;
    }

    /// Records that the client asked for `100 Continue` before it sends the body.
    pub(crate) fn holds_continue(&self) {
        self.0.interim.set(Interim::Held);
    }

    /// Records the start of a request.
    pub(crate) fn begins_request(&self, is_chunked: bool) {
        self.0.has_unread_chunks.set(is_chunked);
    }

    /// Records that the body of the request was read to its end.
    pub(crate) fn has_read_body(&self) {
        self.0.has_unread_chunks.set(false);
    }

    /// Ends the connection soon if the request that was refused has a chunked body that was not
    /// read to its end. Returns whether it does. The library would wait for the end of the body
    /// without a deadline.
    pub(crate) fn ends_after_refusal(&self) -> bool {
        let ends = self.0.has_unread_chunks.get();
        self.0.ends.set(ends);
        ends
    }

    /// Permits `100 Continue`, because the handler is about to read the body.
    pub(crate) fn reads_body(&self) {
        self.0.interim.set(match self.0.interim.get() {
            Interim::Held => Interim::Due,
            Interim::Owed => Interim::Overdue,
            other => other,
        });
    }
}
