//! The NATS connection.

use std::path::PathBuf;

use federation_nats::{NatsSettings, TlsSettings};

use super::value::{Secret, SettingError, boolean};

/// Settings of the NATS connection, as given.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "NATS")]
pub struct BusArgs {
    /// The NATS servers, separated by commas; `none` does without.
    #[arg(long, env, value_name = "URL", default_value = "nats://localhost:4222")]
    #[arg(hide_env_values = true)]
    pub nats_url: Secret,

    /// The user to log in as; needs NATS_PASSWORD.
    #[arg(long, env, value_name = "NAME")]
    pub nats_user: Option<String>,

    /// The password of NATS_USER.
    #[arg(long, env, value_name = "PASSWORD", hide_env_values = true)]
    pub nats_password: Option<Secret>,

    /// The token to log in with.
    #[arg(long, env, value_name = "TOKEN", hide_env_values = true)]
    pub nats_token: Option<Secret>,

    /// The credentials file to log in with.
    #[arg(long, env, value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,

    /// Whether the connection must be encrypted; `tls://` in NATS_URL says the same.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub nats_tls_required: bool,

    /// A file of certificates (PEM) that are trusted to sign the server's, instead of the system's.
    #[arg(long, env, value_name = "FILE")]
    pub nats_tls_ca: Option<PathBuf>,

    /// The certificate (PEM) to show to the server; needs NATS_TLS_KEY.
    #[arg(long, env, value_name = "FILE")]
    pub nats_tls_cert: Option<PathBuf>,

    /// The private key (PEM) of NATS_TLS_CERT.
    #[arg(long, env, value_name = "FILE")]
    pub nats_tls_key: Option<PathBuf>,
}

impl BusArgs {
    /// How to reach NATS; none where `NATS_URL=none` switches the bus off.
    ///
    /// # Errors
    /// When a server is no NATS URL, or settings contradict each other.
    pub fn resolve(&self) -> Result<Option<NatsSettings>, SettingError> {
        let url = self.nats_url.expose().trim();
        if url.eq_ignore_ascii_case("none") {
            return Ok(None);
        }
        url.split(',').try_for_each(check_server)?;
        self.check_login()?;
        self.check_certificate()?;
        let exposed = |secret: &Option<Secret>| secret.as_ref().map(|s| s.expose().to_owned());
        Ok(Some(NatsSettings {
            user: self.nats_user.clone(),
            password: exposed(&self.nats_password),
            token: exposed(&self.nats_token),
            credentials_file: self.nats_creds.clone(),
            tls: TlsSettings {
                required: self.nats_tls_required,
                ca_file: self.nats_tls_ca.clone(),
                client_certificate: self.nats_tls_cert.clone(),
                client_key: self.nats_tls_key.clone(),
            },
            ..NatsSettings::new(url)
        }))
    }

    fn check_login(&self) -> Result<(), SettingError> {
        match (&self.nats_user, &self.nats_password) {
            (Some(_), None) => Err(SettingError::new("NATS_USER", "needs NATS_PASSWORD beside it")),
            (None, Some(_)) => Err(SettingError::new("NATS_PASSWORD", "needs NATS_USER beside it")),
            (Some(_), Some(_)) if self.nats_token.is_some() => {
                Err(SettingError::new("NATS_TOKEN", ONE_LOGIN))
            }
            (user, _)
                if self.nats_creds.is_some() && (user.is_some() || self.nats_token.is_some()) =>
            {
                Err(SettingError::new("NATS_CREDS", ONE_LOGIN))
            }
            _ => Ok(()),
        }
    }

    fn check_certificate(&self) -> Result<(), SettingError> {
        match (&self.nats_tls_cert, &self.nats_tls_key) {
            (Some(_), None) => {
                Err(SettingError::new("NATS_TLS_CERT", "needs NATS_TLS_KEY beside it"))
            }
            (None, Some(_)) => {
                Err(SettingError::new("NATS_TLS_KEY", "needs NATS_TLS_CERT beside it"))
            }
            _ => Ok(()),
        }
    }
}

const ONE_LOGIN: &str = "only one way to log in is allowed: NATS_USER with NATS_PASSWORD, \
                         NATS_TOKEN or NATS_CREDS";

/// Checks one server of the list. An error shows nothing of it, because it may bear a password.
fn check_server(text: &str) -> Result<(), SettingError> {
    let text = text.trim();
    let spelled = if text.contains("://") { text.to_owned() } else { format!("nats://{text}") };
    let known = url::Url::parse(&spelled).is_ok_and(|url| {
        matches!(url.scheme(), "nats" | "tls")
            && url.host_str().is_some_and(|host| !host.is_empty())
    });
    if known {
        return Ok(());
    }
    Err(SettingError::new(
        "NATS_URL",
        "nats://HOST:PORT and tls://HOST:PORT, several separated by commas, and none are allowed",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        bus: BusArgs,
    }

    fn resolve(args: &[&str]) -> Result<Option<NatsSettings>, String> {
        let args = std::iter::once("test").chain(args.iter().copied());
        Command::try_parse_from(args).unwrap().bus.resolve().map_err(|error| error.to_string())
    }

    #[test]
    fn none_switches_the_bus_off() {
        for none in ["none", " NONE "] {
            assert!(resolve(&["--nats-url", none]).unwrap().is_none());
        }
    }

    #[test]
    fn several_servers_are_separated_by_commas() {
        let url = "a:4222, tls://b,nats://u:p@[::1]:1";
        assert_eq!(resolve(&["--nats-url", url]).unwrap().unwrap().url, url);
    }

    #[test]
    fn what_is_no_server_is_refused_without_showing_it() {
        for url in ["http://hunter2@h", "nats://", "nats://u:hunter2@h,,", "nats://h:hunter2"] {
            let error = resolve(&["--nats-url", url]).unwrap_err();
            assert!(error.starts_with("NATS_URL: ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn there_is_one_way_to_log_in() {
        let password = ["--nats-user", "u", "--nats-password", "p"];
        let settings = resolve(&password).unwrap().unwrap();
        assert_eq!(
            (settings.user.as_deref(), settings.password.as_deref()),
            (Some("u"), Some("p"))
        );
        let error = resolve(&["--nats-user", "u"]).unwrap_err();
        assert!(error.contains("NATS_PASSWORD"), "{error}");
        let error = resolve(&[&password[..], &["--nats-token", "t"]].concat()).unwrap_err();
        assert!(error.starts_with("NATS_TOKEN: only one"), "{error}");
        let error = resolve(&["--nats-creds", "f", "--nats-token", "t"]).unwrap_err();
        assert!(error.starts_with("NATS_CREDS: only one"), "{error}");
    }

    #[test]
    fn a_certificate_needs_its_key() {
        let error = resolve(&["--nats-tls-cert", "c"]).unwrap_err();
        assert!(error.contains("NATS_TLS_KEY"), "{error}");
    }
}
