//! Address and access control of the REST API.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use federation_http::{
    BadgePolicy, Closed, Cors, HttpSettings, Key, MAX_STREAMS_PER_CLIENT, PublicUrl,
};

use super::api_keys;
use super::value::{Secret, SettingError, boolean, delay, port, without_credentials};

/// Settings of the REST API, before they are checked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "REST API")]
pub struct HttpArgs {
    /// Listen on this host name or address.
    #[arg(long, env, value_name = "HOST", default_value = "127.0.0.1")]
    pub service_host: String,

    /// Listen on this port; 0 selects a free one.
    #[arg(long, env, value_name = "PORT", value_parser = port, default_value = "8001")]
    pub service_port: u16,

    /// Allow unauthenticated access. Required for non-loopback addresses when no API keys are
    /// configured; has no effect otherwise.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub allow_anonymous: bool,

    /// Accept these API keys, comma-separated or as a JSON list. Each key has 8 to 256 characters
    /// and the scope admin.
    #[arg(long, env, value_name = "KEYS", hide_env_values = true)]
    pub federation_api_keys: Option<Secret>,

    /// Accept the API keys in this file, which `federation keys` writes. It is reloaded within two
    /// seconds of a change and on SIGHUP.
    // The parser of clap for paths rejects an empty one without naming the variable.
    #[arg(long = "keys-file", env, value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub federation_keys_file: Option<PathBuf>,

    /// Sign the sessions of browsers with this secret of at least 32 characters, which all replicas
    /// must share. Without it, a session is valid only in the process that began it.
    #[arg(long, env, value_name = "TEXT", hide_env_values = true)]
    pub session_secret: Option<Secret>,

    /// Require an API key with the scope read for /metrics.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub protect_metrics: bool,

    /// URL under which clients reach the API, if a proxy adds a path prefix. It is used in Link,
    /// Location and the OpenAPI document.
    #[arg(long, env, value_name = "URL")]
    pub public_url: Option<String>,

    /// Permit scripts of pages on these origins to use the API, comma-separated, or * for all.
    /// Credentials such as cookies are never permitted.
    #[arg(long, env, value_name = "ORIGINS")]
    pub cors_origins: Option<String>,

    /// Serve badges of projects, without an API key: off, public for projects with the tag public, or
    /// all.
    #[arg(long, env, value_name = "POLICY", value_parser = BadgePolicy::parse, default_value = "off")]
    pub badges: BadgePolicy,

    /// Limit the event streams and long polls of one client, which is an API key, or an address if
    /// the service has no keys.
    #[arg(long, env, value_name = "NUMBER", value_parser = streams, default_value_t = MAX_STREAMS_PER_CLIENT)]
    pub max_streams_per_client: u32,

    /// Keep serving for this long after SIGTERM while /readyz reports 503, so that a load balancer
    /// can react. Use 5 behind a load balancer.
    #[arg(long, env, value_name = "SECONDS", value_parser = delay, default_value = "0")]
    pub shutdown_delay: Duration,

    /// Require an API key with the scope read for /docs and /openapi.json.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub protect_docs: bool,
}

/// Parses a limit of event streams.
fn streams(text: &str) -> Result<u32, String> {
    let number = text.trim().parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| "expected a whole number from 1 to 10000".to_owned())
}

/// Properties of the API that depend on its clients.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// URL under which clients reach the API.
    pub public_url: Option<PublicUrl>,
    /// Other origins whose pages may use the API.
    pub cors: Option<Cors>,
    /// Projects whose badges everybody may see.
    pub badges: BadgePolicy,
    /// Number of event streams and long polls of one client.
    pub max_streams_per_client: u32,
}

/// API keys and the paths that they protect.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// Keys from `FEDERATION_API_KEYS`.
    pub given: Vec<Key>,
    /// File of further keys.
    pub file: Option<PathBuf>,
    /// Protected paths besides `/api/fed`.
    pub closed: Closed,
    /// Secret that signs the sessions of browsers.
    pub session_secret: Option<Secret>,
}

