//! Where the REST API listens, and who may use it.

use std::net::{SocketAddr, ToSocketAddrs};

use federation_http::HttpSettings;

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
    /// loopback.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub allow_anonymous: bool,

    /// API keys; not supported yet, so the service refuses to start while this is set.
    #[arg(long, env, value_name = "KEYS", hide_env_values = true)]
    pub federation_api_keys: Option<Secret>,
}

impl HttpArgs {
    /// Where to listen.
    ///
    /// # Errors
    /// When the host has no address, or when listening there would leave the API open to others
    /// than this machine without anyone having said that this is meant.
    pub fn resolve(&self) -> Result<HttpSettings, SettingError> {
        self.check_keys()?;
        let host = self.service_host.trim().trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<_> = (host, self.service_port)
            .to_socket_addrs()
            .map_err(|error| SettingError::new("SERVICE_HOST", format!("\"{host}\": {error}")))?
            .collect();
        if addresses.is_empty() {
            return Err(SettingError::new("SERVICE_HOST", format!("\"{host}\" has no address")));
        }
        check_exposure(&addresses, self.allow_anonymous)?;
        Ok(HttpSettings { host: host.to_owned(), port: self.service_port, workers: None })
    }

    /// Refuses keys, because a service that passed over them would be open where it should not be.
    fn check_keys(&self) -> Result<(), SettingError> {
        let problem = match &self.federation_api_keys {
            None => return Ok(()),
            Some(keys) if keys.expose().trim().is_empty() => {
                "is set but empty, which would mean that no key fits; remove it from the \
                 environment and from .env"
            }
            Some(_) => {
                "API keys are not supported yet, and a service that ignored them would be open to \
                 everyone; remove the setting, and keep the port on loopback or behind a proxy \
                 that asks for keys"
            }
        };
        Err(SettingError::new("FEDERATION_API_KEYS", problem))
    }
}

/// Makes sure that nobody but this machine reaches the API, unless that is meant.
///
/// # Errors
/// When an address is not loopback and `allow_anonymous` is not given.
pub fn check_exposure(addresses: &[SocketAddr], allow_anonymous: bool) -> Result<(), SettingError> {
    let exposed = addresses.iter().find(|address| !address.ip().to_canonical().is_loopback());
    match exposed {
        Some(address) if !allow_anonymous => Err(SettingError::new(
            "SERVICE_HOST",
            format!(
                "{} is reachable from other machines, and there are no API keys; listen on \
                 127.0.0.1, or set ALLOW_ANONYMOUS=true if everyone may use the API",
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
    fn keys_are_refused_rather_than_ignored() {
        for (keys, reason) in [("", "empty"), ("  ", "empty"), ("hunter2", "not supported yet")] {
            let mut args = args("127.0.0.1");
            args.allow_anonymous = true;
            args.federation_api_keys = Some(keys.into());
            let error = args.resolve().unwrap_err().to_string();
            assert!(error.starts_with("FEDERATION_API_KEYS: "), "{error}");
            assert!(error.contains(reason) && !error.contains("hunter2"), "{error}");
        }
    }
}
