//! Where the REST API listens, and who may use it.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use federation_http::{Closed, HttpSettings, Key};

use super::api_keys;
use super::value::{Secret, SettingError, boolean};

/// Settings of the REST API, as given.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "REST API")]
pub struct HttpArgs {
    /// The address to listen on.
    #[arg(long, env, value_name = "HOST", default_value = "127.0.0.1")]
    pub service_host: String,

    /// The port to listen on; 0 takes a free one.
    #[arg(long, env, value_name = "PORT", default_value_t = 8001)]
    pub service_port: u16,

    /// Whether everyone who reaches the port may use it; must be said for other addresses than
    /// loopback, unless there are API keys, beside which it has no effect.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub allow_anonymous: bool,

    /// API keys, separated by commas or as a JSON list; each may do everything.
    #[arg(long, env, value_name = "KEYS", hide_env_values = true)]
    pub federation_api_keys: Option<Secret>,

    /// The file of API keys that `federation keys` writes; read anew when it changes.
    // Of a path, clap itself refuses the empty one, without naming the variable.
    #[arg(long = "keys-file", env, value_name = "FILE")]
    #[arg(value_parser = OsStringValueParser::new().map(PathBuf::from))]
    pub federation_keys_file: Option<PathBuf>,

    /// Whether /metrics needs an API key too, of the scope read.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub protect_metrics: bool,

    /// Whether /docs and /openapi.json need an API key too, of the scope read.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub protect_docs: bool,
}

/// Who may use the API, where it is not everyone.
#[derive(Debug, Clone)]
pub struct AuthSettings {
    /// Keys that were given as a setting.
    pub given: Vec<Key>,
    /// The file of further keys, yet to be read.
    pub file: Option<PathBuf>,
    /// What needs a key beside `/api/fed`.
    pub closed: Closed,
}

impl HttpArgs {
    /// Where to listen.
    ///
    /// # Errors
    /// When the host has no address, or when listening there would leave the API open to others
    /// than this machine without anyone having said that this is meant.
    pub fn resolve(&self) -> Result<HttpSettings, SettingError> {
        let has_keys = self.auth()?.is_some();
        let host = self.service_host.trim().trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<_> = (host, self.service_port)
            .to_socket_addrs()
            .map_err(|error| SettingError::new("SERVICE_HOST", format!("\"{host}\": {error}")))?
            .collect();
        if addresses.is_empty() {
            return Err(SettingError::new("SERVICE_HOST", format!("\"{host}\" has no address")));
        }
        check_exposure(&addresses, self.allow_anonymous || has_keys)?;
        Ok(HttpSettings { host: host.to_owned(), port: self.service_port, workers: None })
    }

    /// Who may use the API; none where there are no keys.
    ///
    /// # Errors
    /// When a setting means to protect the API and does not.
    pub fn auth(&self) -> Result<Option<AuthSettings>, SettingError> {
        let keys = self.federation_api_keys.as_ref().map(|keys| api_keys::parse(keys.expose()));
        let given = keys
            .transpose()
            .map_err(|problem| SettingError::new("FEDERATION_API_KEYS", problem))?;
        let file = self.federation_keys_file.clone();
        if file.as_ref().is_some_and(|file| file.as_os_str().is_empty()) {
            let problem = "is set but empty; name a file, or remove it from the environment";
            return Err(SettingError::new("FEDERATION_KEYS_FILE", problem));
        }
        let closed = Closed { metrics: self.protect_metrics, docs: self.protect_docs };
        if given.is_some() || file.is_some() {
            return Ok(Some(AuthSettings { given: given.unwrap_or_default(), file, closed }));
        }
        for (name, protects) in [("PROTECT_METRICS", closed.metrics), ("PROTECT_DOCS", closed.docs)]
        {
            if protects {
                let problem = "there are no API keys to protect it with; set FEDERATION_API_KEYS \
                               or FEDERATION_KEYS_FILE";
                return Err(SettingError::new(name, problem));
            }
        }
        Ok(None)
    }
}

/// Makes sure that nobody but this machine reaches the API, unless that is meant.
///
/// # Errors
/// When an address is not loopback, and that is not `meant` by keys or by `ALLOW_ANONYMOUS`.
pub fn check_exposure(addresses: &[SocketAddr], meant: bool) -> Result<(), SettingError> {
    let exposed = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    match exposed {
        Some(address) if !meant => Err(SettingError::new(
            "SERVICE_HOST",
            format!(
                "{} is reachable from other machines, and there are no API keys; set \
                 FEDERATION_API_KEYS or FEDERATION_KEYS_FILE, listen on 127.0.0.1, or set \
                 ALLOW_ANONYMOUS=true if everyone may use the API",
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
            service_host: host.to_owned(),
            service_port: 8001,
            allow_anonymous: false,
            federation_api_keys: None,
            federation_keys_file: None,
            protect_metrics: false,
            protect_docs: false,
        }
    }

    #[test]
    fn loopback_needs_no_permission() {
        for host in ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "::ffff:127.0.0.1", "localhost"] {
            assert!(args(host).resolve().is_ok(), "{host}");
        }
    }

    #[test]
    fn other_addresses_are_refused_until_anonymous_use_is_allowed() {
        for host in ["0.0.0.0", "::", "192.0.2.1", "::ffff:192.0.2.1"] {
            let mut args = args(host);
            let error = args.resolve().unwrap_err().to_string();
            assert!(error.contains("ALLOW_ANONYMOUS=true"), "{error}");
            args.allow_anonymous = true;
            assert!(args.resolve().is_ok(), "{host}");
        }
    }

    #[test]
    fn with_keys_every_address_is_fine() {
        for host in ["0.0.0.0", "::", "192.0.2.1"] {
            let keys = Some("alpha-key,beta-key".into());
            assert!(HttpArgs { federation_api_keys: keys, ..args(host) }.resolve().is_ok());
            let file = Some("keys.yaml".into());
            assert!(HttpArgs { federation_keys_file: file, ..args(host) }.resolve().is_ok());
        }
    }

    #[test]
    fn what_is_meant_to_protect_and_does_not_is_refused() {
        let local = || args("127.0.0.1");
        for (args, said) in [
            (
                HttpArgs { federation_api_keys: Some("".into()), ..local() },
                "FEDERATION_API_KEYS: is set but empty",
            ),
            (
                HttpArgs { federation_api_keys: Some("hunter2".into()), ..local() },
                "FEDERATION_API_KEYS: key 1 is too short",
            ),
            (
                HttpArgs { federation_keys_file: Some("".into()), ..local() },
                "FEDERATION_KEYS_FILE: is set but empty",
            ),
            (HttpArgs { protect_metrics: true, ..local() }, "PROTECT_METRICS: there are no API"),
            (HttpArgs { protect_docs: true, ..local() }, "PROTECT_DOCS: there are no API keys"),
        ] {
            let args = HttpArgs { allow_anonymous: true, ..args };
            let error = args.resolve().unwrap_err().to_string();
            assert!(error.starts_with(said) && !error.contains("hunter2"), "{error}");
        }
    }
}
