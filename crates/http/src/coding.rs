//! Content codings: negotiation and compression.
//!
//! The compression middleware of actix is not used: it compresses again for each request, and does
//! not give each coding an entity tag of its own.

use std::io::{self, Write as _};

use actix_web::HttpMessage as _;
use actix_web::HttpRequest;
use actix_web::http::header::{AcceptEncoding, ContentEncoding, Encoding, Preference, Quality};
use actix_web::web::{self, Bytes};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::{Stream, TryStreamExt as _, future, stream};

use crate::error::ApiError;

/// Minimum size of a body to be compressed. Shorter ones fit into one packet anyway.
const MIN_CODED_BYTES: usize = 1024;

// On lists of projects, fast levels compress almost as well as slow ones.
const GZIP_LEVEL: u32 = 3;
const ZSTD_LEVEL: i32 = 3;

/// A content coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Coding {
    Identity,
    Gzip,
    Zstd,
}

impl Coding {
    /// All codings, in ascending order of preference.
    pub(crate) const ALL: [Self; 3] = [Self::Identity, Self::Gzip, Self::Zstd];

    /// Returns the value of `Content-Encoding`, or `None` for `Identity`.
    pub(crate) fn name(self) -> Option<&'static str> {
        match self {
            Self::Identity => None,
            Self::Gzip => Some("gzip"),
            Self::Zstd => Some("zstd"),
        }
    }

    /// Chooses the best coding that the client accepts for a body of this length. A length of
    /// `None` counts as long. Without `Accept-Encoding`, the body is not compressed.
    ///
    /// # Errors
    /// [`ApiError::NotAcceptable`] if the client accepts no coding.
    pub(crate) fn choose(request: &HttpRequest, bytes: Option<usize>) -> Result<Self, ApiError> {
        let Some(accepted) = request.get_header::<AcceptEncoding>() else {
            return Ok(Self::Identity);
        };
        let weighed =
            Self::ALL.into_iter().filter_map(|coding| Some((coding.weight(&accepted)?, coding)));
        let is_short = bytes.is_some_and(|bytes| bytes < MIN_CODED_BYTES);
        if is_short && Self::Identity.weight(&accepted).is_some() {
            return Ok(Self::Identity);
        }
        // Among equal weights, `max_by_key` returns the last.
        let best = weighed.max_by_key(|(weight, _)| *weight);
        best.map(|(_, coding)| coding).ok_or(ApiError::NotAcceptable)
    }

    /// Returns the weight given by the client (RFC 9110, section 12.5.3), or `None` if it does not
    /// accept the coding.
    fn weight(self, accepted: &AcceptEncoding) -> Option<Quality> {
        let known = match self {
            Self::Identity => ContentEncoding::Identity,
            Self::Gzip => ContentEncoding::Gzip,
            Self::Zstd => ContentEncoding::Zstd,
        };
        let named = |wanted: Preference<Encoding>| {
            accepted.0.iter().find(|one| one.item == wanted).map(|one| one.quality)
        };
        let given =
            named(Preference::Specific(Encoding::Known(known))).or_else(|| named(Preference::Any));
        match given {
            Some(weight) => Some(weight).filter(|weight| *weight > Quality::ZERO),
            // Identity is accepted unless excluded, with the lowest preference.
            None => (self == Self::Identity).then_some(Quality::ZERO),
        }
    }

    /// Returns `true` if the client accepts the coding.
    pub(crate) fn is_accepted(self, request: &HttpRequest) -> bool {
        let accepted = request.get_header::<AcceptEncoding>();
        accepted.map_or(self == Self::Identity, |accepted| self.weight(&accepted).is_some())
    }

    /// Returns the approximate memory of an encoder of a streamed body.
    pub(crate) fn encoder_bytes(self) -> usize {
        match self {
            Self::Identity => 0,
            Self::Gzip => 512 * 1024,
            Self::Zstd => 4 * 1024 * 1024,
        }
    }

    /// Encodes a whole body. Too slow for a worker thread.
    pub(crate) fn encode(self, body: &Bytes) -> io::Result<Bytes> {
        let mut encoder = match Encoder::new(self)? {
            Some(encoder) => encoder,
            None => return Ok(body.clone()),
        };
        let mut coded = encoder.push(body)?;
        coded.extend(encoder.finish()?);
        Ok(coded.into())
    }

    /// Encodes a body that is streamed in parts.
    pub(crate) fn encode_parts(
        self,
        parts: impl Stream<Item = Result<Bytes, ApiError>> + 'static,
    ) -> Result<impl Stream<Item = Result<Bytes, ApiError>>, ApiError> {
        let encoder = Encoder::new(self).map_err(ApiError::internal)?;
        let Some(encoder) = encoder else { return Ok(future::Either::Left(parts)) };
        let begin = Some((Box::pin(parts), encoder));
        let coded = stream::try_unfold(begin, async |left| {
            let Some((mut parts, mut encoder)) = left else { return Ok(None) };
            let part = parts.try_next().await?;
            let coding = web::block(move || match part {
                Some(part) => Ok::<_, io::Error>((encoder.push(&part)?, Some(encoder))),
                None => Ok((encoder.finish()?, None)),
            });
            let (coded, encoder) =
                coding.await.map_err(ApiError::internal)?.map_err(ApiError::internal)?;
            Ok(Some((Bytes::from(coded), encoder.map(|encoder| (parts, encoder)))))
        });
        // An empty chunk would end a chunked body.
        Ok(future::Either::Right(coded.try_filter(|part| future::ready(!part.is_empty()))))
    }
}

