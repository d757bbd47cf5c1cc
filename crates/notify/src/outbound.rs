//! Policy for connections to the outside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use url::{Host, Url};

/// Addresses at which clouds serve credentials, apart from the link-local ones.
const METADATA: [IpAddr; 3] = [
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// Rules for the addresses that the service connects to on behalf of a file or of a project.
///
/// Addresses are checked after each resolution of a name, and the connection uses the checked
/// address, so a name that resolves to another address later does not get around the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboundPolicy {
    /// Permit loopback and private networks.
    pub allow_private: bool,
}

impl Default for OutboundPolicy {
    fn default() -> Self {
        Self { allow_private: true }
    }
}

/// A connection that the policy forbids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    /// The URL is not usable.
    #[error("url: expected an http or https URL with a host and without credentials and fragment")]
    Url,
    /// The name has no address.
    #[error("the name of the receiver does not resolve")]
    NotFound,
    /// All addresses of the name are forbidden.
    #[error("the address of the receiver is not allowed: it is {0}")]
    Forbidden(&'static str),
}

impl OutboundPolicy {
    /// Checks a URL before it is used. An address in it is checked too, a name only when it is
    /// resolved.
    ///
    /// # Errors
    /// Returns the rule that it violates.
    pub fn check_url(self, url: &Url) -> Result<(), OutboundError> {
        let is_usable = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.fragment().is_none();
        if !is_usable {
            return Err(OutboundError::Url);
        }
        match url.host() {
            None => Err(OutboundError::Url),
            Some(Host::Domain(_)) => Ok(()),
            Some(Host::Ipv4(address)) => self.check(address.into()),
            Some(Host::Ipv6(address)) => self.check(address.into()),
        }
    }

    /// Checks an address.
    ///
    /// # Errors
    /// Returns the rule that it violates.
    pub fn check(self, address: IpAddr) -> Result<(), OutboundError> {
        match kind(address) {
            Kind::Public => Ok(()),
            Kind::Private if self.allow_private => Ok(()),
            Kind::Private => Err(OutboundError::Forbidden("private")),
            Kind::Never(what) => Err(OutboundError::Forbidden(what)),
        }
    }

    /// Resolves a name and returns the addresses that are allowed. Blocks.
    ///
    /// # Errors
    /// Fails if there is none.
    pub fn resolve(self, host: &str, port: u16) -> Result<Vec<SocketAddr>, OutboundError> {
        let addresses = (host, port).to_socket_addrs().map_err(|_| OutboundError::NotFound)?;
        self.allowed(addresses)
    }

    fn allowed(
        self,
        addresses: impl Iterator<Item = SocketAddr>,
    ) -> Result<Vec<SocketAddr>, OutboundError> {
        let mut reason = OutboundError::NotFound;
        let allowed = addresses.filter(|address| match self.check(address.ip()) {
            Ok(()) => true,
            Err(error) => {
                reason = error;
                false
            }
        });
        let allowed: Vec<_> = allowed.collect();
        if allowed.is_empty() { Err(reason) } else { Ok(allowed) }
    }

    /// Creates an HTTP client that obeys the policy. The configuration decides on everything else,
    /// but must neither follow redirects nor use a proxy.
    #[must_use]
    pub fn agent(self, config: Config) -> ureq::Agent {
        self.agent_with(config, DefaultResolver::default())
    }

    fn agent_with(self, config: Config, inner: impl Resolver) -> ureq::Agent {
        let resolver = Checked { policy: self, inner };
        ureq::Agent::with_parts(config, DefaultConnector::default(), resolver)
    }
}

/// Resolver that leaves out forbidden addresses.
#[derive(Debug)]
struct Checked<R> {
    policy: OutboundPolicy,
    inner: R,
}

impl<R: Resolver> Resolver for Checked<R> {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let resolved = self.inner.resolve(uri, config, timeout)?;
        let allowed = self.policy.allowed(resolved.iter().copied());
        let mut addresses = self.empty();
        for address in allowed.map_err(|error| ureq::Error::Other(error.into()))? {
            addresses.push(address);
        }
        Ok(addresses)
    }
}

