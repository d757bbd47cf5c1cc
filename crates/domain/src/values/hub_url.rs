use url::Url;

use super::text_value;
use crate::InvalidValue;

/// Where a project answers: an absolute http(s) URL with a host and without credentials, at most
/// 500 characters. Kept as given, not normalised.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubUrl(Box<str>);

impl HubUrl {
    /// The longest URL, in characters.
    pub const MAX_CHARS: usize = 500;

    /// Parses a hub URL.
    ///
    /// # Errors
    /// When it is too long, not absolute, not http(s), without a host, with credentials, or with
    /// white space or control characters (which a URL parser would drop silently).
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let fits = text.chars().nth(Self::MAX_CHARS).is_none();
        let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace());
        if fits && clean && is_spelled_out(text) && Url::parse(text).is_ok_and(|url| is_plain(&url))
        {
            return Ok(Self(text.into()));
        }
        // A refused URL may bear a password, and this text reaches logs: show it without.
        let shown = match text.rsplit_once('@') {
            Some((_, rest)) => format!("…@{rest}"),
            None => text.to_owned(),
        };
        Err(InvalidValue::new(
            "hub_url",
            &shown,
            "an absolute http or https URL of at most 500 characters, with a host and without \
             credentials or white space, is allowed",
        ))
    }
}

/// Whether it is written as it is meant: the WHATWG parser repairs `http:host`, `http:///host`,
/// backslashes, an empty user and an empty port, and other programs read those differently.
fn is_spelled_out(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && !authority.is_empty()
        && !authority.contains('@')
        && !authority.ends_with(':')
        && !rest.contains('\\')
}

fn is_plain(url: &Url) -> bool {
    url.host_str().is_some_and(|host| !host.is_empty())
        && url.username().is_empty()
        && url.password().is_none()
}

text_value!(HubUrl);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_urls_are_kept_as_given() {
        for good in ["http://localhost:8000", "https://hub.example.org/a?b#c", "http://[::1]:1/"] {
            assert_eq!(HubUrl::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn what_is_no_plain_http_url_is_refused() {
        for bad in [
            "",
            "/a",
            "localhost:8000",
            "javascript:alert(1)",
            "ftp://h",
            "http://",
            "http:h",
            "http://u:p@h",
            "http://u@h",
            "http://a b",
            "http://h\n",
            " http://h",
            "http://h:99999",
            "http:///x",
            "http://@h",
            "http://h\\@evil",
            "http://h:",
            "http://h:/x",
        ] {
            assert!(HubUrl::parse(bad).is_err(), "{bad:?}");
        }
        assert!(HubUrl::parse(&format!("http://h/{}", "x".repeat(492))).is_err());
    }

    #[test]
    fn an_error_shows_no_password() {
        let error = HubUrl::parse("http://user:secret@h").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
