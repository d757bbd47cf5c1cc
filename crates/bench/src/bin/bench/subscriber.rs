//! A subscriber that counts messages: the least work that receiving heartbeats can take.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{App, HttpResponse, HttpServer, web};
use anyhow::Context as _;
use async_nats::{ConnectOptions, Message};
use futures_util::StreamExt as _;
use serde::Deserialize;

/// Number of messages that may wait before the client drops further ones, as in the service.
const CAPACITY: usize = 65_536;

/// Timeout of idle connections, as in the service.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// Arguments of `subscriber`.
#[derive(Debug, clap::Args)]
pub(crate) struct SubscriberArgs {
    /// Connect to this NATS server.
    #[arg(long, value_name = "URL")]
    nats_url: String,

    /// Serve the counter on this port of the loopback interface.
    #[arg(long, value_name = "PORT")]
    port: u16,

    /// Also parse every payload and look up its project among this number of projects.
    #[arg(long, value_name = "PROJECTS")]
    parse: Option<u32>,

    /// Count the samples in messages about metrics instead of heartbeats.
    #[arg(long, conflicts_with = "parse")]
    samples: bool,
}

/// The field of a payload that is needed to find its project.
#[derive(Deserialize)]
struct Payload<'a> {
    project_slug: &'a str,
}

/// A message about metrics.
#[derive(Deserialize)]
struct Samples<'a> {
    #[serde(borrow)]
    metrics: HashMap<&'a str, f64>,
}

/// Counts messages until the process is killed.
pub(crate) fn run(args: SubscriberArgs) -> anyhow::Result<()> {
    let counted = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&counted);
    let port = args.port;
    // Uses the same number of threads as the service.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.spawn(async move {
        if let Err(error) = count(&args, &counted).await {
            eprintln!("error: {error:#}");
            std::process::exit(1);
        }
    });
    actix_web::rt::System::new().block_on(answer(port, shown))
}

async fn count(args: &SubscriberArgs, counted: &AtomicU64) -> anyhow::Result<()> {
    let client = ConnectOptions::new()
        .subscription_capacity(CAPACITY)
        .connect(&args.nats_url)
        .await
        .context("cannot connect to NATS")?;
    let subject = if args.samples { "hub.metrics.*" } else { "hub.presence.*" };
    let mut messages = client.subscribe(subject).await?;
    let projects: HashMap<String, AtomicU64> = (1..=args.parse.unwrap_or(0))
        .map(|number| (format!("bench-{number:06}"), AtomicU64::new(0)))
        .collect();
    while let Some(message) = messages.next().await {
        if args.samples {
            let samples = serde_json::from_slice::<Samples<'_>>(&message.payload);
            let count = samples.map_or(0, |samples| samples.metrics.len());
            counted.fetch_add(u64::try_from(count)?, Ordering::Relaxed);
        } else if args.parse.is_none() || is_known(&projects, &message) {
            counted.fetch_add(1, Ordering::Relaxed);
        }
    }
    Ok(())
}

fn is_known(projects: &HashMap<String, AtomicU64>, message: &Message) -> bool {
    let payload = serde_json::from_slice::<Payload<'_>>(&message.payload);
    let project = payload.ok().and_then(|payload| projects.get(payload.project_slug));
    project.is_some_and(|heard| {
        heard.fetch_add(1, Ordering::Relaxed);
        true
    })
}

/// Serves the requests of `federation bench heartbeats`: the counters, and any project.
async fn answer(port: u16, counted: Arc<AtomicU64>) -> anyhow::Result<()> {
    let metrics = move || {
        format!(
            "federation_heartbeat_messages_total{{status=\"success\",source=\"nats\"}} {counted}\n\
             federation_metric_samples_total{{source=\"nats\"}} {counted}\n\
             federation_nats_connection_status 1\n",
            counted = counted.load(Ordering::Relaxed)
        )
    };
    let server = HttpServer::new(move || {
        let metrics = metrics.clone();
        App::new()
            .route("/metrics", web::get().to(move || std::future::ready(metrics())))
            .default_service(web::to(|| std::future::ready(HttpResponse::Ok().body("{}"))))
    });
    server
        .workers(1)
        .keep_alive(KEEP_ALIVE)
        .bind(("127.0.0.1", port))?
        .run()
        .await
        .context("the HTTP server stopped")
}
