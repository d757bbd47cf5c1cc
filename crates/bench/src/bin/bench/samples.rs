//! Publishes samples of metrics over NATS: ten in each message, for one project after the other.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use async_nats::{Client, ConnectOptions};

/// Number of samples in a message.
pub(crate) const SAMPLES: u32 = 10;

/// Number of messages between two readings of the clock in a flood.
const BATCH: u64 = 64;

/// Time between two batches at a fixed rate.
const STEP: Duration = Duration::from_millis(1);

/// Arguments of `samples`.
#[derive(Debug, clap::Args)]
pub(crate) struct SamplesArgs {
    /// Connect to this NATS server.
    #[arg(long, value_name = "URL")]
    nats_url: String,

    /// Publish for this number of projects.
    #[arg(long, value_name = "N")]
    projects: u32,

    /// Publish for this time.
    #[arg(long, value_name = "SECONDS")]
    seconds: u64,

    /// Publish this number of messages per second [default: as fast as possible].
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<u32>,
}

/// Publishes, then prints the number of samples that were sent.
pub(crate) fn run(args: &SamplesArgs) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    println!("{}", runtime.block_on(publish(args))?);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "a measurement takes real time")]
async fn publish(args: &SamplesArgs) -> anyhow::Result<u64> {
    let client = ConnectOptions::new().skip_subject_validation(true).connect(&args.nats_url).await;
    let client: Client = client.context("cannot connect to NATS")?;
    let subjects: Vec<_> =
        (1..=args.projects).map(|number| format!("hub.metrics.bench-{number:06}")).collect();
    let began = Instant::now();
    let mut sent = 0_u64;
    while began.elapsed() < Duration::from_secs(args.seconds) {
        let due = match args.rate {
            None => sent + BATCH,
            Some(rate) => (began.elapsed().as_secs_f64() * f64::from(rate)) as u64,
        };
        while sent < due {
            let subject = &subjects[usize::try_from(sent)? % subjects.len()];
            client.publish(subject.clone(), payload(sent).into()).await?;
            sent += 1;
        }
        if args.rate.is_some() {
            tokio::time::sleep(STEP).await;
        }
    }
    client.flush().await.context("lost the connection to NATS")?;
    Ok(sent * u64::from(SAMPLES))
}

/// Returns a message whose values differ from those of the previous one.
fn payload(number: u64) -> String {
    let mut payload = String::from(r#"{"metrics":{"#);
    for metric in 0..u64::from(SAMPLES) {
        let comma = if metric == 0 { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(payload, r#"{comma}"bench.m{metric}":{}.5"#, (number + metric) % 1_000);
    }
    payload + "}}"
}
