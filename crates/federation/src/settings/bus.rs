//! The NATS connection.

use std::path::PathBuf;

use federation_nats::{ConnectionError, NatsSettings, TlsSettings};

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
    /// How to reach NATS, to be [checked](check); none where `NATS_URL=none` switches the bus off.
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

/// Checks how to reach NATS, and the files that say so, without connecting.
///
/// # Errors
/// What is wrong, under the names of the settings that may be to blame.
pub async fn check(settings: &NatsSettings) -> Result<(), SettingError> {
    // An error does not tell a login from a certificate, so they are checked one after the other.
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
    fn none_switches_the_bus_off() {
        for none in ["none", " NONE "] {
            assert!(resolve(&["--nats-url", none]).is_none());
        }
    }

    #[tokio::test]
    async fn several_servers_are_separated_by_commas() {
        let url = "a:4222, tls://b,nats://u:p@[::1]:1";
        let settings = resolve(&["--nats-url", url]).unwrap();
        assert_eq!(settings.url, url);
        check(&settings).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_server_is_refused_without_its_password() {
        for url in ["http://hunter2@h", "nats://", "nats://u:hunter2@h:x", ","] {
            let error = refusal(&["--nats-url", url]).await;
            assert!(error.starts_with("NATS_URL: ") && !error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn there_is_one_way_to_log_in() {
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
    async fn a_file_that_cannot_be_used_is_found_under_its_setting() {
        for (flag, name) in [("--nats-creds", "NATS_CREDS: "), ("--nats-tls-ca", "NATS_TLS_CA, ")] {
            let error = refusal(&[flag, "/nonexistent"]).await;
            assert!(error.starts_with(name) && error.contains("/nonexistent"), "{error}");
            assert!(error.contains("No such file"), "{error}");
        }
        let error = refusal(&["--nats-tls-cert", "c"]).await;
        assert!(error.starts_with("NATS_TLS_CA, NATS_TLS_CERT, NATS_TLS_KEY: "), "{error}");
    }
}
