//! The API key of client commands.

use url::{Host, Url};

use crate::output::plain;
use crate::settings::{Secret, SettingError, api_keys};

/// API key argument, before it is checked.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct ApiKeyArgs {
    /// Send this API key. Prefer the environment, because other users can see flags.
    #[arg(long, env = "FEDERATION_API_KEY", value_name = "KEY", hide_env_values = true)]
    #[arg(global = true, help_heading = "Connection")]
    pub api_key: Option<Secret>,
}

impl ApiKeyArgs {
    /// Returns the key to send to the service at this URL. Warns if it would be sent unencrypted.
    ///
    /// # Errors
    /// Fails if the text cannot be a key.
    pub(crate) fn for_service(&self, url: &Url) -> Result<Option<Secret>, SettingError> {
        let Some(key) = &self.api_key else { return Ok(None) };
        // A key copied from a file may end in a newline.
        let key = Secret::from(key.expose().trim());
        api_keys::check(key.expose())
            .map_err(|problem| SettingError::new("FEDERATION_API_KEY", problem))?;
        if url.scheme() == "http" && !is_loopback(url) {
            let host = plain(url.host_str().unwrap_or_default());
            eprintln!("warning: the API key is sent to {host} unencrypted; use https");
        }
        Ok(Some(key))
    }
}

/// Returns whether the URL names this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_key_is_rejected_and_not_repeated() {
        let url = Url::parse("http://127.0.0.1:8001").unwrap();
        for bad in ["hunter2", "hunter2 hunter2", "hunter2-\r\nX: y", "hunter2-é", " "] {
            let args = ApiKeyArgs { api_key: Some(bad.into()) };
            let error = args.for_service(&url).unwrap_err().to_string();
            assert!(error.starts_with("FEDERATION_API_KEY: ") && !error.contains("hunter2"));
        }
        let args = ApiKeyArgs { api_key: Some("hunter2-hunter2\n".into()) };
        let key = args.for_service(&url).unwrap().unwrap();
        assert_eq!(key.expose(), "hunter2-hunter2");
    }
}