enum Kind {
    Public,
    Private,
    Never(&'static str),
}

fn kind(address: IpAddr) -> Kind {
    let address = match address {
        IpAddr::V6(v6) => embedded(v6).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    };
    if METADATA.contains(&address) {
        return Kind::Never("a metadata service");
    }
    match address {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            if v4.is_link_local() {
                Kind::Never("link-local")
            } else if first == 0 || v4.is_broadcast() || v4.is_multicast() || first >= 240 {
                Kind::Never("not the address of a host")
            } else if v4.is_private()
                || v4.is_loopback()
                || (first == 100 && (64..128).contains(&second))
            {
                Kind::Private
            } else {
                Kind::Public
            }
        }
        IpAddr::V6(v6) => {
            if v6.is_unicast_link_local() {
                Kind::Never("link-local")
            } else if v6.is_unspecified() || v6.is_multicast() {
                Kind::Never("not the address of a host")
            } else if v6.is_loopback() || v6.is_unique_local() {
                Kind::Private
            } else {
                Kind::Public
            }
        }
    }
}

/// Returns the IPv4 address in a mapped, a compatible, a NAT64 or a 6to4 address.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            Some(v4(high, low))
        }
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(v4(high, low)),
        [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Resolves every name to these addresses.
    #[derive(Debug)]
    struct Fixed(Vec<SocketAddr>);

    impl Resolver for Fixed {
        fn resolve(
            &self,
            _: &Uri,
            _: &Config,
            _: NextTimeout,
        ) -> Result<ResolvedSocketAddrs, ureq::Error> {
            let mut addresses = self.empty();
            self.0.iter().for_each(|address| addresses.push(*address));
            Ok(addresses)
        }
    }

    fn request(addresses: &[SocketAddr]) -> Result<u16, String> {
        let resolver = Fixed(addresses.to_vec());
        let agent = OutboundPolicy::default().agent_with(Config::default(), resolver);
        let response = agent.get("http://project.example/health").call();
        response.map(|response| response.status().as_u16()).map_err(|error| error.to_string())
    }

    fn check(address: &str, allow_private: bool) -> Result<(), OutboundError> {
        OutboundPolicy { allow_private }.check(address.parse().unwrap())
    }

    #[test]
    fn link_local_and_metadata_addresses_are_never_allowed_in_any_notation() {
        for address in [
            "169.254.169.254",
            "169.254.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "::a9fe:a9fe",
            "fe80::1",
            "100.100.100.200",
            "fd00:ec2::254",
            "0.0.0.0",
            "::",
            "255.255.255.255",
            "224.0.0.1",
            "ff02::1",
        ] {
            assert!(check(address, true).is_err(), "{address}");
        }
    }

    #[test]
    fn a_name_that_resolves_to_forbidden_addresses_is_not_connected_to() {
        for (address, kind) in [
            ("169.254.169.254:80", "link-local"),
            ("[fe80::1]:80", "link-local"),
            ("100.100.100.200:80", "a metadata service"),
        ] {
            let error = request(&[address.parse().unwrap()]).unwrap_err();
            let expected = format!("the address of the receiver is not allowed: it is {kind}");
            assert!(error.contains(&expected), "{error}");
        }
    }

    #[test]
    fn only_allowed_addresses_of_a_name_are_connected_to() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let allowed = listener.local_addr().unwrap();
        let receiver = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let _ = connection.read(&mut [0; 1_024]).unwrap();
            connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        });
        assert_eq!(request(&["169.254.169.254:80".parse().unwrap(), allowed]), Ok(204));
        receiver.join().unwrap();
    }

    #[test]
    fn private_addresses_are_allowed_unless_the_policy_says_otherwise() {
        for address in
            ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12::1"]
        {
            assert_eq!(check(address, true), Ok(()), "{address}");
            assert_eq!(check(address, false), Err(OutboundError::Forbidden("private")));
        }
        for address in ["1.1.1.1", "100.128.0.1", "2606:4700::1111"] {
            assert_eq!(check(address, false), Ok(()), "{address}");
        }
    }

    #[test]
    fn a_url_names_a_host_over_http_and_nothing_secret() {
        let check = |url: &str| OutboundPolicy::default().check_url(&Url::parse(url).unwrap());
        for url in ["http://a", "https://a.b:8443/c?d=e", "http://[::1]/", "http://10.0.0.1"] {
            assert_eq!(check(url), Ok(()), "{url}");
        }
        for url in [
            "ftp://a",
            "file:///etc/passwd",
            "http://user@a",
            "http://:secret@a",
            "http://a/#b",
            "http://169.254.169.254/latest",
            "http://2852039166/",
            "http://0xa9fea9fe/",
        ] {
            assert!(check(url).is_err(), "{url}");
        }
    }
}
