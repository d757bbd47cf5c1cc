use url::{Host, ParseError, Url};

use super::text_value;
use crate::InvalidValue;

const ALLOWED: &str = "an absolute http or https URL of at most 500 characters, with a host and \
                       without credentials or white space";
const ALLOWED_HOST: &str = "as host an IP address or a name of labels with dots \
                            between, each of 1 to 63 letters and digits, with hyphens and \
                            underscores only inside";
const ALLOWED_PORT: &str = "a port from 1 to 65535";

/// URL of a project: absolute, http or https, with a host and without credentials, at most 500
/// characters. Kept as given, not normalised.
///
/// The host is an IP address or a name. A name consists of DNS labels (RFC 1123). Underscores are
/// allowed too because container names have them. Non-ASCII letters are interpreted as their IDNA
/// form. A trailing dot is allowed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HubUrl(Box<str>);

impl HubUrl {
    /// Maximum length in characters.
    pub const MAX_CHARS: usize = 500;

    /// Parses a hub URL.
    ///
    /// # Errors
    /// Fails if the URL is too long, is not absolute, has another scheme than http or https, has
    /// credentials, has no host or an invalid one, or has port 0. Also fails on white space and
    /// control characters, which a URL parser would drop silently.
    pub fn parse(text: &str) -> Result<Self, InvalidValue> {
        let Err(allowed) = check(text) else { return Ok(Self(text.into())) };
        // A rejected URL may contain a password, and this text reaches logs.
        let shown = match text.rsplit_once('@') {
            Some((_, rest)) => format!("…@{rest}"),
            None => text.to_owned(),
        };
        Err(InvalidValue::new("hub_url", &shown, allowed))
    }
}

/// Returns a description of what is allowed if the text is invalid.
fn check(text: &str) -> Result<(), &'static str> {
    let fits = text.chars().nth(HubUrl::MAX_CHARS).is_none();
    let clean = !text.chars().any(|c| c.is_control() || c.is_whitespace());
    let authority = strict_authority(text).filter(|_| fits && clean).ok_or(ALLOWED)?;
    // The parser resolves escapes such as %68. Other programs do not.
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

/// Returns host and port, unless the URL needs repair. The WHATWG parser repairs `http:host`,
/// `http:///host`, backslashes, an empty user and an empty port, which other programs read
/// differently.
fn strict_authority(text: &str) -> Option<&str> {
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let meant = ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        && !authority.is_empty()
        && !authority.contains('@')
        && !authority.ends_with(':')
        && !rest.contains('\\');
    meant.then_some(authority)
}

/// Returns whether a name, as mapped by IDNA, is a valid host name. The length limits of DNS
/// (RFC 1035, section 2.3.4) include the dots.
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

    fn rule(text: &str) -> String {
        HubUrl::parse(text).expect_err(text).allowed
    }

    #[test]
    fn http_urls_are_kept_as_given() {
        for good in ["http://localhost:8000", "https://hub.example.org/a?b#c", "http://[::1]:1/"] {
            assert_eq!(HubUrl::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn valid_hosts_are_accepted() {
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
    fn invalid_hosts_are_rejected_with_the_rule() {
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
            assert_eq!(rule(&format!("http://{bad}")), ALLOWED_HOST, "{bad}");
            assert_eq!(rule(&format!("http://{bad}/x")), ALLOWED_HOST, "{bad}");
        }
    }

    #[test]
    fn invalid_ports_are_rejected_with_the_rule() {
        for bad in ["0", "00", "65536", "99999", "-1", "a", "1a", "1:2"] {
            for host in ["h", "[::1]", "127.0.0.1"] {
                assert_eq!(rule(&format!("http://{host}:{bad}")), ALLOWED_PORT, "{host}:{bad}");
            }
        }
        let error = HubUrl::parse("http://h:0").unwrap_err();
        assert_eq!(
            error.to_string(),
            "hub_url: expected a port from 1 to 65535, got \"http://h:0\""
        );
    }

    #[test]
    fn other_urls_than_plain_http_are_rejected() {
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
            assert_eq!(rule(bad), ALLOWED, "{bad:?}");
        }
        assert_eq!(rule(&format!("http://h/{}", "x".repeat(492))), ALLOWED);
    }

    #[test]
    fn an_error_does_not_show_the_password() {
        let error = HubUrl::parse("http://user:secret@h").unwrap_err();
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    proptest! {
        #[test]
        fn a_host_of_labels_is_accepted_with_any_port(
            labels in prop::collection::vec("[a-z]([a-z0-9_]{0,10}[a-z0-9])?", 1..5),
            port in 1_u16..,
            dot in "\\.?",
        ) {
            let url = format!("http://{}{dot}:{port}", labels.join("."));
            prop_assert!(HubUrl::parse(&url).is_ok(), "{url}");
        }

        #[test]
        fn an_ip_address_is_accepted(address in any::<std::net::IpAddr>()) {
            let url = match address {
                std::net::IpAddr::V4(v4) => format!("http://{v4}"),
                std::net::IpAddr::V6(v6) => format!("http://[{v6}]"),
            };
            prop_assert!(HubUrl::parse(&url).is_ok(), "{url}");
        }

        #[test]
        fn an_accepted_url_has_a_host_of_whole_labels(host in "[a-z0-9_.%:-]{1,12}") {
            if HubUrl::parse(&format!("http://{host}")).is_ok() {
                let name = host.split(':').next().unwrap_or_default();
                let name = name.strip_suffix('.').unwrap_or(name);
                prop_assert!(!name.contains('%') && !host.ends_with(":0"), "{host}");
                prop_assert!(name.split('.').all(is_label), "{host}");
            }
        }
    }
}
