//! `federation health`.

use anyhow::bail;

use super::projects::client::Client;
use crate::output;
use crate::settings::value::port;

/// Arguments of `health`.
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// Connect to the service at this URL [default: http://127.0.0.1:SERVICE_PORT].
    #[arg(long, env = "FEDERATION_URL", value_name = "URL")]
    pub url: Option<String>,

    /// Connect to this port on this machine if no URL is set.
    #[arg(long, env, value_name = "PORT", value_parser = port, default_value = "8001")]
    pub service_port: u16,

    /// Check only that the service runs, not that it is ready.
    #[arg(long)]
    pub live: bool,
}

/// Checks the service.
///
/// # Errors
/// Fails if the service cannot be reached or is not ready, with its reasons.
pub fn run(args: &HealthArgs) -> anyhow::Result<()> {
    let local = format!("http://127.0.0.1:{}", args.service_port);
    let client = Client::new(args.url.as_deref().unwrap_or(&local))?;
    let (path, word) = if args.live { ("/livez", "alive") } else { ("/readyz", "ready") };
    let answer = client.get(path)?;
    if answer.is_success() {
        return Ok(output::print(word)?);
    }
    bail!("not {word}: {}", answer.problem())
}
