//! Bodies of responses, in slices.
//!
//! The HTTP library copies each part of a body into the write buffer of the connection before it
//! sends it. A body in one part would thus be copied as a whole for each client, and a client that
//! reads slowly would hold its copy.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

/// Maximum size of a slice, and capacity of the write buffer of a connection. The buffer holds less
/// than two slices.
pub(crate) const SLICE_BYTES: usize = 32 * 1024;

/// Passes a body on in slices of at most [`SLICE_BYTES`].
pub(crate) struct SlicedBody {
    body: BoxBody,
    /// Rest of the current part.
    part: Bytes,
}

impl SlicedBody {
    pub(crate) fn new(body: BoxBody) -> Self {
        Self { body, part: Bytes::new() }
    }
}

impl MessageBody for SlicedBody {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        if self.part.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_next(cx)) {
                Some(Ok(part)) => self.part = part,
                end => return Poll::Ready(end),
            }
        }
        let next = self.part.len().min(SLICE_BYTES);
        Poll::Ready(Some(Ok(self.part.split_to(next))))
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        if matches!(self.size(), BodySize::Sized(bytes) if bytes > SLICE_BYTES as u64) {
            return Err(self);
        }
        let Self { body, part } = self;
        body.try_into_bytes().map_err(|body| Self { body, part })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use actix_web::body::BodyStream;
    use futures_util::stream;

    use super::*;

    /// Returns the slices of a body.
    async fn slices(body: impl MessageBody + 'static) -> Vec<Bytes> {
        let mut body = SlicedBody::new(BoxBody::new(body));
        let mut slices = Vec::new();
        while let Some(slice) = poll_fn(|cx| Pin::new(&mut body).poll_next(cx)).await {
            slices.push(slice.unwrap());
        }
        slices
    }

    #[actix_web::test]
    async fn a_long_body_is_sent_in_slices_of_the_same_buffer() {
        let body = Bytes::from(vec![7; 2 * SLICE_BYTES + 1]);
        let slices = slices(body.clone()).await;
        assert_eq!(
            slices.iter().map(Bytes::len).collect::<Vec<_>>(),
            [SLICE_BYTES, SLICE_BYTES, 1]
        );
        assert!(slices.concat() == body);
        assert_eq!(slices[1].as_ptr(), body[SLICE_BYTES..].as_ptr(), "the body was copied");
    }

    #[actix_web::test]
    async fn the_parts_of_a_stream_are_sliced_each() {
        let parts =
            [SLICE_BYTES + 2, 3].map(|bytes| Ok::<_, Box<dyn Error>>(vec![7; bytes].into()));
        let slices = slices(BodyStream::new(stream::iter(parts))).await;
        assert_eq!(slices.iter().map(Bytes::len).collect::<Vec<_>>(), [SLICE_BYTES, 2, 3]);
    }

    #[test]
    fn only_a_short_body_is_available_as_a_whole() {
        let whole = |bytes| SlicedBody::new(BoxBody::new(vec![7; bytes])).try_into_bytes();
        assert!(whole(SLICE_BYTES).is_ok());
        let long = whole(SLICE_BYTES + 1).err().unwrap();
        assert_eq!(long.size(), BodySize::Sized(SLICE_BYTES as u64 + 1));
    }
}
