use std::fmt;
use std::path::PathBuf;

use async_nats::ConnectOptions;

use super::address::{UserInfo, without_credentials};
use super::{ConnectionError, Tuning, credentials};

/// Addresses and credentials for NATS.
///
/// At most one way to authenticate may be set. Credentials in the URL count as one. `Debug` shows no
/// secret.
#[derive(Clone)]
pub struct NatsSettings {
    /// Comma-separated addresses: `nats://host:4222`, `tls://host`, `host`.
    pub url: String,
    /// User name. Needs a password.
    pub user: Option<String>,
    /// Password of the user.
    pub password: Option<String>,
    /// Token.
    pub token: Option<String>,
    /// Credentials file (`.creds`) with a JWT and its key. It is read at each attempt to connect.
    pub credentials_file: Option<PathBuf>,
    /// TLS settings.
    pub tls: TlsSettings,
}

/// TLS settings of a connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Reject servers without TLS. `tls://` in the URL has the same effect.
    pub required: bool,
    /// PEM file of the CA certificates to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// PEM file of the client certificate. Needs a key.
    pub client_certificate: Option<PathBuf>,
    /// PEM file of the key of the client certificate.
    pub client_key: Option<PathBuf>,
}

impl NatsSettings {
    /// Creates settings without authentication and TLS.
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            user: None,
            password: None,
            token: None,
            credentials_file: None,
            tls: TlsSettings::default(),
        }
    }

    /// Checks the settings and the files they name, without connecting.
    ///
    /// # Errors
    /// Returns the first problem found.
    pub async fn check(&self) -> Result<(), ConnectionError> {
        super::prepare(self, &Tuning::default()).await.map(drop)
    }

    /// Returns options that authenticate, and do nothing else.
    pub(super) async fn authenticate(
        &self,
        in_url: Option<UserInfo>,
    ) -> Result<ConnectOptions, ConnectionError> {
        let options = ConnectOptions::new();
        self.check_at_most_one_way(in_url.as_ref())?;
        if let Some(UserInfo { user, password }) = in_url {
            // As in all NATS clients, a user without a password is a token.
            return Ok(match password {
                Some(password) => options.user_and_password(user, password),
                None => options.token(user),
            });
        }
        if let Some(token) = &self.token {
            return Ok(options.token(token.clone()));
        }
        if let Some(path) = &self.credentials_file {
            return credentials::authenticate_by(path).await;
        }
        match (&self.user, &self.password) {
            (Some(user), Some(password)) => {
                Ok(options.user_and_password(user.clone(), password.clone()))
            }
            (None, None) => Ok(options),
            _ => Err(ConnectionError::Authentication(
                "a NATS user needs a password, and a password needs a user",
            )),
        }
    }

    fn check_at_most_one_way(&self, in_url: Option<&UserInfo>) -> Result<(), ConnectionError> {
        let ways = [
            in_url.is_some(),
            self.user.is_some() || self.password.is_some(),
            self.token.is_some(),
            self.credentials_file.is_some(),
        ];
        if ways.into_iter().filter(|is_set| *is_set).count() > 1 {
            return Err(ConnectionError::Authentication(
                "set only one of these for NATS: credentials in the URL, a user with password, a \
                 token, a credentials file",
            ));
        }
        Ok(())
    }
}

impl Default for NatsSettings {
    /// Settings for `nats://localhost:4222`.
    fn default() -> Self {
        Self::new("nats://localhost:4222")
    }
}

impl fmt::Debug for NatsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hide = |secret: &Option<String>| secret.as_ref().map(|_| "…");
        f.debug_struct("NatsSettings")
            .field("url", &without_credentials(&self.url))
            .field("user", &self.user)
            .field("password", &hide(&self.password))
            .field("token", &hide(&self.token))
            .field("credentials_file", &self.credentials_file)
            .field("tls", &self.tls)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::prepare;

    #[test]
    fn debug_shows_no_secret() {
        for (url, server) in [
            ("nats://a:secret@h,tls://a:secret@i:1", "nats://h:4222,tls://i:1"),
            ("nats://a:sec/ret@h", "…"),
            ("nats://a:secret", "…"),
        ] {
            let secret = || Some("secret".into());
            let settings =
                NatsSettings { password: secret(), token: secret(), ..NatsSettings::new(url) };
            let shown = format!("{settings:?}");
            assert!(!shown.contains("sec"), "{shown}");
            assert!(shown.contains(&format!("{server:?}")), "{shown}");
        }
    }

    #[tokio::test]
    async fn only_one_way_to_authenticate_may_be_set() {
        let half = NatsSettings { user: Some("u".into()), ..NatsSettings::default() };
        let twice = NatsSettings { token: Some("t".into()), ..NatsSettings::new("nats://u:p@h") };
        for settings in [half, twice] {
            let error = prepare(&settings, &Tuning::default()).await.err().unwrap();
            assert!(matches!(error, ConnectionError::Authentication(_)), "{error}");
        }
    }

    #[tokio::test]
    async fn an_unusable_file_is_found_before_connecting() {
        let file = || Some(PathBuf::from("/nonexistent/file"));
        let tls = |tls| NatsSettings { tls, ..NatsSettings::default() };
        let none = TlsSettings::default;
        for settings in [
            NatsSettings { credentials_file: file(), ..NatsSettings::default() },
            NatsSettings { credentials_file: Some("Cargo.toml".into()), ..NatsSettings::default() },
            tls(TlsSettings { ca_file: file(), ..none() }),
            tls(TlsSettings { ca_file: Some("Cargo.toml".into()), ..none() }),
            tls(TlsSettings { client_certificate: file(), client_key: file(), ..none() }),
        ] {
            let error = prepare(&settings, &Tuning::default()).await.err().unwrap();
            assert!(matches!(error, ConnectionError::File { .. }), "{error}");
        }
        let half = tls(TlsSettings { client_certificate: file(), ..none() });
        assert!(prepare(&half, &Tuning::default()).await.is_err());
    }
}
