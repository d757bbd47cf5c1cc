//! The generator's own connection to NATS.

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions};
use federation_nats::NatsSettings;

/// Maximum number of heartbeats that wait to be written to the connection.
const CAPACITY: usize = 16_384;

/// Connects to a server.
///
/// # Errors
/// Fails if a file cannot be read or no server responds.
pub(super) async fn connect(settings: &NatsSettings) -> anyhow::Result<Client> {
    let servers: Vec<&str> = settings.url.split(',').map(str::trim).collect();
    options(settings)
        .await?
        .connect(servers)
        .await
        .context("cannot connect to NATS; check that it runs, or set NATS_URL or --nats-url")
}

async fn options(settings: &NatsSettings) -> anyhow::Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name("federation bench")
        .client_capacity(CAPACITY)
        .no_echo()
        .skip_subject_validation(true)
        .require_tls(settings.tls.required);
    if let Some(token) = &settings.token {
        options = options.token(token.clone());
    }
    if let (Some(user), Some(password)) = (&settings.user, &settings.password) {
        options = options.user_and_password(user.clone(), password.clone());
    }
    if let Some(file) = &settings.credentials_file {
        options = options.credentials_file(file).await.context("NATS_CREDS")?;
    }
    if let Some(file) = &settings.tls.ca_file {
        options = options.add_root_certificates(file.clone());
    }
    if let (Some(certificate), Some(key)) =
        (&settings.tls.client_certificate, &settings.tls.client_key)
    {
        options = options.add_client_certificate(certificate.clone(), key.clone());
    }
    Ok(options)
}
