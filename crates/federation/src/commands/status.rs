//! `federation status`: the state of a running service on one screen.

mod exposition;
mod summary;

use std::io::{self, Write as _};
use std::thread::sleep;
use std::time::Duration;

use anyhow::bail;
use serde_json::json;

use self::exposition::Exposition;
use self::summary::Observed;
use super::api_key::ApiKeyArgs;
use super::projects::client::Client;
use crate::output;
use crate::settings::value::whole_number;

/// Escape sequences that move to the upper left corner and clear the screen from there.
const CLEAR: &str = "\x1b[H\x1b[J";

/// Arguments of `status`.
#[derive(Debug, clap::Args)]
pub struct StatusArgs {
    /// Connect to the service at this URL.
    #[arg(long, env = "FEDERATION_URL", value_name = "URL")]
    #[arg(default_value = "http://127.0.0.1:8001")]
    pub url: String,

    /// The API key.
    #[command(flatten)]
    pub key: ApiKeyArgs,

    /// Print JSON instead of text.
    #[arg(long, conflicts_with = "watch")]
    pub json: bool,

    /// Read the state again and again until interrupted.
    #[arg(long)]
    pub watch: bool,

    /// Number of seconds between two readings with --watch.
    #[arg(long, value_name = "SECONDS", value_parser = whole_number::<u64>, default_value = "2")]
    pub every: u64,
}

/// Prints the state of the service.
///
/// # Errors
/// Fails if the service cannot be reached, or answers something else.
pub fn run(args: &StatusArgs) -> anyhow::Result<()> {
    let client = Client::new(&args.url)?.with_key(&args.key)?;
    if args.watch {
        return watch(args, &client);
    }
    let observed = read(&client)?;
    let text = if args.json {
        let Observed { service, readiness, metrics } = &observed;
        json!({ "service": service, "readiness": readiness, "metrics": metrics.to_json() })
            .to_string()
    } else {
        summary::of(&observed, &args.url)
    };
    Ok(output::print(&text)?)
}

/// Prints the state repeatedly. A failure to read is shown, and the next attempt follows.
fn watch(args: &StatusArgs, client: &Client) -> anyhow::Result<()> {
    let is_terminal = output::size().is_some();
    loop {
        let text = match read(client) {
            Ok(observed) => summary::of(&observed, &args.url),
            Err(error) => format!("{error:#}\n"),
        };
        if is_terminal {
            io::stdout().write_all(CLEAR.as_bytes())?;
        }
        output::print(&text)?;
        sleep(Duration::from_secs(args.every.max(1)));
    }
}

fn read(client: &Client) -> anyhow::Result<Observed> {
    let service = client.get("/health")?;
    if !service.is_success() {
        bail!("{}", service.problem());
    }
    // A service that is not ready answers with 503 and its reasons.
    let readiness = client.get("/readyz")?.json()?;
    let metrics = client.get("/metrics")?;
    if !metrics.is_success() {
        bail!("{}", metrics.problem());
    }
    Ok(Observed { service: service.json()?, readiness, metrics: Exposition::parse(metrics.body()) })
}
