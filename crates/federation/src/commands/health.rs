//! `federation health`.

use anyhow::bail;

use super::projects::client::Client;
use crate::output;

/// Arguments of `health`.
#[derive(Debug, clap::Args)]
pub struct HealthArgs {
    /// The service to ask [default: http://127.0.0.1:SERVICE_PORT].
    #[arg(long, env = "FEDERATION_URL", value_name = "URL")]
    pub url: Option<String>,

    /// The port of the service on this machine, where no URL is given.
    #[arg(long, env, value_name = "PORT", default_value_t = 8001)]
    pub service_port: u16,

    /// Ask only whether it runs, not whether it is ready.
    #[arg(long)]
    pub live: bool,
}

/// Asks the service.
///
/// # Errors
/// When it cannot be reached, or is not ready; then with its reasons.
pub fn run(args: &HealthArgs) -> anyhow::Result<()> {
    let local = format!("http://127.0.0.1:{}", args.service_port);
    let client = Client::new(args.url.as_deref().unwrap_or(&local))?;
    let (path, fine) = if args.live { ("/livez", "alive") } else { ("/readyz", "ready") };
    let answer = client.get(path)?;
    if answer.is_success() {
        return Ok(output::print(fine)?);
    }
    bail!("not {fine}: {}", answer.problem())
}
