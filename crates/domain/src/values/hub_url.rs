use url::{Host, ParseError, Url};

use super::text_value;
use crate::InvalidValue;

const ALLOWED: &str = "an absolute http or https URL of at most 500 characters, with a host and \
                       without credentials or white space";
const ALLOWED_HOST: &str = "as host an IP address or a name of labels with dots \
                            between, each of 1 to 63 letters and digits, with hyphens and \
                            underscores only inside";
const ALLOWED_PORT: &str = "a port from 1 to 65535";

/// Where a project answers: an absolute http(s) URL with a host and without credentials, at most
/// 500 characters. Kept as given, not normalised.
///
/// Its host is an IP address or a name. A name is made of labels as DNS has them (RFC 1123), but
/// for underscores, which the names of containers have, and for letters beyond ASCII, which stand
/// for what IDNA makes of them. A dot at its end is fine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubUrl(Box<str>);

impl HubUrl {
    /// The longest URL, in characters.
    pub const MAX_CHARS: usize = 500;

    /// Parses a hub URL.
    ///
    /// # Errors
    /// When it is too long, not absolute, not http(s), with credentials, or with white space or
    /// control characters (which a URL parser would drop silently); when it has no host, or one
    /// that cannot be, or port 0.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let Err(allowed) = check(text) else { return Ok(Self(text.into())) };
        // A refused URL may bear a password, and this text reaches logs: show it without.
        let shown = match text.rsplit_once('@') {
            Some((_, rest)) => format!("…@{rest}"),
            None => text.to_owned(),
        };
        Err(InvalidValue::new("hub_url", &shown, allowed))
    }
}

/// Says what is allowed where the text is not.
fn check(text: &str) -> Result<(), &'static str> {
    let fits = text.chars().nth(HubUrl::MAX_CHARS).is_none();
    let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    let authority = spelled_out(text).filter(|_| fits && clean).ok_or(ALLOWED)?;
    // The parser would resolve escapes such as %68, other programs would not.
    if authority.contains('%') {
        return Err(ALLOWED_HOST);
    }
    let url = Url::parse(text).map_err(|error| match error {
        ParseError::InvalidPort => ALLOWED_PORT,
        ParseError::EmptyHost
        | ParseError::IdnaError
        | ParseError::InvalidDomainCharacter
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address => ALLOWED_HOST,
        _ => ALLOWED,
    })?;
    match url.host() {
        None => Err(ALLOWED),
        Some(Host::Domain(name)) if !is_name(name) => Err(ALLOWED_HOST),
        Some(_) if url.port() == Some(0) => Err(ALLOWED_PORT),
        Some(_) => Ok(()),
    }
}

/// Host and port, if the URL is written as it is meant: the WHATWG parser repairs `http:host`,
/// `http:///host`, backslashes, an empty user and an empty port, and other programs read those
/// differently.
fn spelled_out(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let meant = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && !authority.is_empty()
        && !authority.contains('@')
        && !authority.ends_with(':')
        && !rest.contains('\\');
    meant.then_some(authority)
}

/// Whether a name, as IDNA maps it, can be one of a host. The lengths are those of DNS (RFC 1035,
/// 2.3.4), in which the dots count.
fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    name.len() <= 253 && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = label.as_bytes();
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|&byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        && ends(bytes.first())
        && ends(bytes.last())
}