/// An incremental encoder.
enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(zstd::Encoder<'static, Vec<u8>>),
}

impl Encoder {
    /// Returns `None` for `Identity`.
    fn new(coding: Coding) -> io::Result<Option<Self>> {
        Ok(match coding {
            Coding::Identity => None,
            Coding::Gzip => {
                Some(Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))))
            }
            Coding::Zstd => Some(Self::Zstd(zstd::Encoder::new(Vec::new(), ZSTD_LEVEL)?)),
        })
    }

    /// Encodes a part and returns the output that is available.
    fn push(&mut self, part: &[u8]) -> io::Result<Vec<u8>> {
        Ok(std::mem::take(match self {
            Self::Gzip(encoder) => {
                encoder.write_all(part)?;
                encoder.get_mut()
            }
            Self::Zstd(encoder) => {
                encoder.write_all(part)?;
                encoder.get_mut()
            }
        }))
    }

    /// Returns the remaining output.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::io::Read as _;

    use actix_web::http::header::ACCEPT_ENCODING;
    use actix_web::test::TestRequest;
    use flate2::read::GzDecoder;
    use futures_util::StreamExt as _;

    use super::*;

    /// Decodes a body with this `Content-Encoding`.
    pub(crate) fn decode(coding: Option<&str>, body: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        match coding {
            None => plain.extend(body),
            Some("gzip") => drop(GzDecoder::new(body).read_to_end(&mut plain).unwrap()),
            Some("zstd") => plain = zstd::decode_all(body).unwrap(),
            Some(other) => panic!("unexpected coding {other}"),
        }
        plain
    }

    fn choose(accepted: &str, bytes: usize) -> Result<Coding, ApiError> {
        let request = TestRequest::get().insert_header((ACCEPT_ENCODING, accepted));
        Coding::choose(&request.to_http_request(), Some(bytes))
    }

    #[test]
    fn the_client_chooses_and_zstd_wins_among_equal_weights() {
        use Coding::{Gzip, Identity, Zstd};
        let request = TestRequest::get().to_http_request();
        assert_eq!(Coding::choose(&request, None).unwrap(), Identity);
        for (accepted, chosen) in [
            ("", Identity),
            ("gzip", Gzip),
            ("GZIP", Gzip),
            ("zstd", Zstd),
            ("gzip, deflate, br, zstd", Zstd),
            ("gzip, zstd;q=0.9", Gzip),
            ("gzip;q=0.001", Gzip),
            ("gzip;q=0.5, identity", Identity),
            ("gzip, identity", Gzip),
            ("gzip;q=0", Identity),
            ("br, deflate", Identity),
            ("*", Zstd),
            ("*;q=0.5, gzip", Gzip),
            ("zstd;q=0, *", Gzip),
            ("identity;q=0, *", Zstd),
            ("*;q=0, gzip;q=0.1", Gzip),
            ("*;q=0, identity;q=0.1", Identity),
            ("nonsense;q=x", Identity),
        ] {
            assert_eq!(choose(accepted, 4096).unwrap(), chosen, "{accepted:?}");
        }
    }

    #[test]
    fn a_short_body_is_compressed_only_if_identity_is_excluded() {
        assert_eq!(choose("gzip", 1023).unwrap(), Coding::Identity);
        assert_eq!(choose("gzip", 1024).unwrap(), Coding::Gzip);
        assert_eq!(choose("gzip, identity;q=0", 2).unwrap(), Coding::Gzip);
    }

    #[test]
    fn a_client_that_accepts_no_coding_gets_an_error() {
        for accepted in ["identity;q=0", "*;q=0", "br, *;q=0", "zstd;q=0, gzip;q=0, identity;q=0"] {
            for bytes in [2, 4096] {
                assert!(
                    matches!(choose(accepted, bytes), Err(ApiError::NotAcceptable)),
                    "{accepted}"
                );
            }
        }
    }

    #[actix_web::test]
    async fn encoding_round_trips_as_a_whole_and_in_parts() {
        let body = Bytes::from(r#"{"slug":"commandcenter","status":"online"},"#.repeat(50_000));
        for coding in Coding::ALL {
            let coded = coding.encode(&body).unwrap();
            assert!(decode(coding.name(), &coded) == body, "{coding:?}");
            assert!(coding == Coding::Identity || coded.len() < body.len() / 10, "{coding:?}");
            let parts: Vec<_> =
                body.chunks(70_000).map(|part| Ok(Bytes::copy_from_slice(part))).collect();
            let sent: Vec<_> = coding.encode_parts(stream::iter(parts)).unwrap().collect().await;
            let sent: Vec<Bytes> = sent.into_iter().map(Result::unwrap).collect();
            assert!(sent.iter().all(|part| !part.is_empty()), "{coding:?}");
            assert!(decode(coding.name(), &sent.concat()) == body, "{coding:?}");
        }
    }

    #[actix_web::test]
    async fn a_failed_body_is_not_terminated() {
        let parts = || stream::iter([Ok(Bytes::from_static(b"[")), Err(ApiError::NotLoaded)]);
        for coding in Coding::ALL {
            let sent: Vec<_> = coding.encode_parts(parts()).unwrap().collect().await;
            assert!(matches!(sent.last(), Some(Err(ApiError::NotLoaded))), "{coding:?}");
        }
    }
}
