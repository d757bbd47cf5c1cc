//! Settings of the NATS connection.

use std::path::PathBuf;

use federation_nats::{ConnectionError, NatsSettings, TlsSettings};

use super::value::{Secret, SettingError, boolean};

/// Settings of the NATS connection, before they are checked.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "NATS")]
pub struct BusArgs {
    /// Connect to these NATS servers, comma-separated, or `none` to run without NATS.
    #[arg(long, env, value_name = "URL", default_value = "nats://localhost:4222")]
    #[arg(hide_env_values = true)]
    pub nats_url: Secret,

    /// Log in as this user; requires NATS_PASSWORD.
    #[arg(long, env, value_name = "NAME")]
    pub nats_user: Option<String>,

    /// Log in as NATS_USER with this password.
    #[arg(long, env, value_name = "PASSWORD", hide_env_values = true)]
    pub nats_password: Option<Secret>,

    /// Log in with this token.
    #[arg(long, env, value_name = "TOKEN", hide_env_values = true)]
    pub nats_token: Option<Secret>,

    /// Log in with this credentials file.
    #[arg(long, env, value_name = "FILE")]
    pub nats_creds: Option<PathBuf>,

    /// Require an encrypted connection, as `tls://` in NATS_URL does.
    #[arg(long, env, value_name = "BOOL", value_parser = boolean, default_value = "false")]
    #[arg(num_args = 0..=1, default_missing_value = "true")]
    pub nats_tls_required: bool,

    /// Trust the CA certificates (PEM) in this file instead of those of the system.
    #[arg(long, env, value_name = "FILE")]
    pub nats_tls_ca: Option<PathBuf>,

    /// Present this client certificate (PEM); requires NATS_TLS_KEY.
    #[arg(long, env, value_name = "FILE")]
    pub nats_tls_cert: Option<PathBuf>,

    /// Use this private key (PEM) with NATS_TLS_CERT.
    #[arg(long, env, value_name = "FILE")]
    pub nats_tls_key: Option<PathBuf>,
}

impl BusArgs {
    /// Returns the connection settings, to be [checked](check), or `None` if `NATS_URL=none`.
    #[must_use]
    pub fn resolve(&self) -> Option<NatsSettings> {
        let url = self.nats_url.expose().trim();
        if url.eq_ignore_ascii_case("none") {
            return None;
        }
        let exposed = |secret: &Option<Secret>| secret.as_ref().map(|s| s.expose().to_owned());
        Some(NatsSettings {
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
        })
    }
}

/// Checks the connection settings and their files without connecting.
///
/// # Errors
/// Returns the problem under the names of the settings that may cause it.
pub async fn check(settings: &NatsSettings) -> Result<(), SettingError> {
    // An error does not reveal whether the login or a certificate is invalid, so each is checked
    // separately.
    let without_tls = NatsSettings { tls: TlsSettings::default(), ..settings.clone() };
    without_tls.check().await.map_err(|error| {
        let name = match &error {
            ConnectionError::InvalidUrl { .. } => "NATS_URL",
            ConnectionError::File { .. } => "NATS_CREDS",
            _ => "NATS_USER, NATS_PASSWORD, NATS_TOKEN, NATS_CREDS",
        };
        named(name, error)
    })?;
    settings.check().await.map_err(|error| named("NATS_TLS_CA, NATS_TLS_CERT, NATS_TLS_KEY", error))
}

fn named(name: &'static str, error: ConnectionError) -> SettingError {
    SettingError::new(name, format_args!("{:#}", anyhow::Error::new(error)))
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

    fn resolve(args: &[&str]) -> Option<NatsSettings> {
        let args = std::iter::once("test").chain(args.iter().copied());
        Command::try_parse_from(args).unwrap().bus.resolve()
    }

    async fn refusal(args: &[&str]) -> String {
        check(&resolve(args).unwrap()).await.unwrap_err().to_string()
    }

    #[test]
    fn none_runs_without_nats() {
        for none in ["none", " NONE "] {
            assert!(resolve(&["--nats-url", none]).is_none());
        }
    }

    #[tokio::test]
    async fn servers_are_comma_separated() {
        let url = "a:4222, tls://b,nats://u:p@[::1]:1";
        let settings = resolve(&["--nats-url", url]).unwrap();
        assert_eq!(settings.url, url);
        check(&settings).await.unwrap();
    }

    #[tokio::test]
    async fn an_invalid_server_is_rejected_without_its_password() {
        for url in ["http://hunter2@h", "nats://", "nats://u:hunter2@h:x", ","] {
            let error = refusal(&["--nats-url", url]).await;
            assert!(error.starts_with("NATS_URL: ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn only_one_way_to_log_in_is_accepted() {
        let password = ["--nats-user", "u", "--nats-password", "p"];
        let settings = resolve(&password).unwrap();
        assert_eq!(
            (settings.user.as_deref(), settings.password.as_deref()),
            (Some("u"), Some("p"))
        );
        check(&settings).await.unwrap();
        for args in [
            &["--nats-user", "u"][..],
            &["--nats-password", "p"],
            &[&password[..], &["--nats-token", "t"]].concat(),
            &["--nats-creds", "f", "--nats-token", "t"],
            &["--nats-url", "nats://u:p@h", "--nats-token", "t"],
        ] {
            let error = refusal(args).await;
            assert!(error.starts_with("NATS_USER, NATS_PASSWORD, NATS_TOKEN, "), "{error}");
        }
    }

    #[tokio::test]
    async fn an_unreadable_file_is_reported_under_its_setting() {
        for (flag, name) in [("--nats-creds", "NATS_CREDS: "), ("--nats-tls-ca", "NATS_TLS_CA, ")] {
            let error = refusal(&[flag, "/nonexistent"]).await;
            assert!(error.starts_with(name) && error.contains("/nonexistent"), "{error}");
            assert!(error.contains("No such file"), "{error}");
        }
        let error = refusal(&["--nats-tls-cert", "c"]).await;
        assert!(error.starts_with("NATS_TLS_CA, NATS_TLS_CERT, NATS_TLS_KEY: "), "{error}");
    }
}
