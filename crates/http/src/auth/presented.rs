//! Extracts the API key from a request.

use actix_web::http::header::{AUTHORIZATION, HeaderMap, HeaderName};

use super::error::AuthError;

const X_API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Returns the key in `X-API-Key` or `Authorization: Bearer`.
///
/// Both headers may contain the same key. Different keys are an error, because it would be unclear
/// which one decides. Other schemes of `Authorization` are meant for proxies and are ignored.
///
/// # Errors
/// Fails if there is no key, or if there are different keys.
pub(super) fn presented(headers: &HeaderMap) -> Result<&str, AuthError> {
    let own = headers.get_all(X_API_KEY).map(|value| value.as_bytes());
    let bearer = headers.get_all(AUTHORIZATION).filter_map(|value| bearer(value.as_bytes()));
    let mut keys = own.chain(bearer).map(<[u8]>::trim_ascii).filter(|key| !key.is_empty());
    let first = keys.next().ok_or(AuthError::NoKey)?;
    if keys.any(|key| key != first) {
        return Err(AuthError::TwoKeys);
    }
    // All keys of the service are UTF-8.
    std::str::from_utf8(first).map_err(|_| AuthError::UnknownKey)
}

/// Returns the token if the scheme is `Bearer` (RFC 6750), which is case-insensitive.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then_some(token)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn of(headers: &[(&str, &[u8])]) -> Result<String, AuthError> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            map.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        presented(&map).map(str::to_owned)
    }

    #[test]
    fn a_key_is_accepted_in_either_header() {
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
    fn a_request_without_a_key_is_recognized() {
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
            assert!(matches!(of(headers), Err(AuthError::NoKey)), "{headers:?}");
        }
    }

    #[test]
    fn different_keys_in_one_request_are_rejected() {
        for headers in [
            &[("X-API-Key", &b"k1"[..]), ("Authorization", b"Bearer k2")][..],
            &[("X-API-Key", b"k1"), ("X-API-Key", b"k2")],
            &[("Authorization", b"Bearer k1"), ("Authorization", b"Bearer k2")],
        ] {
            assert!(matches!(of(headers), Err(AuthError::TwoKeys)), "{headers:?}");
        }
        let bytes = of(&[("X-API-Key", b"\xff\xfe")]);
        assert!(matches!(bytes, Err(AuthError::UnknownKey)));
    }
}