text_value!(HubUrl);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn refusal(text: &str) -> String {
        HubUrl::parse(text).expect_err(text).allowed
    }

    #[test]
    fn http_urls_are_kept_as_given() {
        for good in ["http://localhost:8000", "https://hub.example.org/a?b#c", "http://[::1]:1/"] {
            assert_eq!(HubUrl::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn hosts_that_can_be_are_allowed() {
        let longest = "a".repeat(63);
        for good in [
            "localhost",
            "localhost.",
            "H",
            "127.0.0.1",
            "[::1]",
            "[fe80::1]",
            "my_service",
            "project_my-service_1",
            "a--b.c__d",
            "3com.example",
            "müller.de",
            "MÜLLER.de.",
            "xn--mller-kva.de",
            "例え.テスト",
            &longest,
            &format!("{longest}.{longest}.{longest}.{}.", "a".repeat(61)),
        ] {
            for rest in ["", ":1", ":65535/", "/..?a=%68&b=@:0#-"] {
                let url = format!("https://{good}{rest}");
                assert!(HubUrl::parse(&url).is_ok(), "{url}");
            }
        }
    }

    #[test]
    fn hosts_that_cannot_be_are_refused_and_it_is_said_which_can() {
        let long = "a".repeat(63);
        for bad in [
            ".",
            "..",
            "a..b",
            ".a",
            "a..",
            "-",
            "-a",
            "a-",
            "a.-b",
            "_",
            "_a",
            "a_.b",
            "%68",
            "a%2Eb",
            "a*b",
            "{host}",
            "$HOST",
            "a,b",
            "~",
            "xn--a",
            "1.2.3.256",
            "[::g]",
            "[::1",
            "::1",
            &format!("{long}a"),
            &format!("{long}.{long}.{long}.{}", "a".repeat(62)),
        ] {
            assert_eq!(refusal(&format!("http://{bad}")), ALLOWED_HOST, "{bad}");
            assert_eq!(refusal(&format!("http://{bad}/x")), ALLOWED_HOST, "{bad}");
        }
    }

    #[test]
    fn ports_that_cannot_be_are_refused_and_it_is_said_which_can() {
        for bad in ["0", "00", "65536", "99999", "-1", "a", "1a", "1:2"] {
            for host in ["h", "[::1]", "127.0.0.1"] {
                assert_eq!(refusal(&format!("http://{host}:{bad}")), ALLOWED_PORT, "{host}:{bad}");
            }
        }
        let error = HubUrl::parse("http://h:0").unwrap_err();
        assert_eq!(
            error.to_string(),
            "hub_url: expected a port from 1 to 65535, got \"http://h:0\""
        );
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
            "http:///x",
            "http://@h",
            "http://h\\@evil",
            "http://h:",
            "http://h:/x",
        ] {
            assert_eq!(refusal(bad), ALLOWED, "{bad:?}");
        }
        assert_eq!(refusal(&format!("http://h/{}", "x".repeat(492))), ALLOWED);
    }

    #[test]
    fn an_error_shows_no_password() {
        let error = HubUrl::parse("http://user:secret@h").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    proptest! {
        #[test]
        fn a_host_of_labels_is_allowed_with_any_port(
            labels in prop::collection::vec("[a-z]([a-z0-9_]{0,10}[a-z0-9])?", 1..5),
            port in 1_u16..,
            dot in "\\.?",
        ) {
            let url = format!("http://{}{dot}:{port}", labels.join("."));
            prop_assert!(HubUrl::parse(&url).is_ok(), "{url}");
        }

        #[test]
        fn an_address_is_allowed(address in any::<std::net::IpAddr>()) {
            let url = match address {
                std::net::IpAddr::V4(v4) => format!("http://{v4}"),
                std::net::IpAddr::V6(v6) => format!("http://[{v6}]"),
            };
            prop_assert!(HubUrl::parse(&url).is_ok(), "{url}");
        }

        #[test]
        fn whatever_is_allowed_has_a_host_of_whole_labels(host in "[a-z0-9_.%:-]{1,12}") {
            if HubUrl::parse(&format!("http://{host}")).is_ok() {
                let name = host.split(':').next().unwrap_or_default();
                let name = name.strip_suffix('.').unwrap_or(name);
                prop_assert!(!name.contains('%') && !host.ends_with(":0"), "{host}");
                prop_assert!(name.split('.').all(is_label), "{host}");
            }
        }
    }
}