impl HttpArgs {
    /// Returns the address to listen on.
    ///
    /// # Errors
    /// Fails if the host cannot be resolved, or if the API would be reachable from other machines
    /// without API keys and without `ALLOW_ANONYMOUS=true`.
    pub fn resolve(&self) -> Result<HttpSettings, SettingError> {
        let has_keys = self.auth()?.is_some();
        let host = self.service_host.trim().trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<_> = (host, self.service_port)
            .to_socket_addrs()
            .map_err(|error| {
                SettingError::new("SERVICE_HOST", format!("cannot resolve {host:?}: {error}"))
            })?
            .collect();
        if addresses.is_empty() {
            return Err(SettingError::new(
                "SERVICE_HOST",
                format!("expected a host name that resolves to an address, got {host:?}"),
            ));
        }
        check_exposure(&addresses, self.allow_anonymous || has_keys)?;
        Ok(HttpSettings { host: host.to_owned(), port: self.service_port, workers: None })
    }

    /// Returns the properties that depend on the clients of the API.
    ///
    /// # Errors
    /// Fails if `PUBLIC_URL` or `CORS_ORIGINS` is invalid.
    pub fn clients(&self) -> Result<ClientSettings, SettingError> {
        let public_url = self.public_url.as_deref().filter(|url| !url.trim().is_empty());
        let public_url = public_url.map(|url| {
            PublicUrl::parse(url).map_err(|allowed| {
                let shown = without_credentials(url);
                SettingError::new("PUBLIC_URL", format!("{allowed}, got {shown:?}"))
            })
        });
        let cors = Cors::parse(self.cors_origins.as_deref().unwrap_or_default())
            .map_err(|problem| SettingError::new("CORS_ORIGINS", problem))?;
        let (badges, max_streams_per_client) = (self.badges, self.max_streams_per_client);
        let public_url = public_url.transpose()?;
        Ok(ClientSettings { public_url, cors, badges, max_streams_per_client })
    }

    /// Returns the API keys, or `None` if none are configured.
    ///
    /// # Errors
    /// Fails if a setting that should protect the API does not.
    pub fn auth(&self) -> Result<Option<AuthSettings>, SettingError> {
        let keys = self.federation_api_keys.as_ref().map(|keys| api_keys::parse(keys.expose()));
        let given = keys
            .transpose()
            .map_err(|problem| SettingError::new("FEDERATION_API_KEYS", problem))?;
        let file = self.federation_keys_file.clone();
        if file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            let problem = "expected a file, got an empty value; name a file or unset the variable";
            return Err(SettingError::new("FEDERATION_KEYS_FILE", problem));
        }
        let closed = Closed { metrics: self.protect_metrics, docs: self.protect_docs };
        let session_secret =
            self.session_secret.clone().filter(|secret| !secret.expose().is_empty());
        if session_secret.as_ref().is_some_and(|secret| secret.expose().len() < 32) {
            let problem = "expected at least 32 characters, got fewer; create one with \
                           `openssl rand -hex 32`";
            return Err(SettingError::new("SESSION_SECRET", problem));
        }
        if given.is_some() || file.is_some() {
            let given = given.unwrap_or_default();
            return Ok(Some(AuthSettings { given, file, closed, session_secret }));
        }
        for (name, protects) in [("PROTECT_METRICS", closed.metrics), ("PROTECT_DOCS", closed.docs)]
        {
            if protects {
                let problem = "expected API keys, got none; set FEDERATION_API_KEYS or \
                               FEDERATION_KEYS_FILE";
                return Err(SettingError::new(name, problem));
            }
        }
        Ok(None)
    }
}

