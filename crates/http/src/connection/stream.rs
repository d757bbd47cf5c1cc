//! The byte stream of a connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

use super::http10::Completion;
use super::{Connection, Interim, refusal};

/// Response that asks the client for the body.
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// Time for which the rest of a refused request is read and discarded. Closing a socket with unread
/// bytes would reset the connection, and the client might lose the answer.
const LINGER: Duration = Duration::from_secs(1);

/// Wraps the socket of a client; see the [module](super).
pub(crate) struct ClientStream<S> {
    socket: S,
    connection: Connection,
    completion: Completion,
    /// Bytes for the library.
    incoming: Vec<u8>,
    /// Bytes for the client.
    outgoing: Vec<u8>,
    closing: Option<Closing>,
    /// Set when the connection ends although the client may still send a body.
    deadline: Option<Pin<Box<Sleep>>>,
}

/// The last response is being sent.
struct Closing {
    /// Number of bytes of the library that the response replaces.
    replaced_bytes: usize,
    deadline: Pin<Box<Sleep>>,
    is_shut: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> ClientStream<S> {
    pub(crate) fn new(socket: S) -> Self {
        Self {
            socket,
            connection: Connection::default(),
            completion: Completion::default(),
            incoming: Vec::new(),
            outgoing: Vec::new(),
            closing: None,
            deadline: None,
        }
    }

    /// Returns the handle for the handlers of this connection's requests.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Returns whether the rest of an unwanted body has had its time. Wakes the task when it has.
    fn is_over(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.connection.0.ends.get() {
            return false;
        }
        let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(LINGER)));
        deadline.as_mut().poll(cx).is_ready()
    }

    /// Reads from the socket and notices its end.
    fn read(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.is_over(cx) {
            return Poll::Ready(Ok(()));
        }
        let (before, room) = (out.filled().len(), out.remaining());
        let outcome = ready!(Pin::new(&mut self.socket).poll_read(cx, out));
        if outcome.is_err() || (out.filled().len() == before && room > 0) {
            self.connection.0.closed.cancel();
        }
        Poll::Ready(outcome)
    }

    /// Sends the outgoing bytes.
    fn send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            let sent = ready!(Pin::new(&mut self.socket).poll_write(cx, &self.outgoing))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.outgoing.drain(..sent);
        }
        Poll::Ready(Ok(()))
    }

    /// Returns the bytes to send instead of the library's, or `None` to send the library's
    /// unchanged.
    fn replacement(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let interim = &self.connection.0.interim;
        match interim.get() {
            Interim::None => {}
            Interim::Owed | Interim::Overdue => interim.set(Interim::None),
            Interim::Held | Interim::Due => {
                let at = bytes.windows(CONTINUE.len()).position(|window| window == CONTINUE)?;
                let is_last = at + CONTINUE.len() == bytes.len();
                let is_due = interim.get() == Interim::Due;
                interim.set(if is_due || !is_last { Interim::None } else { Interim::Owed });
                if !is_due {
                    return Some([&bytes[..at], &bytes[at + CONTINUE.len()..]].concat());
                }
            }
        }
        let refused = refusal::completed(bytes)?;
        let deadline = Box::pin(sleep(LINGER));
        self.closing = Some(Closing { replaced_bytes: bytes.len(), deadline, is_shut: false });
        Some(refused)
    }

    /// Sends the last response, ends the stream, and discards what the client still sends.
    fn close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.send(cx))?;
        let Self { socket, closing: Some(closing), .. } = self else { return Poll::Ready(Ok(())) };
        if !closing.is_shut {
            ready!(Pin::new(&mut *socket).poll_shutdown(cx))?;
            closing.is_shut = true;
        }
        let mut discarded = [0; 4096];
        while closing.deadline.as_mut().poll(cx).is_pending() {
            let mut out = ReadBuf::new(&mut discarded);
            ready!(Pin::new(&mut *socket).poll_read(cx, &mut out))?;
            if out.filled().is_empty() {
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ClientStream<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        loop {
            if !this.incoming.is_empty() {
                let now = this.incoming.len().min(out.remaining());
                out.put_slice(&this.incoming[..now]);
                this.incoming.drain(..now);
                return Poll::Ready(Ok(()));
            }
            if this.completion.is_passing() || out.remaining() == 0 {
                return this.read(cx, out);
            }
            let before = out.filled().len();
            ready!(this.read(cx, out))?;
            let given = &out.filled()[before..];
            if given.is_empty() {
                this.completion.finish(&mut this.incoming);
                if this.incoming.is_empty() {
                    return Poll::Ready(Ok(()));
                }
            } else {
                this.completion.push(given, &mut this.incoming);
                out.set_filled(before);
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ClientStream<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.closing.is_none() {
            ready!(this.send(cx))?;
            let Some(replacement) = this.replacement(bytes) else {
                return Pin::new(&mut this.socket).poll_write(cx, bytes);
            };
            this.outgoing = replacement;
            if this.closing.is_none() {
                // Bytes that cannot be sent now are sent by the flush that follows each write.
                let _ = this.send(cx)?;
                return Poll::Ready(Ok(bytes.len()));
            }
        }
        // The library drops the connection when this write is complete.
        ready!(this.close(cx))?;
        let replaced_bytes = this.closing.take().map(|closing| closing.replaced_bytes);
        Poll::Ready(Ok(replaced_bytes.unwrap_or(bytes.len())))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.connection.0.interim.get() == Interim::Overdue {
            this.connection.0.interim.set(Interim::None);
            this.outgoing.extend_from_slice(CONTINUE);
        }
        // A response was written. The library may not read again before it is woken.
        this.is_over(cx);
        ready!(this.send(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.send(cx))?;
        match ready!(Pin::new(&mut this.socket).poll_shutdown(cx)) {
            // The client has already closed the connection.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Poll::Ready(Ok(())),
            outcome => Poll::Ready(outcome),
        }
    }
}
