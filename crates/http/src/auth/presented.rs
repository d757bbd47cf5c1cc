//! The key that a request bears.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};

use super::refusal::Refusal;

/// The header for a key alone.
const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// The key in `X-API-Key` or `Authorization: Bearer`. One key may stand in both, different ones may
/// not: nobody could tell by which the request is judged. Other schemes of `Authorization` belong to
/// proxies and are passed over.
///
/// # Errors
/// When there is none, an empty one, or different ones.
pub(super) fn presented(headers: &HeaderMap) -> Result<&str, Refusal> {
    let alone = headers.get_all(X_API_KEY).map(|value| value.as_bytes());
    let borne = headers.get_all(AUTHORIZATION).filter_map(|value| bearer(value.as_bytes()));
    let mut keys = alone.chain(borne).map(<[u8]>::trim_ascii).filter(|key| !key.is_empty());
    let first = keys.next().ok_or(Refusal::NoKey)?;
    if keys.any(|key| key != first) {
        return Err(Refusal::TwoKeys);
    }
    // What is no text is no key of ours.
    std::str::from_utf8(first).map_err(|_| Refusal::UnknownKey)
}

/// The token, where the scheme is that of RFC 6750; schemes are spelled in any case.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(headers: &[(&str, &[u8])]) -> Result<String, Refusal> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        presented(&map).map(str::to_owned)
    }

    #[test]
    fn a_key_is_taken_from_either_header() {
        for headers in [
            &[("X-API-Key", &b"k1"[..])][..],
            &[("Authorization", b"Bearer k1")],
            &[("authorization", b"bEARER   k1 ")],
            &[("x-api-key", b"k1"), ("authorization", b"Bearer k1")],
            &[("x-api-key", b"k1"), ("authorization", b"Basic dXNlcjpwdw==")],
            &[("x-api-key", b""), ("authorization", b"Bearer k1")],
        ] {
            assert_eq!(of(headers).unwrap(), "k1", "{headers:?}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        for headers in [
            &[][..],
            &[("X-API-Key", &b""[..])],
            &[("X-API-Key", b"  ")],
            &[("authorization", b"")],
            &[("authorization", b"Bearer")],
            &[("authorization", b"Bearer ")],
            &[("authorization", b"Basic k1")],
            &[("authorization", b"BearerX k1")],
            &[("authorization", b"k1")],
        ] {
            assert!(matches!(of(headers), Err(Refusal::NoKey)), "{headers:?}");
        }
    }

    #[test]
    fn of_different_keys_none_counts() {
        for headers in [
            &[("X-API-Key", &b"k1"[..]), ("Authorization", b"Bearer k2")][..],
            &[("X-API-Key", b"k1"), ("X-API-Key", b"k2")],
            &[("Authorization", b"Bearer k1"), ("Authorization", b"Bearer k2")],
        ] {
            assert!(matches!(of(headers), Err(Refusal::TwoKeys)), "{headers:?}");
        }
        let bytes = of(&[("X-API-Key", b"\xff\xfe")]);
        assert!(matches!(bytes, Err(Refusal::UnknownKey)));
    }
}