/// Checks that an unprotected API is reachable from this machine only.
///
/// # Errors
/// Fails if an address is not loopback and access is neither protected nor allowed to everyone.
fn check_exposure(addresses: &[SocketAddr], is_allowed: bool) -> Result<(), SettingError> {
    let exposed = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    match exposed {
        Some(address) if !is_allowed => Err(SettingError::new(
            "SERVICE_HOST",
            format!(
                "expected a loopback address because no API keys are configured, got {}; set \
                 FEDERATION_API_KEYS or FEDERATION_KEYS_FILE, listen on 127.0.0.1, or set \
                 ALLOW_ANONYMOUS=true",
                address.ip()
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(host: &str) -> HttpArgs {
        HttpArgs {
            shutdown_delay: Duration::ZERO,
            public_url: None,
            cors_origins: None,
            badges: BadgePolicy::Off,
            max_streams_per_client: MAX_STREAMS_PER_CLIENT,
            service_host: host.to_owned(),
            service_port: 8001,
            allow_anonymous: false,
            federation_api_keys: None,
            federation_keys_file: None,
            session_secret: None,
            protect_metrics: false,
            protect_docs: false,
        }
    }

    #[test]
    fn a_loopback_address_needs_no_keys() {
        for host in ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "::ffff:127.0.0.1", "localhost"] {
            assert!(args(host).resolve().is_ok(), "{host}");
        }
    }

    #[test]
    fn other_addresses_need_keys_or_anonymous_access() {
        for host in ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"] {
            let mut args = args(host);
            let error = args.resolve().unwrap_err().to_string();
            assert!(error.contains("ALLOW_ANONYMOUS=true"), "{error}");
            args.allow_anonymous = true;
            assert!(args.resolve().is_ok(), "{host}");
        }
    }

    #[test]
    fn every_address_is_accepted_with_keys() {
        for host in ["0.0.0.0", "::", "192.0.2.1"] {
            let keys = Some("alpha-key,beta-key".into());
            assert!(HttpArgs { federation_api_keys: keys, ..args(host) }.resolve().is_ok());
            let file = Some("keys.yaml".into());
            assert!(HttpArgs { federation_keys_file: file, ..args(host) }.resolve().is_ok());
        }
    }

    #[test]
    fn invalid_urls_and_origins_are_rejected_by_name() {
        let urls = |public: &str, cors: &str| {
            let (public_url, cors_origins) = (Some(public.to_owned()), Some(cors.to_owned()));
            HttpArgs { public_url, cors_origins, ..args("127.0.0.1") }.clients()
        };
        let clients = urls(" ", "").unwrap();
        assert_eq!((clients.public_url, clients.cors), (None, None));
        assert!(urls("https://example.org/federation/", "http://localhost:3000, *").is_err());
        assert!(urls("https://example.org/federation/", "http://localhost:3000").is_ok());
        let error = urls("/federation", "").unwrap_err().to_string();
        let start = "PUBLIC_URL: expected an absolute http or https URL";
        assert!(error.starts_with(start) && error.ends_with("got \"/federation\""), "{error}");
        let error = urls("", "example.org").unwrap_err().to_string();
        assert!(error.starts_with("CORS_ORIGINS: expected origins such as"), "{error}");
        for bad in ["0", "10001", "x", ""] {
            assert!(streams(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_setting_that_protects_nothing_is_rejected() {
        let local = || args("127.0.0.1");
        for (args, start) in [
            (
                HttpArgs { federation_api_keys: Some("".into()), ..local() },
                "FEDERATION_API_KEYS: expected keys, got an empty value",
            ),
            (
                HttpArgs { federation_api_keys: Some("hunter2".into()), ..local() },
                "FEDERATION_API_KEYS: key 1: expected 8 to 256",
            ),
            (
                HttpArgs { federation_keys_file: Some("".into()), ..local() },
                "FEDERATION_KEYS_FILE: expected a file",
            ),
            (
                HttpArgs { session_secret: Some("short".into()), ..local() },
                "SESSION_SECRET: expected at least 32 characters",
            ),
            (HttpArgs { protect_metrics: true, ..local() }, "PROTECT_METRICS: expected API keys"),
            (HttpArgs { protect_docs: true, ..local() }, "PROTECT_DOCS: expected API keys"),
        ] {
            let args = HttpArgs { allow_anonymous: true, ..args };
            let error = args.resolve().unwrap_err().to_string();
            assert!(error.starts_with(start) && !error.contains("hunter2"), "{error}");
        }
    }
}
